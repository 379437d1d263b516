//! How long the parts of an upload are, and how many of them fit into memory.

use exuvia_snapshot_format::storage::{BufferNeeds, WriteHint};

use crate::options::PART_BYTES_MIN;

/// Parts that an object is expected to need at most; as many again are in reserve.
const PARTS_EXPECTED: u64 = 5_000;
/// Beyond those, so many parts of each length before it doubles.
const PARTS_PER_STEP: u32 = 1_000;
/// Parts are a multiple of this.
const GRAIN_BYTES: u64 = 1 << 20;
/// Bytes of one read.
const READ_BYTES: usize = 4 << 20;
/// Parts of one object in memory beyond which no upload becomes faster.
const PARTS_IN_MEMORY_MAX: usize = 4;
/// What a writer needs besides its parts: the buffer that its caller fills.
const BUFFER_BYTES: usize = 1 << 20;

/// The lengths of the parts of one object.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PartSizes {
    /// Length of the first parts.
    first: usize,
    /// Memory for parts.
    room: usize,
}

impl PartSizes {
    /// Lengths for an object as long as `hint` expects, in the memory that it grants: where that is
    /// short, parts are shorter than `part_bytes`, but never than what services take.
    pub(crate) fn new(part_bytes: u64, hint: &WriteHint) -> Self {
        let granted = hint.buffer_bytes.saturating_mul(hint.buffers_max);
        let room = granted.saturating_sub(hint.buffer_bytes).max(PART_BYTES_MIN as usize);
        Self { first: first_part_bytes(part_bytes, hint.expected_bytes).min(room), room }
    }

    /// Length of part `number`, which counts from 1.
    pub(crate) fn part_bytes(&self, number: u32) -> usize {
        let beyond = number.saturating_sub(PARTS_EXPECTED as u32 + 1);
        let steps =
            if u64::from(number) > PARTS_EXPECTED { beyond / PARTS_PER_STEP + 1 } else { 0 };
        self.first.saturating_mul(1 << steps.min(16)).min(self.room)
    }

    /// How many parts are in memory at once, from part `number` on; at least one.
    pub(crate) fn in_memory(&self, number: u32) -> usize {
        (self.room / self.part_bytes(number)).max(1)
    }
}

/// Length of the first parts of an object.
fn first_part_bytes(part_bytes: u64, expected_bytes: u64) -> usize {
    let needed = expected_bytes.div_ceil(PARTS_EXPECTED).next_multiple_of(GRAIN_BYTES);
    part_bytes.max(needed) as usize
}

/// What memory an object of `expected_bytes` can use.
pub(crate) fn buffer_needs(part_bytes: u64, expected_bytes: u64) -> BufferNeeds {
    let part = first_part_bytes(part_bytes, expected_bytes);
    BufferNeeds {
        writer_bytes_min: part.saturating_add(BUFFER_BYTES),
        object_bytes_max: part.saturating_mul(PARTS_IN_MEMORY_MAX).saturating_add(BUFFER_BYTES),
        read_bytes_max: READ_BYTES,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    fn sizes(part_mib: u64, memory_mib: usize, expected_bytes: u64) -> PartSizes {
        let hint = WriteHint { buffer_bytes: 1 << 20, buffers_max: memory_mib, expected_bytes };
        PartSizes::new(part_mib * MIB, &hint)
    }

    #[test]
    fn parts_are_equally_long_as_long_as_the_expectation_holds() {
        for expected_bytes in [0, 1, 100 * MIB, 39_000 * MIB, 100_000 * MIB] {
            let sizes = sizes(8, 65, expected_bytes);
            let first = sizes.part_bytes(1);
            assert!((1..=5_000).all(|number| sizes.part_bytes(number) == first));
            assert!(first as u64 * PARTS_EXPECTED >= expected_bytes);
        }
        assert_eq!(sizes(8, 65, 0).part_bytes(1), 8 << 20);
        assert_eq!(sizes(8, 65, 50_000 * MIB).part_bytes(1), 10 << 20);
    }

    #[test]
    fn memory_is_never_exceeded_however_long_the_object() {
        for (memory_mib, expected_bytes) in [(17, 0), (33, 1 << 40), (65, 1 << 36), (9, 0)] {
            let sizes = sizes(8, memory_mib, expected_bytes);
            for number in 1..=10_000 {
                let used = sizes.part_bytes(number) * sizes.in_memory(number);
                assert!(used <= (memory_mib - 1) << 20, "{used} of {memory_mib} MiB");
            }
        }
        for (part_mib, memory_mib, part) in [(8, 1, 5), (8, 7, 6), (1024, 64, 63), (5120, 4, 5)] {
            let tight = sizes(part_mib, memory_mib, 0);
            let found = (tight.part_bytes(1), tight.in_memory(1));
            assert_eq!(found, (part << 20, 1), "{part_mib} MiB in {memory_mib}");
        }
    }

    #[test]
    fn an_object_longer_than_expected_finds_room_in_longer_parts() {
        let sizes = sizes(5, 200, 0);
        let total: u64 = (1..=10_000).map(|number| sizes.part_bytes(number) as u64).sum();
        assert!(total > 300 << 30, "{total}");
        assert!((1..10_000).all(|n| sizes.part_bytes(n) <= sizes.part_bytes(n + 1)));
    }
}
