//! How one budget of buffers is divided among the parts of a save or a load.

use crate::format::ReadHint;
use crate::format::storage::{BUFFER_ALIGNMENT, WriteHint};

/// What one request to the storage carries where the budget allows it.
const BUFFER_BYTES: usize = 1 << 20;

/// The smallest buffer: no page is longer.
const BUFFER_BYTES_MIN: usize = 512 << 10;

/// Requests in flight for one part beyond which no device becomes faster.
const BUFFERS_MAX: usize = 8;

/// Divides `budget_bytes` among `parts` writers that expect `expected_bytes` in all.
///
/// A writer gets at least two of the smallest buffers, whatever the budget says.
pub(super) fn write_hint(budget_bytes: usize, parts: usize, expected_bytes: u64) -> WriteHint {
    let (buffer_bytes, buffers_max) = divide(budget_bytes, parts);
    WriteHint { buffer_bytes, buffers_max, expected_bytes: expected_bytes / parts as u64 }
}

/// Divides `budget_bytes` among `readers`.
pub(super) fn read_hint(budget_bytes: usize, readers: usize) -> ReadHint {
    let (buffer_bytes, buffers) = divide(budget_bytes, readers);
    ReadHint { buffers, buffer_bytes }
}

fn divide(budget_bytes: usize, users: usize) -> (usize, usize) {
    let share = budget_bytes / users.max(1);
    let buffer_bytes = (share / 2).clamp(BUFFER_BYTES_MIN, BUFFER_BYTES);
    let buffer_bytes = buffer_bytes / BUFFER_ALIGNMENT * BUFFER_ALIGNMENT;
    (buffer_bytes, (share / buffer_bytes).clamp(2, BUFFERS_MAX))
}

const _: () = assert!(BUFFER_BYTES_MIN.is_multiple_of(BUFFER_ALIGNMENT));

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_division_stays_in_the_budget_wherever_it_can() {
        for parts in [1, 2, 3, 8, 64] {
            for budget in [1 << 20, 5_000_000, 8 << 20, 64 << 20, 1 << 30] {
                let hint = write_hint(budget, parts, 0);
                assert!(hint.buffer_bytes.is_multiple_of(BUFFER_ALIGNMENT));
                assert!(hint.buffers_max >= 2);
                let used = hint.buffer_bytes * hint.buffers_max * parts;
                assert!(used <= budget.max(2 * BUFFER_BYTES_MIN * parts), "{budget} by {parts}");
            }
        }
    }

    #[test]
    fn the_default_budget_gives_large_buffers() {
        let hint = write_hint(64 << 20, 8, 0);
        assert_eq!((hint.buffer_bytes, hint.buffers_max), (1 << 20, 8));
    }
}
