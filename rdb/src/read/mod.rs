//! Reading a file.

mod hash;
mod list;
mod module;
mod options;
mod properties;
mod reader;
mod report;
mod set;
mod sorted_set;
mod stream;
mod stream_node;
mod value;

pub use options::ReadOptions;
pub use properties::{Properties, read_properties};
pub use reader::Reader;
pub use report::{Report, Skipped};
pub(crate) use value::{Key, Values};
