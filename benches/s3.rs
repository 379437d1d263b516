//! Saving to S3 and loading from it beside the official SDK's plain upload and download of the
//! same bytes, to and from the same service.
//!
//! `EXUVIA_BENCH_S3_ENDPOINT=127.0.0.1:9000` and AWS's variables for credentials name a service
//! with a bucket `exuvia-bench`; without them one in this process answers, whose own work is most
//! of what is measured then.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart};
use bytes::Bytes;
use criterion::measurement::WallTime;
use criterion::{BatchSize, BenchmarkGroup, Criterion, SamplingMode, Throughput};
use exuvia::format::storage::SnapshotStorage;
use exuvia::{Compression, Expiry, Options, SaveOptions, Saved, Store};
use exuvia_benches::service::{PART_BYTES, Service};
use exuvia_benches::workload::{Shape, is_smoke_test, key, value};
use tokio::task::JoinSet;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Memory for all parts in flight, for everybody: as much as the server has by default.
const BUFFER_BYTES: usize = 64 << 20;
/// Parts that fit into it.
const PARTS_IN_FLIGHT: usize = BUFFER_BYTES / PART_BYTES;

type Group<'c> = BenchmarkGroup<'c, WallTime>;

fn options() -> Options {
    Options::in_memory()
        .databases(1)
        .compression(Compression::None)
        .parts(2)
        .buffer_bytes(BUFFER_BYTES)
}

fn filled(shape: Shape) -> Store {
    let store = Store::open(options()).expect("a store in memory opens");
    for number in 0..shape.keys {
        let value = value(number, shape.value_bytes);
        store.set(&key(number), value, Expiry::Never).expect("keys and values are short");
    }
    store
}

fn save_to(store: &Store, storage: &Arc<dyn SnapshotStorage>) -> Saved {
    let mut options = SaveOptions::default();
    options.storage = Some(Arc::clone(storage));
    // One name for all: each save removes the one before.
    options.dbfilename = Some("bench".to_owned());
    store.save_with(options).expect("no other save runs").wait().expect("the service answers")
}

/// Stores `content` with a single request.
fn put_object(service: &Service, content: &Bytes) {
    let request = service.sdk.put_object().bucket(service.bucket()).key("sdk/whole");
    let request = request.body(ByteStream::from(content.clone()));
    service.runtime.block_on(request.send()).expect("the service answers");
}

/// Stores `content` in parts, `in_flight` of them at a time.
fn put_parts(service: &Service, content: &Bytes, in_flight: usize) {
    let (sdk, bucket, name) = (&service.sdk, service.bucket(), "sdk/parts");
    service.runtime.block_on(async {
        let upload = sdk.create_multipart_upload().bucket(bucket).key(name).send().await;
        let upload = upload.expect("the service answers");
        let id = upload.upload_id().expect("an id").to_owned();
        let (mut tasks, mut stored) = (JoinSet::new(), Vec::new());
        for (at, start) in (0..content.len()).step_by(PART_BYTES).enumerate() {
            if tasks.len() == in_flight {
                stored.push(tasks.join_next().await.expect("one is in flight").expect("no panic"));
            }
            let part = content.slice(start..content.len().min(start + PART_BYTES));
            let request = sdk.upload_part().bucket(bucket).key(name).upload_id(&id);
            let request = request.part_number(at as i32 + 1).body(ByteStream::from(part));
            tasks.spawn(async move {
                let part = request.send().await.expect("the service answers");
                CompletedPart::builder()
                    .part_number(at as i32 + 1)
                    .e_tag(part.e_tag().expect("an ETag"))
                    .set_checksum_crc32(part.checksum_crc32().map(str::to_owned))
                    .build()
            });
        }
        while let Some(part) = tasks.join_next().await {
            stored.push(part.expect("no panic"));
        }
        stored.sort_by_key(CompletedPart::part_number);
        let parts = CompletedMultipartUpload::builder().set_parts(Some(stored)).build();
        let request = sdk.complete_multipart_upload().bucket(bucket).key(name).upload_id(&id);
        request.multipart_upload(parts).send().await.expect("the service answers");
    });
}

/// Reads what [`put_object`] stored with a single request.
fn get_object(service: &Service, bytes: usize) {
    let request = service.sdk.get_object().bucket(service.bucket()).key("sdk/whole");
    let read = service.runtime.block_on(async {
        let mut body = request.send().await.expect("the service answers").body;
        let mut read = 0;
        while let Some(chunk) = body.next().await {
            read += chunk.expect("the connection holds").len();
        }
        read
    });
    assert_eq!(read, bytes, "an object of another length");
}

/// Reads it in ranges as long as a part, `in_flight` of them at a time, and keeps them.
fn get_ranges(service: &Service, bytes: usize, in_flight: usize) {
    let (sdk, bucket) = (&service.sdk, service.bucket());
    let read = service.runtime.block_on(async {
        let (mut tasks, mut read) = (JoinSet::new(), Vec::new());
        for start in (0..bytes).step_by(PART_BYTES) {
            if tasks.len() == in_flight {
                read.push(tasks.join_next().await.expect("one is in flight").expect("no panic"));
            }
            let end = bytes.min(start + PART_BYTES);
            let request = sdk.get_object().bucket(bucket).key("sdk/whole");
            let request = request.range(format!("bytes={start}-{}", end - 1));
            tasks.spawn(async move {
                let body = request.send().await.expect("the service answers").body;
                body.collect().await.expect("the connection holds").into_bytes()
            });
        }
        while let Some(range) = tasks.join_next().await {
            read.push(range.expect("no panic"));
        }
        read.iter().map(Bytes::len).sum::<usize>()
    });
    assert_eq!(read, bytes, "an object of another length");
}

