//! Single-key operations of the table beside other maps.
//!
//! Groups are `operation/shape`, ids `implementation/threads`. Times are of one operation on each
//! of the threads, which run it at once; throughput counts all of them.

use std::cell::LazyCell;
use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, BenchmarkId, Criterion, SamplingMode, Throughput};
use exuvia_benches::peers::{BATCH, Dashmap, Exuvia, Hashbrown, Papaya, Scc, Table};
use exuvia_benches::workload::{Distribution, Key, Shape, is_smoke_test, key, picks, value};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const THREADS: [usize; 2] = [1, 2];
const VALUE_BYTES: [usize; 2] = [32, 1_024];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Operation {
    Hit,
    HitZipf,
    Miss,
    Overwrite,
    Mixed,
    Insert,
    Batch,
    /// The same keys as in a batch, one by one.
    Singles,
}

impl Operation {
    fn group(self) -> &'static str {
        match self {
            Self::Hit => "hit",
            Self::HitZipf => "hit, zipf",
            Self::Miss => "miss",
            Self::Overwrite => "overwrite",
            Self::Mixed => "90 hits to 10 overwrites",
            Self::Insert => "insert",
            Self::Batch | Self::Singles => "16 keys at a time",
        }
    }

    /// Numbers of the keys that a thread asks for, in order.
    fn picks(self, shape: Shape, thread: usize) -> Vec<u32> {
        let distribution =
            if self == Self::HitZipf { Distribution::Zipf } else { Distribution::Uniform };
        let mut picks = picks(shape.keys, distribution, thread as u64);
        if self == Self::Miss {
            for pick in &mut picks {
                *pick += shape.keys as u32;
            }
        }
        picks
    }
}

/// What one thread asks for, in the order it does, and the value it writes.
struct Input {
    picks: Vec<u32>,
    keys: Vec<Key>,
    value: Vec<u8>,
}

impl Input {
    fn new(operation: Operation, shape: Shape, thread: usize) -> Self {
        let picks = operation.picks(shape, thread);
        let keys = picks.iter().map(|&pick| key(pick as usize)).collect();
        Self { picks, keys, value: value(0, shape.value_bytes) }
    }

    /// Key and number of operation `index`; the sequence repeats.
    #[inline]
    fn at(&self, index: u64) -> (&Key, u32) {
        let index = index as usize & (self.picks.len() - 1);
        (&self.keys[index], self.picks[index])
    }

    /// The value that belongs to a key's number.
    #[inline]
    fn value_of(&mut self, number: u32) -> &[u8] {
        self.value[..8].copy_from_slice(&u64::from(number).to_le_bytes());
        &self.value
    }

    /// The sum of the numbers that `operations` reads find.
    fn sum(&self, operations: u64, is_read: impl Fn(u64) -> bool) -> u64 {
        (0..operations).filter(|&index| is_read(index)).map(|i| u64::from(self.at(i).1)).sum()
    }
}

/// Whether operation `index` of the mixed load writes.
fn is_write(index: u64) -> bool {
    index % 10 == 9
}

/// Runs `operations` of a thread and returns how long they took, their results checked.
fn run<T: Table>(
    operation: Operation,
    table: &T,
    shape: Shape,
    thread: usize,
    operations: u64,
) -> Duration {
    let mut input = Input::new(operation, shape, thread);
    let start = Instant::now();
    let mut sum = 0;
    match operation {
        Operation::Hit | Operation::HitZipf | Operation::Singles => {
            for index in 0..operations {
                sum += table.get(input.at(index).0).expect("the key is there");
            }
        }
        Operation::Miss => {
            for index in 0..operations {
                sum += table.get(input.at(index).0).unwrap_or(0);
            }
        }
        Operation::Overwrite => {
            for index in 0..operations {
                let (&key, number) = input.at(index);
                table.overwrite(&key, input.value_of(number));
            }
        }
        Operation::Mixed => {
            for index in 0..operations {
                let (&key, number) = input.at(index);
                if is_write(index) {
                    table.overwrite(&key, input.value_of(number));
                } else {
                    sum += table.get(&key).expect("the key is there");
                }
            }
        }
        Operation::Batch => {
            for index in (0..operations).step_by(BATCH) {
                let keys = std::array::from_fn(|i| input.at(index + i as u64).0.as_slice());
                sum += table.sum(&keys);
            }
        }
        Operation::Insert => unreachable!("inserting has a table of its own"),
    }
    let elapsed = start.elapsed();
    let read = match operation {
        Operation::Hit | Operation::HitZipf | Operation::Singles => input.sum(operations, |_| true),
        Operation::Miss | Operation::Insert => 0,
        Operation::Overwrite => {
            for index in 0..operations.min(1_000) {
                let (key, number) = input.at(index);
                assert_eq!(table.get(key), Some(u64::from(number)), "{}", T::NAME);
            }
            0
        }
        Operation::Mixed => input.sum(operations, |index| !is_write(index)),
        Operation::Batch => input.sum(operations.next_multiple_of(BATCH as u64), |_| true),
    };
    assert_eq!(sum, read, "{} answers wrongly", T::NAME);
    elapsed
}

