//! How a file is read.

/// How a file is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReadOptions {
    /// A longer string, or collection in a compact encoding, is refused. 4 GiB by default, which
    /// is the most that any encoding of Redis holds.
    pub string_bytes_max: u64,
    /// Whether to leave out, and count, what has no event: function libraries, module data,
    /// definitions of indexes, documents, state of a cluster. By default they are refused by name.
    pub skip_unsupported: bool,
}

impl Default for ReadOptions {
    fn default() -> Self {
        Self { string_bytes_max: 4 << 30, skip_unsupported: false }
    }
}
