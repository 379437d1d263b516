//! Checksums: XXH3-64, seeded with the place that the bytes belong to.

use xxhash_rust::xxh3::{Xxh3, xxh3_64, xxh3_64_with_seed};

use crate::part::PartHeader;

/// Bytes of a checksum: it is the last eight bytes of whatever it covers.
pub(crate) const CHECKSUM_BYTES: usize = 8;

/// The number that stands for a page in the seed of a part's digest, where no page has it.
const DIGEST_PAGE: u32 = u32::MAX;

/// The checksum of page number `page` of `part`, over its bytes before the checksum.
pub fn page_checksum(part: &PartHeader, page: u32, bytes: &[u8]) -> u64 {
    xxh3_64_with_seed(bytes, place_seed(part, page))
}

/// The checksum of a header block or a manifest, over its bytes before the checksum.
pub fn block_checksum(bytes: &[u8]) -> u64 {
    xxh3_64(bytes)
}

/// The running digest of `part`, to be fed its index and its footer.
pub(crate) fn part_digest(part: &PartHeader) -> Xxh3 {
    Xxh3::with_seed(place_seed(part, DIGEST_PAGE))
}

/// Hashes snapshot id, part and page number into a seed, so that the bytes of one place never
/// pass at another.
fn place_seed(part: &PartHeader, page: u32) -> u64 {
    let mut place = [0; 24];
    place[..16].copy_from_slice(part.snapshot_id.as_bytes());
    place[16..20].copy_from_slice(&part.number.to_le_bytes());
    place[20..].copy_from_slice(&page.to_le_bytes());
    xxh3_64(&place)
}

/// Splits `bytes` into what a trailing checksum covers and the checksum.
pub(crate) fn split_checksum(bytes: &[u8]) -> Option<(&[u8], u64)> {
    let (covered, checksum) = bytes.split_last_chunk::<CHECKSUM_BYTES>()?;
    Some((covered, u64::from_le_bytes(*checksum)))
}