/// Runs `work` and tells the most memory of this process that it took, above what was there.
fn peak_bytes(work: impl FnOnce()) -> u64 {
    let resident = || {
        let statm = std::fs::read_to_string("/proc/self/statm").expect("Linux");
        let pages = statm.split(' ').nth(1).and_then(|pages| pages.parse::<u64>().ok());
        pages.expect("a number of pages") * 4096
    };
    let before = resident();
    let (ended, peak) = (AtomicBool::new(false), std::sync::atomic::AtomicU64::new(before));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            // Relaxed: the values stand for themselves.
            while !ended.load(Ordering::Relaxed) {
                peak.fetch_max(resident(), Ordering::Relaxed);
                std::thread::sleep(Duration::from_millis(5));
            }
        });
        work();
        ended.store(true, Ordering::Relaxed);
    });
    peak.into_inner() - before
}

fn uploads(group: &mut Group<'_>, service: &Service, store: &Store, content: &Bytes) {
    group.bench_function("sdk, put_object/1", |bencher| {
        bencher.iter(|| put_object(service, content));
    });
    for in_flight in [1, PARTS_IN_FLIGHT] {
        group.bench_function(format!("sdk, upload_part/{in_flight}"), |bencher| {
            bencher.iter(|| put_parts(service, content, in_flight));
        });
    }
    let storage: Arc<dyn SnapshotStorage> = Arc::new(service.storage("exuvia"));
    group.bench_function("exuvia, save/2", |bencher| {
        bencher.iter(|| save_to(store, &storage));
    });
}

fn downloads(group: &mut Group<'_>, service: &Service, keys: usize, bytes: usize) {
    group.bench_function("sdk, get_object/1", |bencher| {
        bencher.iter(|| get_object(service, bytes));
    });
    group.bench_function(format!("sdk, get_object by ranges/{PARTS_IN_FLIGHT}"), |bencher| {
        bencher.iter(|| get_ranges(service, bytes, PARTS_IN_FLIGHT));
    });
    let storage = service.storage("exuvia");
    group.bench_function("exuvia, load/2", |bencher| {
        bencher.iter_batched(
            || Store::open(options()).expect("a store in memory opens"),
            |store| {
                let report = store.load_from(&storage, "bench", false);
                let report = report.expect("the snapshot is sound");
                assert_eq!(report.records, keys as u64, "a load misses keys");
                store
            },
            BatchSize::PerIteration,
        );
    });
}

#[expect(clippy::print_stdout, reason = "a benchmark reports there")]
fn memory(service: &Service, store: &Store, content: &Bytes) {
    let storage: Arc<dyn SnapshotStorage> = Arc::new(service.storage("memory"));
    let save = || drop(save_to(store, &storage));
    let put = || put_parts(service, content, PARTS_IN_FLIGHT);
    let runs: [(&str, &dyn Fn()); 2] = [("exuvia, save/2", &save), ("sdk, upload_part/8", &put)];
    for (name, run) in runs {
        let started = Instant::now();
        let peak = peak_bytes(run);
        println!(
            "memory/{} MB: {name}: {:.1} MiB at most above what was there, {:.2} s",
            content.len() / 1_000_000,
            peak as f64 / f64::from(1 << 20),
            started.elapsed().as_secs_f64()
        );
    }
}

fn main() {
    let mut criterion = Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(10))
        .configure_from_args();
    let service = Service::find();
    let shape = Shape::with_value_bytes(1_024);
    // More than a part in a smoke test, and what fits into memory twice otherwise.
    let shape = Shape { keys: if is_smoke_test() { 20_000 } else { shape.keys / 2 }, ..shape };
    let store = filled(shape);
    let storage: Arc<dyn SnapshotStorage> = Arc::new(service.storage("exuvia"));
    let bytes = save_to(&store, &storage).bytes;
    let content: Vec<u8> = (0..bytes.div_ceil(1_024) as usize)
        .flat_map(|number| value(number, 1_024))
        .take(bytes as usize)
        .collect();
    let content = Bytes::from(content);
    let group_of = |criterion: &mut Criterion, name: &str, run: &dyn Fn(&mut Group<'_>)| {
        let mut group = criterion.benchmark_group(format!("{name}/{} MB", bytes / 1_000_000));
        group.sampling_mode(SamplingMode::Flat);
        group.throughput(Throughput::Bytes(bytes));
        run(&mut group);
        group.finish();
    };
    group_of(&mut criterion, "upload", &|group| uploads(group, &service, &store, &content));
    memory(&service, &store, &content);
    drop(store);
    put_object(&service, &content);
    group_of(&mut criterion, "download", &|group| {
        downloads(group, &service, shape.keys, content.len());
    });
    criterion.final_summary();
}
