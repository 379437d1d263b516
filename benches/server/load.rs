//! Load: as fast as it goes, and at a steady rate.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use exuvia_benches::workload::{Shape, key, value};
use fastrand::Rng;

use crate::client::{Client, encode};

/// Connections of the closed loop.
pub(crate) const CONNECTIONS: usize = 50;
/// Connections of the open loop, each with a thread.
const STEADY_CONNECTIONS: u64 = 8;
/// Writes a second of the open loop, over all connections.
pub(crate) const STEADY_RATE: u64 = 5000;

/// What the closed loop sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operation {
    Get,
    Set,
}

/// Sets every key once.
pub(crate) fn fill(port: u16, shape: Shape) {
    const BATCH: usize = 200;
    let mut client = Client::connect(port).expect("it answered before");
    let mut commands = Vec::new();
    for first in (0..shape.keys).step_by(BATCH) {
        commands.clear();
        let batch = first..(first + BATCH).min(shape.keys);
        for number in batch.clone() {
            encode(&mut commands, &[b"SET", &key(number), &value(number, shape.value_bytes)]);
        }
        client.send(&commands).expect("the server reads");
        client.pass(batch.len()).expect("the server answers");
    }
}

/// Sends `operations` commands over 50 connections, `pipeline` at a time on each, the next ones
/// when these are answered.
pub(crate) fn closed_loop(
    port: u16,
    shape: Shape,
    operation: Operation,
    pipeline: usize,
    operations: usize,
) {
    let mut rng = Rng::with_seed(1);
    let value = value(0, shape.value_bytes);
    let mut clients: Vec<Client> =
        (0..CONNECTIONS).map(|_| Client::connect(port).expect("50 clients may connect")).collect();
    let mut commands = Vec::new();
    for _ in 0..operations.div_ceil(CONNECTIONS * pipeline) {
        for client in &mut clients {
            commands.clear();
            for _ in 0..pipeline {
                let key = key(rng.usize(..shape.keys));
                match operation {
                    Operation::Get => encode(&mut commands, &[b"GET", &key]),
                    Operation::Set => encode(&mut commands, &[b"SET", &key, &value]),
                }
            }
            client.send(&commands).expect("the server reads");
        }
        for client in &mut clients {
            client.pass(pipeline).expect("the server answers");
        }
    }
}

/// A write of the open loop: when it was due, and how long after that it was answered.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sample {
    pub(crate) due: Instant,
    pub(crate) late: Duration,
}

/// Sends sets of random keys at a steady rate until told to stop. A write's latency counts from
/// when it was due, so that a stall is charged to all that it delays.
pub(crate) fn open_loop(port: u16, shape: Shape, stop: &AtomicBool) -> Vec<Sample> {
    thread::scope(|scope| {
        let threads: Vec<_> = (0..STEADY_CONNECTIONS)
            .map(|seed| scope.spawn(move || steady_client(port, shape, seed, stop)))
            .collect();
        threads.into_iter().flat_map(|thread| thread.join().expect("the server answers")).collect()
    })
}

fn steady_client(port: u16, shape: Shape, seed: u64, stop: &AtomicBool) -> Vec<Sample> {
    let interval = Duration::from_nanos(1_000_000_000 * STEADY_CONNECTIONS / STEADY_RATE);
    let mut client = Client::connect(port).expect("it answered before");
    let mut rng = Rng::with_seed(seed);
    let mut samples = Vec::new();
    let mut due = Instant::now() + interval.mul_f64(rng.f64());
    while !stop.load(Ordering::Relaxed) {
        thread::sleep(due.saturating_duration_since(Instant::now()));
        let number = rng.usize(..shape.keys);
        // Values repeat; each is random in itself.
        let value = value(number ^ (samples.len() << 1), shape.value_bytes);
        client.call(&[b"SET", &key(number), &value]).expect("the server answers");
        samples.push(Sample { due, late: due.elapsed() });
        due += interval;
    }
    samples
}
