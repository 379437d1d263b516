//! The bytes that begin each item of a file: a value's type, or an opcode.

/// Types of values.
pub(crate) mod kind {
    pub(crate) const STRING: u8 = 0;
    pub(crate) const LIST: u8 = 1;
    pub(crate) const SET: u8 = 2;
    /// Scores as text.
    pub(crate) const ZSET: u8 = 3;
    pub(crate) const HASH: u8 = 4;
    /// Scores in binary.
    pub(crate) const ZSET_2: u8 = 5;
    /// Module data without structure, of release candidates.
    pub(crate) const MODULE_PRE_GA: u8 = 6;
    pub(crate) const MODULE_2: u8 = 7;
    pub(crate) const HASH_ZIPMAP: u8 = 9;
    pub(crate) const LIST_ZIPLIST: u8 = 10;
    pub(crate) const SET_INTSET: u8 = 11;
    pub(crate) const ZSET_ZIPLIST: u8 = 12;
    pub(crate) const HASH_ZIPLIST: u8 = 13;
    /// A list of ziplists.
    pub(crate) const LIST_QUICKLIST: u8 = 14;
    pub(crate) const STREAM_LISTPACKS: u8 = 15;
    pub(crate) const HASH_LISTPACK: u8 = 16;
    pub(crate) const ZSET_LISTPACK: u8 = 17;
    /// A list of listpacks and plain items.
    pub(crate) const LIST_QUICKLIST_2: u8 = 18;
    /// With the counters of stream and groups.
    pub(crate) const STREAM_LISTPACKS_2: u8 = 19;
    pub(crate) const SET_LISTPACK: u8 = 20;
    /// With the time each consumer was last active.
    pub(crate) const STREAM_LISTPACKS_3: u8 = 21;
    /// Redis: fields with absolute expiries, of a release candidate. Valkey: [`VALKEY_HASH`].
    pub(crate) const HASH_METADATA_PRE_GA: u8 = 22;
    /// Valkey: fields with absolute expiries behind their values.
    pub(crate) const VALKEY_HASH: u8 = 22;
    /// Redis: the same in a listpack. Valkey: [`VALKEY_PATH_HASH`].
    pub(crate) const HASH_LISTPACK_EX_PRE_GA: u8 = 23;
    /// Valkey: a hash of paths.
    pub(crate) const VALKEY_PATH_HASH: u8 = 23;
    /// Fields with expiries relative to the earliest one.
    pub(crate) const HASH_METADATA: u8 = 24;
    /// Triples of field, value and absolute expiry.
    pub(crate) const HASH_LISTPACK_EX: u8 = 25;

    /// Dragonfly: a document.
    pub(crate) const DF_JSON: u8 = 30;
    /// Dragonfly: triples of field, value and expiry in seconds.
    pub(crate) const DF_HASH_EXPIRY: u8 = 31;
    /// Dragonfly: pairs of member and expiry in seconds.
    pub(crate) const DF_SET_EXPIRY: u8 = 32;
    pub(crate) const DF_BLOOM: u8 = 33;
    pub(crate) const DF_BLOOM_2: u8 = 34;
    pub(crate) const DF_COUNT_MIN: u8 = 35;
}

/// Dragonfly: what follows was sent after a full synchronisation.
pub(crate) const DF_FULL_SYNC_END: u8 = 200;
pub(crate) const DF_ZSTD_BLOB: u8 = 201;
pub(crate) const DF_LZ4_BLOB: u8 = 202;
pub(crate) const DF_BLOB_END: u8 = 203;
/// Dragonfly: commands.
pub(crate) const DF_JOURNAL: u8 = 210;
pub(crate) const DF_JOURNAL_OFFSET: u8 = 211;
/// Dragonfly: properties of the next key.
pub(crate) const DF_KEY_FLAGS: u8 = 220;
pub(crate) const DF_VECTOR_INDEX: u8 = 222;
pub(crate) const DF_DOCUMENT_INDEX: u8 = 223;
/// The next key is never evicted.
pub(crate) const DF_FLAG_STICKY: u32 = 1;
/// The next key has four bytes of memcached flags.
pub(crate) const DF_FLAG_MEMCACHED: u32 = 2;

/// Valkey: a command.
pub(crate) const VALKEY_UPDATE: u8 = 242;
/// Valkey: a slot of a cluster is on its way here.
pub(crate) const VALKEY_SLOT_IMPORT: u8 = 243;
pub(crate) const SLOT_INFO: u8 = 244;
pub(crate) const FUNCTION_2: u8 = 245;
pub(crate) const FUNCTION_PRE_GA: u8 = 246;
pub(crate) const MODULE_AUX: u8 = 247;
pub(crate) const IDLE: u8 = 248;
pub(crate) const FREQUENCY: u8 = 249;
pub(crate) const AUX: u8 = 250;
pub(crate) const RESIZE: u8 = 251;
pub(crate) const EXPIRY_MS: u8 = 252;
pub(crate) const EXPIRY_S: u8 = 253;
pub(crate) const DATABASE: u8 = 254;
pub(crate) const END: u8 = 255;

/// How a string is stored that is not its own bytes.
pub(crate) mod string {
    pub(crate) const INT_8: u8 = 0;
    pub(crate) const INT_16: u8 = 1;
    pub(crate) const INT_32: u8 = 2;
    pub(crate) const LZF: u8 = 3;
}
