//! The tables.

use exuvia_benches::workload::Shape;

use crate::load::STEADY_RATE;
use crate::measure::{Row, Tails};

/// Prints all figures of a run as tables that a README can take.
pub(crate) fn print(rows: &[Row], shape: Shape) {
    println!("\nCPU time of the server per operation, 64-byte values, 50 connections, in us:\n");
    println!("| | SET, pipeline of 16 | GET, pipeline of 16 | SET | GET |\n|---|---|---|---|---|");
    for row in rows {
        let [set_16, get_16, set, get] = row.cpu_micros;
        println!("| {} | {set_16:.2} | {get_16:.2} | {set:.2} | {get:.2} |", row.name);
    }
    println!("\nSaves of {}, idle and under {STEADY_RATE} SET/s:\n", shape.name());
    println!(
        "| | memory / raw | save, idle | peak | save under load | peak | on disk / raw | restart |\n\
         |---|---|---|---|---|---|---|---|"
    );
    let raw = shape.raw_bytes() as f64;
    for row in rows {
        let seconds = row.save.as_secs_f64();
        println!(
            "| {} | {:.2} | {seconds:.2} s ({:.0} MB/s) | x {:.2} | {:.2} s | x {:.2} | {:.2} \
             | {:.2} s |",
            row.name,
            row.memory_bytes as f64 / raw,
            raw / 1e6 / seconds,
            row.peak,
            row.save_under_load.as_secs_f64(),
            row.peak_under_load,
            row.disk_bytes as f64 / raw,
            row.restart.as_secs_f64(),
        );
    }
    println!("\nLatency of these SETs from when they were due, outside → inside saves, in ms:\n");
    println!("| | p50 | p99 | p99.9 | max | SETs inside | saves |\n|---|---|---|---|---|---|---|");
    for row in rows {
        println!(
            "| {} | {} | {} | {} | {} | {} | {} |",
            row.name,
            change(row, |tails| tails.p50),
            change(row, |tails| tails.p99),
            change(row, |tails| tails.p999),
            change(row, |tails| tails.max),
            row.inside.samples,
            row.saves_under_load,
        );
    }
}

/// A figure outside saves and inside, in milliseconds.
fn change(row: &Row, figure: impl Fn(&Tails) -> u64) -> String {
    let millis = |tails| figure(tails) as f64 / 1000.0;
    format!("{:.2} → {:.2}", millis(&row.outside), millis(&row.inside))
}
