//! Cuts and snapshots beside physical limits of the same run.
//!
//! * `cut`: what it takes to open one, and to walk it as an embedder does;
//! * `pages`: walking a cut into sealed pages, and reading them, beside copying the same bytes
//!   and hashing them;
//! * `disk`: saving and loading beside writing and reading the same bytes of the same device.

use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use criterion::measurement::WallTime;
use criterion::{BatchSize, BenchmarkGroup, BenchmarkId, Criterion, SamplingMode, Throughput};
use exuvia::format::storage::{MemoryStorage, SnapshotStorage};
use exuvia::{Compression, Expiry, LoadMode, Options, SaveOptions, Saved, Store};
use exuvia_benches::device;
use exuvia_benches::nowhere::Nowhere;
use exuvia_benches::workload::{Shape, key, value};
use xxhash_rust::xxh3::xxh3_64;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// One of a fresh snapshot's pages, roughly.
const PAGE_BYTES: usize = 128 << 10;

type Group<'c> = BenchmarkGroup<'c, WallTime>;

fn options() -> Options {
    Options::in_memory().databases(1).compression(Compression::None).parts(1)
}

fn fill(store: &Store, shape: Shape) {
    let database = store.database(0).expect("the first database is there");
    for number in 0..shape.keys {
        let value = value(number, shape.value_bytes);
        database.set(&key(number), value, Expiry::Never).expect("keys and values are short");
    }
}

fn filled(shape: Shape) -> Store {
    let store = Store::open(options()).expect("a store in memory opens");
    fill(&store, shape);
    store
}

fn save_to(store: &Store, storage: Arc<dyn SnapshotStorage>) -> Saved {
    let mut options = SaveOptions::default();
    options.storage = Some(storage);
    let save = store.save_with(options).expect("no other save runs");
    save.wait().expect("nothing can fail")
}

fn cuts(criterion: &mut Criterion, shape: Shape) {
    let mut group = criterion.benchmark_group(format!("cut/{}", shape.name()));
    let store = filled(shape);
    group.bench_function("exuvia, open and drop/1", |bencher| {
        bencher.iter(|| store.snapshot().expect("one snapshot is open"));
    });
    group.sampling_mode(SamplingMode::Flat);
    group.throughput(Throughput::Elements(shape.keys as u64));
    group.bench_function("exuvia, walk/1", |bencher| {
        bencher.iter(|| {
            let cut = store.snapshot().expect("one snapshot is open");
            let entries = cut.into_walks(1).into_iter().flatten().map(black_box).count();
            assert_eq!(entries, shape.keys, "a walk misses keys");
        });
    });
    group.finish();
}

/// Copies all bytes through a buffer of a page, and hashes each page.
fn copy_and_hash(bytes: &[u8], page: &mut [u8]) -> u64 {
    bytes.chunks(PAGE_BYTES).fold(0, |sum, chunk| {
        let page = &mut page[..chunk.len()];
        page.copy_from_slice(chunk);
        sum ^ xxh3_64(black_box(page))
    })
}

fn pages(criterion: &mut Criterion, shape: Shape) {
    let mut group = criterion.benchmark_group(format!("pages/{}", shape.name()));
    group.sampling_mode(SamplingMode::Flat);
    group.throughput(Throughput::Bytes(shape.raw_bytes()));
    let bytes: Vec<u8> = (0..shape.keys)
        .flat_map(|number| [key(number).to_vec(), value(number, shape.value_bytes)].concat())
        .collect();
    group.bench_function("memcpy and XXH3/1", |bencher| {
        let mut page = vec![0; PAGE_BYTES];
        bencher.iter(|| copy_and_hash(&bytes, &mut page));
    });
    drop(bytes);
    let store = filled(shape);
    group.bench_function("exuvia, save to nowhere/1", |bencher| {
        bencher.iter(|| {
            let saved = save_to(&store, Arc::new(Nowhere::default()));
            assert_eq!(saved.records, shape.keys as u64, "a save misses keys");
        });
    });
    let snapshot = Arc::new(MemoryStorage::new());
    let saved = save_to(&store, Arc::clone(&snapshot) as _);
    drop(store);
    group.bench_function("exuvia, load from memory/1", |bencher| {
        bencher.iter_batched(
            || Store::open(options()).expect("a store in memory opens"),
            |store| {
                let report = store.load_from(&*snapshot, &saved.name, false);
                let report = report.expect("the snapshot is sound");
                assert_eq!(report.records, shape.keys as u64, "a load misses keys");
                store
            },
            BatchSize::PerIteration,
        );
    });
    group.finish();
}

fn open_at(directory: &Path, load: LoadMode) -> Store {
    let options = Options::new(directory).databases(1).compression(Compression::None).load(load);
    Store::open(options).expect("the directory can be used")
}

fn writes(group: &mut Group<'_>, directory: &Path, shape: Shape) {
    let raw = directory.join("raw");
    group.bench_function(BenchmarkId::new("device, write", 4), |bencher| {
        bencher.iter(|| device::write(&raw, shape.raw_bytes()).expect("there is room"));
    });
    let store = open_at(directory, LoadMode::Off);
    store.set_dbfilename("bench").expect("a plain name is allowed");
    fill(&store, shape);
    group.bench_function("exuvia, save/1", |bencher| {
        bencher.iter(|| {
            let saved = store.save().expect("no other save runs").wait().expect("there is room");
            assert_eq!(saved.records, shape.keys as u64, "a save misses keys");
        });
    });
}

fn reads(group: &mut Group<'_>, directory: &Path, shape: Shape) {
    let raw = directory.join("raw");
    group.bench_function(BenchmarkId::new("device, read", 4), |bencher| {
        bencher.iter(|| device::read(&raw, shape.raw_bytes()).expect("it was written before"));
    });
    let store = open_at(directory, LoadMode::Off);
    group.bench_function("exuvia, load/1", |bencher| {
        bencher.iter(|| {
            let report = store.load("bench").expect("the snapshot is sound");
            assert_eq!(report.records, shape.keys as u64, "a load misses keys");
        });
    });
}

fn disk(criterion: &mut Criterion, shape: Shape) {
    let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("there is room");
    let mut group = criterion.benchmark_group(format!("disk/{}", shape.name()));
    group.sampling_mode(SamplingMode::Flat);
    group.throughput(Throughput::Bytes(shape.raw_bytes()));
    writes(&mut group, directory.path(), shape);
    reads(&mut group, directory.path(), shape);
    group.finish();
}

fn main() {
    let mut criterion = Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(3))
        .configure_from_args();
    for value_bytes in [32, 1_024] {
        let shape = Shape::with_value_bytes(value_bytes);
        cuts(&mut criterion, shape);
        pages(&mut criterion, shape);
    }
    let shape = Shape::with_value_bytes(1_024);
    // At least one of the device's blocks, also in a smoke test.
    disk(&mut criterion, Shape { keys: shape.keys.max(2_000) / 2, ..shape });
    criterion.final_summary();
}