/// Runs `work` on so many threads at once and returns how long the slowest took.
fn at_once(threads: usize, work: impl Fn(usize) -> Duration + Sync) -> Duration {
    if threads == 1 {
        return work(0);
    }
    let start = Barrier::new(threads);
    thread::scope(|scope| {
        let spawn = |thread| {
            let (work, start) = (&work, &start);
            scope.spawn(move || {
                start.wait();
                work(thread)
            })
        };
        let running: Vec<_> = (0..threads).map(spawn).collect();
        let times = running.into_iter().map(|thread| thread.join().expect("results are right"));
        times.max().unwrap_or_default()
    })
}

fn fill<T: Table>(shape: Shape) -> T {
    let table = T::new();
    for number in 0..shape.keys {
        table.insert(&key(number), &value(number, shape.value_bytes));
    }
    assert_eq!(table.len(), shape.keys, "{} loses keys", T::NAME);
    table
}

/// Inserts keys `thread`, `thread + threads`, .. up to `end`.
fn insert<T: Table>(
    table: &T,
    shape: Shape,
    thread: usize,
    threads: usize,
    end: usize,
) -> Duration {
    let mut value = value(0, shape.value_bytes);
    let keys: Vec<Key> = (thread..end).step_by(threads).map(key).collect();
    let start = Instant::now();
    for (key, number) in keys.iter().zip((thread..end).step_by(threads)) {
        value[..8].copy_from_slice(&(number as u64).to_le_bytes());
        table.insert(key, &value);
    }
    start.elapsed()
}

/// Time of `operations` insertions on each thread, into as many fresh tables as that takes.
fn time_inserts<T: Table>(
    shape: Shape,
    threads: usize,
    operations: u64,
    at_once: impl Fn(&T, usize) -> Duration,
) -> Duration {
    let mut elapsed = Duration::ZERO;
    let mut left = operations as usize * threads;
    while left > 0 {
        let end = left.min(shape.keys);
        let table = T::short_lived();
        elapsed += at_once(&table, end);
        assert_eq!(table.len(), end, "{} loses keys", T::NAME);
        left -= end;
    }
    elapsed
}

/// Operations that are timed at least. The first call for a table also fills it, which criterion
/// takes for a slow operation, of which it would then time a handful with cold caches.
const OPERATIONS_MIN: u64 = 1 << 18;

/// The time that the operations that were `asked` for take, told from at least so many.
fn measured(asked: u64, time: impl FnOnce(u64) -> Duration) -> Duration {
    if is_smoke_test() {
        return time(asked);
    }
    let operations = asked.max(OPERATIONS_MIN);
    time(operations).mul_f64(asked as f64 / operations as f64)
}

type Group<'c> = BenchmarkGroup<'c, WallTime>;

fn concurrent<T: Table + Sync>(group: &mut Group<'_>, operation: Operation, shape: Shape) {
    let table = LazyCell::new(|| fill::<T>(shape));
    for threads in THREADS {
        group.throughput(Throughput::Elements(threads as u64));
        let name = match operation {
            Operation::Singles => format!("{}, one by one", T::NAME),
            _ => T::NAME.to_owned(),
        };
        group.bench_function(BenchmarkId::new(name, threads), |bencher| {
            bencher.iter_custom(|asked| {
                measured(asked, |operations| {
                    if operation == Operation::Insert {
                        return time_inserts(shape, threads, operations, |table: &T, end| {
                            at_once(threads, |thread| insert(table, shape, thread, threads, end))
                        });
                    }
                    let table = &*table;
                    at_once(threads, |thread| run(operation, table, shape, thread, operations))
                })
            });
        });
    }
}

fn exclusive<T: Table>(group: &mut Group<'_>, operation: Operation, shape: Shape) {
    let table = LazyCell::new(|| fill::<T>(shape));
    group.throughput(Throughput::Elements(1));
    group.bench_function(BenchmarkId::new(T::NAME, 1), |bencher| {
        bencher.iter_custom(|asked| {
            measured(asked, |operations| {
                if operation == Operation::Insert {
                    let insert = |table: &T, end| insert(table, shape, 0, 1, end);
                    return time_inserts(shape, 1, operations, insert);
                }
                run(operation, &*table, shape, 0, operations)
            })
        });
    });
}

fn bench(criterion: &mut Criterion, operation: Operation, shape: Shape) {
    let mut group = criterion.benchmark_group(format!("{}/{}", operation.group(), shape.name()));
    group.sampling_mode(SamplingMode::Flat);
    concurrent::<Exuvia>(&mut group, operation, shape);
    if operation == Operation::Batch {
        concurrent::<Exuvia>(&mut group, Operation::Singles, shape);
    }
    concurrent::<Papaya>(&mut group, operation, shape);
    concurrent::<Dashmap>(&mut group, operation, shape);
    concurrent::<Scc>(&mut group, operation, shape);
    exclusive::<Hashbrown>(&mut group, operation, shape);
    group.finish();
}

fn main() {
    let mut criterion = Criterion::default()
        .sample_size(12)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_millis(1_500))
        .configure_from_args();
    for value_bytes in VALUE_BYTES {
        let shape = Shape::with_value_bytes(value_bytes);
        for operation in [
            Operation::Hit,
            Operation::HitZipf,
            Operation::Miss,
            Operation::Overwrite,
            Operation::Mixed,
            Operation::Batch,
            Operation::Insert,
        ] {
            bench(&mut criterion, operation, shape);
        }
    }
    criterion.final_summary();
}
