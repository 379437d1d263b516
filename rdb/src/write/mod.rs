//! Writing a file.

mod body;
mod list;
mod options;
mod output;
mod payload;
mod stream;
mod stream_groups;
mod writer;

pub use options::WriteOptions;
pub(crate) use payload::Payload;
pub use writer::Writer;
