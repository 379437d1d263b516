//! Little-endian fields at fixed offsets of a block whose length was checked.

/// Reads the two bytes at `offset`.
pub(crate) fn u16_at(block: &[u8], offset: usize) -> u16 {
    u16::from_le_bytes(bytes_at(block, offset))
}

/// Reads the four bytes at `offset`.
pub(crate) fn u32_at(block: &[u8], offset: usize) -> u32 {
    u32::from_le_bytes(bytes_at(block, offset))
}

/// Reads the eight bytes at `offset`.
pub(crate) fn u64_at(block: &[u8], offset: usize) -> u64 {
    u64::from_le_bytes(bytes_at(block, offset))
}

/// Reads the `N` bytes at `offset`.
///
/// # Panics
///
/// If the block is shorter; callers check its length once, and offsets are constants.
#[inline]
pub(crate) fn bytes_at<const N: usize>(block: &[u8], offset: usize) -> [u8; N] {
    let mut field = [0; N];
    field.copy_from_slice(&block[offset..offset + N]);
    field
}

/// Writes `field` at `offset`.
///
/// # Panics
///
/// If the block is shorter; callers pass blocks of constant length and constant offsets.
#[inline]
pub(crate) fn put<const N: usize>(block: &mut [u8], offset: usize, field: [u8; N]) {
    block[offset..offset + N].copy_from_slice(&field);
}

/// Whether a reserved field is zero, as every writer of version 1 leaves it.
pub(crate) fn is_zero(field: &[u8]) -> bool {
    field.iter().all(|&byte| byte == 0)
}
