//! Bytes on the heap per entry, above its key and value, beside other maps.
//!
//! Not a matter of time: each table is filled once and what its blocks occupy is read off, with
//! the rounding of the allocator's size classes included.

#![expect(clippy::print_stdout, reason = "the table is what this program is for")]

use std::time::{Duration, Instant};

use exuvia_benches::heap::{CountingAllocator, live_bytes};
use exuvia_benches::peers::{Dashmap, Exuvia, Hashbrown, Papaya, Scc, Table};
use exuvia_benches::workload::{Shape, key, keys, value};

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

const VALUE_BYTES: [usize; 4] = [8, 32, 100, 1_024];
/// What may be left of an earlier table, far below what a table of any number of keys occupies.
const SLACK_BYTES: i64 = 64 << 10;

/// Waits until what earlier tables left to reclamation and to maintenance threads is freed.
fn settle(baseline: i64) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while live_bytes() > baseline + SLACK_BYTES && Instant::now() < deadline {
        // Whoever works next reclaims, in whatever store.
        let scratch = Exuvia::new();
        scratch.insert(b"key", b"a value");
        scratch.store().maintain();
    }
}

/// Fills a table, and returns the bytes per entry above key and value.
fn overhead<T: Table>(shape: Shape, baseline: i64) -> f64 {
    settle(baseline);
    let before = live_bytes();
    let table = T::new();
    let mut bytes = value(0, shape.value_bytes);
    for number in 0..shape.keys {
        bytes[..8].copy_from_slice(&(number as u64).to_le_bytes());
        table.insert(&key(number), &bytes);
    }
    drop(bytes);
    assert_eq!(table.len(), shape.keys, "{} loses keys", T::NAME);
    assert_eq!(table.get(&key(shape.keys - 1)), Some(shape.keys as u64 - 1));
    let grown = live_bytes() - before;
    (grown as f64 - shape.raw_bytes() as f64) / shape.keys as f64
}

/// The smallest and the largest overhead while a table grows by half: where a map has just
/// doubled it is at its worst, so a single number of keys would flatter one or the other.
fn range<T: Table>(value_bytes: usize, baseline: i64) -> (f64, f64) {
    let shape = |quarters| Shape { keys: keys() * quarters / 4, value_bytes };
    let overheads = [4, 5, 6].map(|quarters| overhead::<T>(shape(quarters), baseline));
    let least = overheads.iter().copied().fold(f64::INFINITY, f64::min);
    let most = overheads.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    (least, most)
}

fn row<T: Table>(baseline: i64) {
    print!("| {:<9} |", T::NAME);
    for value_bytes in VALUE_BYTES {
        let (least, most) = range::<T>(value_bytes, baseline);
        print!(" {:>11} |", format!("{least:.1} - {most:.1}"));
    }
    println!();
}

fn main() {
    // What lives as long as the process comes into being with the first store.
    drop(Exuvia::new());
    let baseline = live_bytes();
    println!("bytes per entry above key (16 B) and value, {} to {} keys", keys(), keys() * 3 / 2);
    print!("| value     |");
    for value_bytes in VALUE_BYTES {
        print!(" {:>11} |", format!("{value_bytes} B"));
    }
    println!("\n|-----------|-------------|-------------|-------------|-------------|");
    row::<Exuvia>(baseline);
    row::<Papaya>(baseline);
    row::<Dashmap>(baseline);
    row::<Scc>(baseline);
    row::<Hashbrown>(baseline);
}
