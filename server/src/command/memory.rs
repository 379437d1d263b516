//! `MEMORY`.

use std::future::Future;
use std::pin::Pin;

use super::call::{blocking, is};
use super::spec::{Flags, Group, Spec};
use super::{Call, Failure, LongCall, Outcome};
use crate::memory::{resident_bytes, used_bytes};
use crate::surplus::give_back;

const ABOUT: Flags = Flags::LOADING.and(Flags::STALE);

pub(super) const COMMANDS: &[Spec] = &[Spec::container(
    Group::Server,
    "memory",
    &[
        Spec::now(Group::Server, "memory|usage", -3, usage)
            .reads()
            .keys(2, 2, 1)
            .access(&[&["RO"]])
            .doc("4.0.0", "O(1)", "Estimates the memory usage of a key."),
        Spec::now(Group::Server, "memory|stats", 2, stats).flags(ABOUT).doc(
            "4.0.0",
            "O(1)",
            "Returns details about memory usage.",
        ),
        Spec::now(Group::Server, "memory|doctor", 2, doctor).flags(ABOUT).doc(
            "4.0.0",
            "O(1)",
            "Outputs a memory problems report.",
        ),
        Spec::now(Group::Server, "memory|malloc-stats", 2, malloc_stats).flags(ABOUT).doc(
            "4.0.0",
            "O(1)",
            "Returns the allocator's statistics.",
        ),
        Spec::later(Group::Server, "memory|purge", 2, purge).flags(ABOUT).doc(
            "4.0.0",
            "O(1)",
            "Asks the allocator to release memory.",
        ),
        Spec::now(Group::Server, "memory|help", 2, help).flags(ABOUT).doc(
            "4.0.0",
            "O(1)",
            "Returns helpful text about the different subcommands.",
        ),
    ],
)
.doc("4.0.0", "Depends on subcommand.", "A container for memory diagnostics commands.")];

/// What an entry takes besides key and value: its slot, its header, and the allocator's rounding.
const ENTRY_OVERHEAD_BYTES: usize = 30;

fn usage(call: &mut Call<'_>) -> Outcome {
    match call.args.len() {
        3 => {}
        5 if is(call.args.at(3), "samples") => {
            let samples = call.integer(4)?;
            if samples < 0 {
                return Err(Failure::SYNTAX);
            }
        }
        _ => return Err(Failure::SYNTAX),
    }
    let key = call.args.at(2);
    let bytes = call.keys.peek(key, |entry| {
        let elements = entry.collection.map_or(0, |collection| collection.heap_bytes() as usize);
        key.len() + entry.value.len() + elements
    })?;
    match bytes {
        Some(bytes) => call.out.count((bytes + ENTRY_OVERHEAD_BYTES) as u64),
        None => call.out.null(),
    }
    Ok(())
}

fn stats(call: &mut Call<'_>) -> Outcome {
    let server = call.server;
    let stats = server.store.stats();
    let used = used_bytes(&stats);
    let keys = stats.total.keys;
    let clients = server.clients.all();
    let client_bytes: u64 = clients
        .iter()
        .map(|client| {
            let report = &client.report;
            let get = |figure: &std::sync::atomic::AtomicU64| {
                figure.load(std::sync::atomic::Ordering::Relaxed)
            };
            get(&report.input_allocated) + get(&report.output_allocated)
        })
        .sum();
    let figures = [
        ("peak.allocated", server.memory_peak().max(used)),
        ("total.allocated", used),
        ("clients.normal", client_bytes),
        ("keys.count", keys),
        ("keys.bytes-per-key", used.checked_div(keys).unwrap_or(0)),
        ("dataset.bytes", stats.total.data_bytes),
        ("overhead.total", used.saturating_sub(stats.total.data_bytes)),
        ("tables.bytes", stats.table_bytes),
        ("snapshots.open", stats.snapshots_open as u64),
        ("snapshots.superseded-bytes", stats.superseded_bytes),
        ("allocator.resident", resident_bytes().unwrap_or(0)),
    ];
    call.out.map(figures.len());
    for (name, figure) in figures {
        call.out.bulk(name.as_bytes());
        call.out.count(figure);
    }
    Ok(())
}

fn doctor(call: &mut Call<'_>) -> Outcome {
    let stats = call.server.store.stats();
    let used = used_bytes(&stats);
    let mut findings = String::new();
    if stats.superseded_bytes > used / 4 && stats.snapshots_open > 0 {
        findings.push_str(
            "More than a quarter of the memory holds overwritten values for a running snapshot. \
             A slow disk makes snapshots long; --snapshot_memory_limit bounds what they hold.\n",
        );
    }
    if resident_bytes().is_some_and(|resident| used > 64 << 20 && resident > used * 2) {
        findings.push_str(
            "The process has more than twice the memory that its data takes. That is usual after \
             much was deleted.\n",
        );
    }
    if findings.is_empty() {
        findings.push_str("No memory problems were found.\n");
    }
    call.out.verbatim(&findings);
    Ok(())
}

/// Store and server free what they can by themselves; one round of that is done at once.
fn purge<'a>(call: LongCall<'a>) -> Pin<Box<dyn Future<Output = Outcome> + Send + 'a>> {
    Box::pin(async move {
        let store = call.server.store.clone();
        blocking(move || store.maintain()).await?;
        give_back(call.server).await;
        call.out.ok();
        Ok(())
    })
}

/// Redis knows the statistics of jemalloc alone, and says this with any other allocator.
fn malloc_stats(call: &mut Call<'_>) -> Outcome {
    call.out.bulk(b"Stats not supported for the current allocator");
    Ok(())
}

fn help(call: &mut Call<'_>) -> Outcome {
    call.out.help(
        "MEMORY",
        &[
            ("DOCTOR", "Return memory problems reports."),
            ("MALLOC-STATS", "Return the statistics of the allocator, if it has any."),
            ("PURGE", "Free what can be freed now."),
            ("STATS", "Return information about the memory usage of the server."),
            (
                "USAGE <key> [SAMPLES <count>]",
                "Return memory in bytes used by <key> and its value.",
            ),
        ],
    );
    Ok(())
}
