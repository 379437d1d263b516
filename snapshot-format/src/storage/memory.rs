//! Memory.
/// Memory.
#[derive(Debug)]
pub struct MemoryStorage;
