//! What can be wrong with the bytes of a snapshot, and with the way they are asked for.

use crate::hash::HashRange;
use crate::storage::StorageError;

/// A failure to write or read a snapshot's bytes.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FormatError {
    /// The storage failed; the format has nothing to add to its reason.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The object is of a version that this build does not know.
    #[error("{object} has format version {found}, this build reads version {supported}")]
    UnknownVersion {
        /// Name of the object.
        object: Box<str>,
        /// The version it says it has.
        found: u16,
        /// The newest version this build reads.
        supported: u16,
    },
    /// A page is damaged; the pages behind it can still be read.
    #[error(transparent)]
    Page(#[from] DamagedPage),
    /// A part is not the one that the manifest lists, or its header, index or footer is damaged.
    #[error("part {part} is damaged: {fault}")]
    Part {
        /// Name of the part.
        part: Box<str>,
        /// What is wrong.
        fault: PartFault,
    },
    /// A manifest is damaged.
    #[error("the manifest is damaged: {0}")]
    Manifest(ManifestFault),
    /// The build lacks the codec that a page, or a writer's options, ask for.
    #[error("this build cannot handle the codec {codec}")]
    UnsupportedCodec {
        /// Name of the codec.
        codec: &'static str,
    },
    /// A record was pushed that does not follow the one before it.
    #[error("a record is not in ascending order of database, hash and key")]
    OutOfOrder,
    /// A record was pushed whose hash is not in the part's range.
    #[error("hash {hash:016x} is outside the part's range {range}")]
    OutsideRange {
        /// The record's hash.
        hash: u64,
        /// The part's range.
        range: HashRange,
    },
    /// A record in pieces is longer than the caller allows.
    #[error("a record of {bytes} bytes is longer than the {bytes_max} allowed")]
    RecordTooLarge {
        /// Bytes of the key and the value.
        bytes: u64,
        /// The caller's limit.
        bytes_max: u64,
    },
    /// The pieces of a record do not fit together.
    #[error("the record with hash {hash:016x} in database {database} is broken: {fault}")]
    BrokenRecord {
        /// The record's database.
        database: u16,
        /// Its hash.
        hash: u64,
        /// What is wrong with the piece that was met last.
        fault: PageFault,
    },
    /// Options contradict each other or a limit.
    #[error("{0}")]
    InvalidOptions(&'static str),
    /// An earlier call failed; the object cannot be continued.
    #[error("an earlier failure ended this part")]
    Poisoned,
}

impl FormatError {
    /// Whether bytes that were read are not what was once written.
    pub fn is_corruption(&self) -> bool {
        matches!(
            self,
            Self::Page(_) | Self::Part { .. } | Self::Manifest(_) | Self::BrokenRecord { .. }
        )
    }

    /// Whether the same call may succeed later without anybody changing anything.
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Storage(error) if error.is_retryable())
    }
}

/// A page that cannot be used: which, where, and why.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("page {page} of {part} at offset {offset} (database {database}, hashes {hashes}): {fault}")]
pub struct DamagedPage {
    /// Name of the part.
    pub part: Box<str>,
    /// Number of the page in the part, from zero.
    pub page: u32,
    /// Offset of the page in the part.
    pub offset: u64,
    /// The database its records are in, by the part's index.
    pub database: u16,
    /// The range its records' hashes are in, by the part's index.
    pub hashes: HashRange,
    /// What is wrong.
    pub fault: PageFault,
}

/// Why a page is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PageFault {
    /// Fewer bytes than the page's header, or its stored length, asks for.
    #[error("the page is cut short")]
    CutShort,
    /// The page does not begin with the magic.
    #[error("no page begins here")]
    Magic,
    /// The checksum does not match: a flipped bit, or a page of another place.
    #[error("the checksum does not match")]
    Checksum,
    /// A header field holds a value that no writer produces.
    #[error("header field at {offset} is invalid")]
    Header {
        /// Offset of the field in the page.
        offset: u32,
    },
    /// The header and the part's index disagree.
    #[error("header field at {offset} disagrees with the part's index")]
    Index {
        /// Offset of the field in the page.
        offset: u32,
    },
    /// The codec is unknown, or not part of this build.
    #[error("codec {0} is not supported")]
    Codec(u8),
    /// The stored bytes do not decompress to the length in the header.
    #[error("the stored bytes do not decompress")]
    Compression,
    /// The payload is not a valid archive.
    #[error("the payload is not a valid archive")]
    Archive,
    /// The columns of the payload disagree about the number of records or bytes.
    #[error("the columns disagree at record {record}")]
    Columns {
        /// Number of the record in the page.
        record: u32,
    },
    /// A record's kind or value type is not supported by this build.
    #[error("record {record} has kind {kind:#04x}, which is not supported")]
    RecordKind {
        /// Number of the record in the page.
        record: u32,
        /// Its kind byte.
        kind: u8,
    },
    /// A record does not follow the one before it, or lies outside its page's or part's range.
    #[error("record {record} is out of order")]
    Order {
        /// Number of the record in the page.
        record: u32,
    },
    /// A piece does not continue the record that the page before it began.
    #[error("a piece does not continue its record")]
    Piece,
}

/// Why a part is refused as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PartFault {
    /// The object's length is not the manifest's.
    #[error("it is {found} bytes long, the manifest says {expected}")]
    Length {
        /// Bytes found.
        found: u64,
        /// Bytes the manifest lists.
        expected: u64,
    },
    /// The header block does not begin with the magic.
    #[error("it does not begin like a part")]
    Magic,
    /// The header block's checksum does not match.
    #[error("the checksum of its header does not match")]
    HeaderChecksum,
    /// The header block names another snapshot, part or range than the manifest.
    #[error("its header is not the one that the manifest lists")]
    Header,
    /// The digest over index and footer does not match the bytes or the manifest.
    #[error("the digest of its page index does not match")]
    Digest,
    /// The footer contradicts the manifest or the length of the object.
    #[error("its footer contradicts the manifest")]
    Footer,
    /// An entry of the page index is impossible.
    #[error("entry {page} of its page index is invalid")]
    Index {
        /// Number of the page.
        page: u32,
    },
    /// The pages together hold other totals than the footer and the manifest say.
    #[error("its pages do not add up to the manifest's totals")]
    Totals,
    /// The part ends in the middle of a record that is cut in pieces.
    #[error("its last record is incomplete")]
    IncompleteRecord,
}

/// Why a manifest is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ManifestFault {
    /// It is shorter or longer than any manifest, or than its own header says.
    #[error("its length of {found} bytes is wrong")]
    Length {
        /// Bytes found.
        found: u64,
    },
    /// It does not begin with the magic.
    #[error("it does not begin like a manifest")]
    Magic,
    /// The checksum does not match.
    #[error("its checksum does not match")]
    Checksum,
    /// The payload is not a valid archive.
    #[error("its payload is not a valid archive")]
    Archive,
    /// A field holds a value that no writer produces.
    #[error("its field {0} is invalid")]
    Field(&'static str),
    /// The entry of a part is impossible.
    #[error("its entry for part {part} is invalid: {field}")]
    Part {
        /// Number of the part.
        part: u32,
        /// The field that is wrong.
        field: &'static str,
    },
}
