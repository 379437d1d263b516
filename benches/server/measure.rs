//! What is measured of each server, in order.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use exuvia_benches::workload::{Shape, key};
use fastrand::Rng;
use hdrhistogram::Histogram;

use crate::client::{Client, Reply};
use crate::load::{self, Operation, Sample};
use crate::process::{PATIENCE, Process};

/// Longer latencies count as this one.
const LATENCY_MICROS_MAX: u64 = 600_000_000;

/// The figures of one server.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) name: String,
    /// CPU time of an operation in microseconds: SET and GET with pipelines of 16, SET and GET
    /// without.
    pub(crate) cpu_micros: [f64; 4],
    pub(crate) memory_bytes: u64,
    pub(crate) save: Duration,
    pub(crate) save_under_load: Duration,
    pub(crate) saves_under_load: usize,
    pub(crate) outside: Tails,
    pub(crate) inside: Tails,
    /// Peak of memory during saves, relative to before.
    pub(crate) peak: f64,
    pub(crate) peak_under_load: f64,
    pub(crate) disk_bytes: u64,
    pub(crate) restart: Duration,
}

/// Latencies in microseconds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tails {
    pub(crate) samples: u64,
    pub(crate) p50: u64,
    pub(crate) p99: u64,
    pub(crate) p999: u64,
    pub(crate) max: u64,
}

impl Tails {
    fn of<'s>(samples: impl Iterator<Item = &'s Sample>) -> Self {
        let mut histogram = Histogram::<u64>::new_with_max(LATENCY_MICROS_MAX, 3)
            .expect("three digits are a valid precision");
        for sample in samples {
            histogram.saturating_record(sample.late.as_micros() as u64);
        }
        let at = |quantile| histogram.value_at_quantile(quantile);
        let (samples, max) = (histogram.len(), histogram.max());
        Self { samples, p50: at(0.5), p99: at(0.99), p999: at(0.999), max }
    }
}

/// Measures one server from an empty directory to its restart.
pub(crate) fn measure(name: &str, command: &str, shape: Shape, quick: bool) -> Row {
    let cpu_micros = cpu(command, quick);
    let mut process = Process::start(command);
    let mut client = process.client();
    load::fill(process.port(), shape);
    let memory_bytes = process.memory_bytes();
    let (save, peak) = watched_save(&process, &mut client);
    let disk_bytes = process.disk_bytes();
    let busy = under_load(&process, &mut client, shape, quick);
    let restart = restart(&mut process, client, shape);
    Row {
        name: name.to_owned(),
        cpu_micros,
        memory_bytes,
        save,
        peak,
        disk_bytes,
        save_under_load: busy.median,
        saves_under_load: busy.saves,
        outside: busy.outside,
        inside: busy.inside,
        peak_under_load: busy.peak,
        restart,
    }
}

/// CPU time of an operation, of values of 64 bytes, by a server of its own.
fn cpu(command: &str, quick: bool) -> [f64; 4] {
    let (keys, scale) = if quick { (2000, 1000) } else { (1_000_000, 1) };
    let shape = Shape { keys, value_bytes: 64 };
    let process = Process::start(command);
    drop(process.client());
    load::fill(process.port(), shape);
    let cases = [
        (Operation::Set, 16, 2_000_000 / scale),
        (Operation::Get, 16, 2_000_000 / scale),
        (Operation::Set, 1, 300_000 / scale),
        (Operation::Get, 1, 300_000 / scale),
    ];
    cases.map(|(operation, pipeline, operations)| {
        let before = process.cpu();
        load::closed_loop(process.port(), shape, operation, pipeline, operations);
        process.cpu().saturating_sub(before).as_nanos() as f64 / 1000.0 / operations as f64
    })
}

/// Saves in the background and waits for the end; how long it took, and the peak of memory
/// relative to before.
fn watched_save(process: &Process, client: &mut Client) -> (Duration, f64) {
    let before = process.memory_bytes();
    let started = Instant::now();
    let reply = client.call(&[b"BGSAVE"]).expect("the server answers");
    assert!(matches!(reply, Reply::Line(_)), "{reply:?}");
    let mut peak = before;
    while is_saving(client) {
        assert!(started.elapsed() < PATIENCE, "the save does not end");
        peak = peak.max(process.memory_bytes());
        thread::sleep(Duration::from_millis(10));
    }
    (started.elapsed(), peak as f64 / before as f64)
}

fn is_saving(client: &mut Client) -> bool {
    let Ok(Reply::Bulk(info)) = client.call(&[b"INFO", b"persistence"]) else {
        panic!("INFO persistence is no text");
    };
    let info = String::from_utf8_lossy(&info);
    let saving = ["saving:1", "rdb_bgsave_in_progress:1"];
    info.lines().any(|line| saving.contains(&line.trim_end()))
}

/// What saves under a steady load came to.
struct Busy {
    median: Duration,
    saves: usize,
    outside: Tails,
    inside: Tails,
    peak: f64,
}

/// A steady load: some seconds without a save, then saves until enough writes fell inside them.
fn under_load(process: &Process, client: &mut Client, shape: Shape, quick: bool) -> Busy {
    let (quiet, writes) = if quick { (200, 100) } else { (6000, 20_000) };
    let stop = AtomicBool::new(false);
    let (samples, saves) = thread::scope(|scope| {
        let load = scope.spawn(|| load::open_loop(process.port(), shape, &stop));
        thread::sleep(Duration::from_millis(quiet));
        let mut saves = Vec::new();
        let mut inside = Duration::ZERO;
        while inside.as_secs_f64() * (load::STEADY_RATE as f64) < f64::from(writes) {
            let began = Instant::now();
            let (duration, peak) = watched_save(process, client);
            saves.push((began, duration, peak));
            inside += duration;
            // Some servers have no more than one save a second under one name.
            thread::sleep(Duration::from_millis(1100));
        }
        stop.store(true, Ordering::Relaxed);
        (load.join().expect("the server answers"), saves)
    });
    let first = saves[0].0;
    let falls_inside = |sample: &&Sample| {
        saves.iter().any(|(began, duration, _)| (*began..*began + *duration).contains(&sample.due))
    };
    let mut durations: Vec<Duration> = saves.iter().map(|save| save.1).collect();
    durations.sort();
    Busy {
        median: durations[durations.len() / 2],
        saves: saves.len(),
        outside: Tails::of(samples.iter().filter(|sample| sample.due < first)),
        inside: Tails::of(samples.iter().filter(falls_inside)),
        peak: saves.iter().map(|save| save.2).fold(1.0, f64::max),
    }
}

/// From the start of the process until all keys are there and random ones have values of their
/// own.
fn restart(process: &mut Process, mut client: Client, shape: Shape) -> Duration {
    // The connection may end before the reply.
    let _ = client.call(&[b"SHUTDOWN", b"SAVE"]);
    let started = process.restart();
    let mut client = process.client();
    while client.call(&[b"DBSIZE"]).expect("the server answers")
        != Reply::Line(shape.keys.to_string())
    {
        assert!(started.elapsed() < PATIENCE, "keys are missing");
        thread::sleep(Duration::from_millis(5));
    }
    let mut rng = Rng::with_seed(2);
    let mut values = HashSet::new();
    let looked_up = shape.keys.min(1000);
    for _ in 0..looked_up {
        let Ok(Reply::Bulk(found)) = client.call(&[b"GET", &key(rng.usize(..shape.keys))]) else {
            panic!("a key is missing");
        };
        assert_eq!(found.len(), shape.value_bytes);
        values.insert(found);
    }
    assert!(values.len() > looked_up / 2, "values are not those that were written");
    started.elapsed()
}
