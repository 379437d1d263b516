//! Latency of overwrites under a steady load, with cuts walked meanwhile, without, and beside
//! threads that only compute: on few processors a thread that is busy waits for others, whatever
//! those do.
//!
//! Open loop: every operation has a time at which it is due, and its latency counts from then,
//! whether or not the one before had ended. A stall is charged to all operations it delays.

#![expect(clippy::print_stdout, reason = "the table is what this program is for")]

use std::hint::spin_loop;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use exuvia_benches::peers::{Exuvia, Table};
use exuvia_benches::workload::{Distribution, Shape, is_smoke_test, key, picks, value};
use hdrhistogram::Histogram;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const RATE_PER_SEC: u64 = 200_000;
/// Longer latencies count as this one.
const LATENCY_NANOS_MAX: u64 = 60_000_000_000;

/// What another thread does while the load runs.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Beside {
    Nothing,
    /// It computes, and touches nothing: what any busy thread costs the writer.
    Spin,
    /// It takes cuts and walks them, one after the other.
    Walk,
}

impl Beside {
    fn name(self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::Spin => "spin",
            Self::Walk => "walk",
        }
    }
}

/// Threads that walking one cut after the other keeps busy: the one that walks, and the store's
/// own, which trims what the last cut held.
const THREADS_OF_A_WALK: usize = 2;

/// Nanoseconds from when operations were due until they had ended.
fn overwrite_at_a_rate(table: &Exuvia, shape: Shape, duration: Duration) -> Histogram<u64> {
    let picks = picks(shape.keys, Distribution::Uniform, 0);
    let mut bytes = value(0, shape.value_bytes);
    let mut histogram =
        Histogram::new_with_max(LATENCY_NANOS_MAX, 3).expect("three digits are a valid precision");
    let start = Instant::now();
    let operations = RATE_PER_SEC * duration.as_millis() as u64 / 1_000;
    for index in 0..operations {
        let due = Duration::from_nanos(index * 1_000_000_000 / RATE_PER_SEC);
        while start.elapsed() < due {
            spin_loop();
        }
        let number = picks[index as usize & (picks.len() - 1)];
        bytes[..8].copy_from_slice(&u64::from(number).to_le_bytes());
        table.overwrite(&key(number as usize), &bytes);
        let late = start.elapsed().saturating_sub(due);
        histogram.saturating_record(late.as_nanos() as u64);
    }
    histogram
}

/// Keeps a processor busy until it is told to stop.
fn spin_until(stop: &AtomicBool) {
    while !stop.load(Ordering::Relaxed) {
        spin_loop();
    }
}

/// Takes and walks cuts until it is told to stop; returns how many, and how long taking one took
/// at most.
fn walk_until(table: &Exuvia, shape: Shape, stop: &AtomicBool) -> (u32, Duration) {
    let mut walked = 0;
    let mut slowest = Duration::ZERO;
    while !stop.load(Ordering::Relaxed) {
        let start = Instant::now();
        let cut = table.store().snapshot().expect("one snapshot is open");
        slowest = slowest.max(start.elapsed());
        let entries = cut.into_walks(1).into_iter().flatten().count();
        assert_eq!(entries, shape.keys, "a walk misses keys");
        walked += 1;
    }
    (walked, slowest)
}

fn measure(shape: Shape, beside: Beside, duration: Duration) -> Histogram<u64> {
    let table = Exuvia::new();
    for number in 0..shape.keys {
        table.insert(&key(number), &value(number, shape.value_bytes));
    }
    let stop = AtomicBool::new(false);
    let (histogram, cuts, slowest) = thread::scope(|scope| {
        let (table, stop) = (&table, &stop);
        for _ in 0..if beside == Beside::Spin { THREADS_OF_A_WALK } else { 0 } {
            scope.spawn(move || spin_until(stop));
        }
        let walker =
            (beside == Beside::Walk).then(|| scope.spawn(move || walk_until(table, shape, stop)));
        let histogram = overwrite_at_a_rate(table, shape, duration);
        stop.store(true, Ordering::Relaxed);
        let walked = walker.map(|walker| walker.join().expect("walks are complete"));
        let (cuts, slowest) = walked.unwrap_or_default();
        (histogram, cuts, slowest)
    });
    let micros = |quantile: f64| histogram.value_at_quantile(quantile) as f64 / 1_000.0;
    println!(
        "| {:<16} | {:<7} | {cuts:>5} | {:>7.1} | {:>7.1} | {:>7.1} | {:>7.1} | {:>9.1} | {:>11.1} |",
        shape.name(),
        beside.name(),
        micros(0.5),
        micros(0.99),
        micros(0.999),
        micros(0.9999),
        histogram.max() as f64 / 1_000.0,
        slowest.as_nanos() as f64 / 1_000.0,
    );
    histogram
}

fn main() {
    let duration = Duration::from_millis(if is_smoke_test() { 100 } else { 10_000 });
    println!("microseconds per overwrite, {RATE_PER_SEC}/s open loop, one writer");
    println!(
        "| entries          | beside  | cuts  |  p50    |  p99    |  p99.9  |  p99.99 |  max      | snapshot()  |"
    );
    println!(
        "|------------------|---------|-------|---------|---------|---------|---------|-----------|-------------|"
    );
    for value_bytes in [32, 1_024] {
        let shape = Shape::with_value_bytes(value_bytes);
        let [nothing, spin, walk] = [Beside::Nothing, Beside::Spin, Beside::Walk]
            .map(|beside| measure(shape, beside, duration).value_at_quantile(0.999) as f64);
        println!(
            "  p99.9 with walks is {:.2} times the one beside nothing, {:.2} times the one beside \
             threads that spin",
            walk / nothing,
            walk / spin,
        );
    }
}
