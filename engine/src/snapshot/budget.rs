//! How one budget of buffers is divided among the parts of a save or a load.

use crate::format::ReadHint;
use crate::format::storage::{BUFFER_ALIGNMENT, BufferNeeds, WriteHint};

/// What one write carries where the budget allows it.
const BUFFER_BYTES: usize = 1 << 20;

/// The smallest buffer: no page is longer.
const BUFFER_BYTES_MIN: usize = 512 << 10;

/// How a save divides its budget.
#[derive(Clone, Copy, Debug)]
pub(super) struct WritePlan {
    /// What each writer may use.
    pub(super) hint: WriteHint,
    /// How many parts are written at a time.
    pub(super) writers: usize,
}

/// Divides `budget_bytes` among writers of `parts` that take `expected_bytes` in all, in a storage
/// that `needs` so much for each.
///
/// A writer gets at least two of the smallest buffers, whatever the budget says.
pub(super) fn write_plan(
    budget_bytes: usize,
    parts: usize,
    expected_bytes: u64,
    needs: BufferNeeds,
) -> WritePlan {
    let affordable = budget_bytes.checked_div(needs.writer_bytes_min).unwrap_or(parts);
    let writers = affordable.clamp(1, parts.max(1));
    let share = (budget_bytes / writers).min(needs.object_bytes_max);
    let (buffer_bytes, buffers_max) = divide(share, BUFFER_BYTES);
    let expected_bytes = expected_bytes / parts.max(1) as u64;
    WritePlan { hint: WriteHint { buffer_bytes, buffers_max, expected_bytes }, writers }
}

/// Divides `budget_bytes` among `readers`.
pub(super) fn read_hint(budget_bytes: usize, readers: usize, needs: BufferNeeds) -> ReadHint {
    let share = (budget_bytes / readers.max(1)).min(needs.object_bytes_max);
    let (buffer_bytes, buffers) = divide(share, needs.read_bytes_max);
    ReadHint { buffers, buffer_bytes }
}

/// Length and number of the buffers in `share` bytes.
fn divide(share: usize, buffer_bytes_max: usize) -> (usize, usize) {
    let buffer_bytes = (share / 2).clamp(BUFFER_BYTES_MIN, buffer_bytes_max.max(BUFFER_BYTES_MIN));
    let buffer_bytes = buffer_bytes / BUFFER_ALIGNMENT * BUFFER_ALIGNMENT;
    (buffer_bytes, (share / buffer_bytes).max(2))
}

const _: () = assert!(BUFFER_BYTES_MIN.is_multiple_of(BUFFER_ALIGNMENT));

#[cfg(test)]
mod tests {
    use super::*;

    const DISK: BufferNeeds =
        BufferNeeds { writer_bytes_min: 0, object_bytes_max: 8 << 20, read_bytes_max: 1 << 20 };
    /// A storage that wants much memory for each object.
    const REMOTE: BufferNeeds = BufferNeeds {
        writer_bytes_min: 9 << 20,
        object_bytes_max: 33 << 20,
        read_bytes_max: 4 << 20,
    };

    #[test]
    fn the_division_stays_in_the_budget_wherever_it_can() {
        for needs in [DISK, REMOTE] {
            for parts in [1, 2, 3, 8, 64] {
                for budget in [1 << 20, 5_000_000, 8 << 20, 64 << 20, 1 << 30] {
                    let WritePlan { hint, writers } = write_plan(budget, parts, 0, needs);
                    assert!(hint.buffer_bytes.is_multiple_of(BUFFER_ALIGNMENT));
                    assert!(hint.buffers_max >= 2 && (1..=parts).contains(&writers));
                    let each = hint.buffer_bytes * hint.buffers_max;
                    let least = (2 * BUFFER_BYTES_MIN * writers).max(budget);
                    assert!(each * writers <= least, "{budget} by {parts}");
                    assert!(writers == 1 || each + BUFFER_BYTES >= needs.writer_bytes_min);
                    let read = read_hint(budget, parts, needs);
                    let used = read.buffers * read.buffer_bytes * parts;
                    assert!(used <= (2 * BUFFER_BYTES_MIN * parts).max(budget));
                }
            }
        }
    }

    #[test]
    fn the_default_budget_gives_large_buffers() {
        let hint = write_plan(64 << 20, 8, 0, DISK).hint;
        assert_eq!((hint.buffer_bytes, hint.buffers_max), (1 << 20, 8));
        let read = read_hint(64 << 20, 2, REMOTE);
        assert_eq!((read.buffer_bytes, read.buffers), (4 << 20, 8));
    }

    #[test]
    fn fewer_parts_are_written_at_a_time_where_each_takes_much() {
        assert_eq!(write_plan(64 << 20, 64, 0, REMOTE).writers, 7);
        assert_eq!(write_plan(4 << 20, 64, 0, REMOTE).writers, 1);
        assert_eq!(write_plan(64 << 20, 64, 0, DISK).writers, 64);
    }
}
