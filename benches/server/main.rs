//! Servers side by side: CPU time of an operation, saves under load, memory, restarts.
//!
//! ```text
//! cargo bench -p exuvia-benches --bench server -- \
//!     "exuvia=target/release/exuvia --port {port} --dir {dir}" \
//!     "redis=redis-server --port {port} --dir {dir} --save ''"
//! ```
//!
//! With `--collections` commands on collections of several sizes are measured instead, and the
//! memory of their elements; ratios are to the last server.
//!
//! Each server gets a port and an empty directory of its own, is filled with the same random
//! values (`EXUVIA_BENCH_KEYS` of them, a million by default, of `EXUVIA_BENCH_VALUE_BYTES`), and
//! is measured from outside: by what it answers and by what the system says of its processes.
//! Everything runs on one machine, so the figures are good for ratios within a run.

#![expect(clippy::print_stdout, reason = "the table is what this program is for")]

mod client;
mod collections;
mod load;
mod measure;
mod process;
mod report;

use exuvia_benches::workload::{Shape, is_smoke_test};

fn main() {
    let servers: Vec<String> =
        std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    if servers.is_empty() {
        println!("no servers to measure: give some as NAME=COMMAND, with {{port}} and {{dir}}");
        return;
    }
    let named =
        servers.iter().map(|server| server.split_once('=').expect("a server is NAME=COMMAND"));
    if std::env::args().any(|argument| argument == "--collections") {
        collections::print(&collections::measure(&named.collect::<Vec<_>>(), is_smoke_test()));
        return;
    }
    let value_bytes = std::env::var("EXUVIA_BENCH_VALUE_BYTES");
    let value_bytes = value_bytes.map_or(1024, |text| text.parse().expect("a number of bytes"));
    let shape = Shape::with_value_bytes(value_bytes);
    let rows: Vec<_> = named
        .map(|(name, command)| {
            let row = measure::measure(name, command, shape, is_smoke_test());
            println!("{row:?}");
            row
        })
        .collect();
    report::print(&rows, shape);
}
