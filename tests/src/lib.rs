//! The reference model, and what the tests that cross crates share.

pub mod chaos;
pub mod deadline;
pub mod fixture;
pub mod heap;
pub mod history;
pub mod model;
pub mod proxy;
pub mod s3;
pub mod seed;
