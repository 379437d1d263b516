//! What a reading found.

use super::Properties;

/// What was in a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// What the file says of itself.
    pub properties: Properties,
    /// Keys that were given to the sink.
    pub keys: u64,
    /// Bytes of the file, from its first to its end marker and checksum.
    pub bytes: u64,
    /// Whether the file has a checksum; it was right, then.
    pub has_checksum: bool,
    /// What was left out.
    pub skipped: Skipped,
}

/// How much of what has no event was left out of a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Skipped {
    /// Libraries of functions.
    pub functions: u64,
    /// Keys whose value is a module's, or a JSON document.
    pub keys: u64,
    /// Data that modules keep beside the keys.
    pub module_data: u64,
    /// Definitions of search indexes, and of their synonyms.
    pub indexes: u64,
    /// Slots that were being moved to the server that wrote the file.
    pub slot_imports: u64,
    /// Keys that Dragonfly would never evict, which are ordinary ones here.
    pub sticky_marks: u64,
    /// Keys with memcached flags, which they lose.
    pub memcached_flags: u64,
}

impl Skipped {
    /// Whether everything in the file became an event. Marks on keys are not counted.
    pub fn is_empty(&self) -> bool {
        let Self { functions, keys, module_data, indexes, slot_imports, .. } = self;
        [functions, keys, module_data, indexes, slot_imports].into_iter().all(|&count| count == 0)
    }
}
