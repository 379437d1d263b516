//! `INFO`.

use std::fmt::Write;
use std::sync::PoisonError;
use std::sync::atomic::Ordering;

use super::call::is;
use super::persistence::last_save_ms;
use super::spec::{Flags, Group, Spec};
use super::{Call, Outcome, Table};
use crate::channels::Topic;
use crate::gate::Reasons;
use crate::memory::{human, resident_bytes, system_bytes, used_bytes};
use crate::server::Shared;

/// The version of Redis whose commands and replies these are; clients decide by it what to use.
pub(crate) const REDIS_VERSION: &str = "7.0.15";

pub(super) const COMMANDS: &[Spec] = &[Spec::now(Group::Server, "info", -1, info)
    .flags(Flags::LOADING.and(Flags::STALE))
    .doc("1.0.0", "O(1)", "Returns information and statistics about the server.")];

type Section = fn(&mut String, &Call<'_>);

/// Every section, and whether a plain `INFO` shows it.
const SECTIONS: [(&str, bool, Section); 13] = [
    ("Server", true, server),
    ("Clients", true, clients),
    ("Memory", true, memory),
    ("Persistence", true, persistence),
    ("Stats", true, stats),
    ("Replication", true, replication),
    ("CPU", true, cpu),
    ("Modules", true, |_, _| {}),
    ("Commandstats", false, commandstats),
    ("Errorstats", true, errorstats),
    ("Latencystats", false, latencystats),
    ("Cluster", true, |text, _| line(text, "cluster_enabled", 0)),
    ("Keyspace", true, keyspace),
];

fn info(call: &mut Call<'_>) -> Outcome {
    let asked = call.args.from(1);
    let named = |word: &str| asked.iter().any(|arg| is(arg, word));
    let plain = asked.is_empty() || named("default");
    let everything = named("all") || named("everything");
    let mut text = String::new();
    for (name, is_default, write) in SECTIONS {
        if everything || (plain && is_default) || named(name) {
            if !text.is_empty() {
                text.push_str("\r\n");
            }
            let _ = write!(text, "# {name}\r\n");
            write(&mut text, call);
        }
    }
    call.out.verbatim(&text);
    Ok(())
}

fn line(text: &mut String, name: &str, value: impl std::fmt::Display) {
    let _ = write!(text, "{name}:{value}\r\n");
}

fn server(text: &mut String, call: &Call<'_>) {
    let server = call.server;
    let uptime = server.started.elapsed().as_secs();
    let now_ms = server.now_ms();
    line(text, "redis_version", REDIS_VERSION);
    line(text, "redis_mode", "standalone");
    line(text, "exuvia_version", env!("CARGO_PKG_VERSION"));
    line(text, "os", format_args!("{} {}", std::env::consts::OS, std::env::consts::ARCH));
    line(text, "arch_bits", usize::BITS);
    line(text, "multiplexing_api", "epoll");
    line(text, "process_id", std::process::id());
    line(text, "run_id", &server.run_id);
    line(text, "tcp_port", server.port());
    line(text, "server_time_usec", now_ms * 1000);
    line(text, "uptime_in_seconds", uptime);
    line(text, "uptime_in_days", uptime / 86_400);
    line(text, "hz", server.settings().hz());
    line(text, "configured_hz", server.settings().hz());
    line(text, "io_threads_active", server.threads.len());
    let executable = std::env::current_exe().unwrap_or_default();
    line(text, "executable", executable.display());
    line(text, "config_file", "");
}

fn clients(text: &mut String, call: &Call<'_>) {
    let server = call.server;
    let all = server.clients.all();
    let largest = |figure: fn(&crate::client::ClientEntry) -> u64| {
        all.iter().map(|client| figure(client)).max().unwrap_or(0)
    };
    line(text, "connected_clients", all.len());
    line(text, "cluster_connections", 0);
    line(text, "maxclients", server.settings().maxclients());
    line(
        text,
        "client_recent_max_input_buffer",
        largest(|client| client.report.input_allocated.load(Ordering::Relaxed)),
    );
    line(
        text,
        "client_recent_max_output_buffer",
        largest(|client| {
            let queued = client.report.output_queued_bytes.load(Ordering::Relaxed);
            client.report.output_allocated.load(Ordering::Relaxed) + queued
        }),
    );
    line(text, "blocked_clients", server.gate.waiting());
    line(text, "pubsub_clients", all.iter().filter(|client| client.is_subscriber()).count());
}

fn memory(text: &mut String, call: &Call<'_>) {
    let server = call.server;
    let stats = server.store.stats();
    let used = used_bytes(&stats);
    let resident = resident_bytes().unwrap_or(used);
    let maxmemory = server.settings().maxmemory();
    let peak = server.memory_peak().max(used);
    let mut both = |name: &str, bytes: u64| {
        line(text, name, bytes);
        line(text, &format!("{name}_human"), human(bytes));
    };
    both("used_memory", used);
    both("used_memory_rss", resident);
    both("used_memory_peak", peak);
    both("total_system_memory", system_bytes().unwrap_or(0));
    both("maxmemory", maxmemory);
    line(text, "used_memory_dataset", stats.total.data_bytes);
    line(text, "used_memory_overhead", used.saturating_sub(stats.total.data_bytes));
    line(text, "table_used_memory", stats.table_bytes);
    line(text, "superseded_bytes", stats.superseded_bytes);
    line(text, "superseded_entries", stats.superseded_entries);
    line(text, "snapshots_open", stats.snapshots_open);
    line(text, "maxmemory_policy", "noeviction");
    let ratio = resident as f64 / used.max(1) as f64;
    line(text, "mem_fragmentation_ratio", format_args!("{ratio:.2}"));
    line(text, "mem_allocator", "mimalloc");
}

fn persistence(text: &mut String, call: &Call<'_>) {
    let server = call.server;
    let status = server.store.save_status();
    let changes = server.store.stats().changes;
    let loading = server.gate.reasons().any(Reasons::LOADING);
    line(text, "loading", u8::from(loading));
    line(text, "async_loading", 0);
    line(text, "rdb_changes_since_last_save", changes.saturating_sub(status.changes_at_last_cut));
    line(text, "rdb_bgsave_in_progress", u8::from(status.running.is_some()));
    line(text, "rdb_last_save_time", last_save_ms(server) / 1000);
    line(text, "rdb_last_bgsave_status", if status.last_ok { "ok" } else { "err" });
    let seconds = |duration: Option<std::time::Duration>| {
        duration.map_or(-1, |duration| duration.as_secs() as i64)
    };
    line(text, "rdb_last_bgsave_time_sec", seconds(status.last_duration));
    let current = status.running.map(|progress| progress.elapsed);
    line(text, "rdb_current_bgsave_time_sec", seconds(current));
    line(text, "rdb_saves", status.saves);
    line(text, "aof_enabled", 0);
    line(text, "saving", u8::from(status.running.is_some()));
    if let Some(progress) = status.running {
        let done = progress.records_done as f64 * 100.0 / progress.records_total.max(1) as f64;
        let rate = progress.bytes_done as f64 / progress.elapsed.as_secs_f64().max(0.001);
        line(text, "current_snapshot_perc", format_args!("{:.2}", done.min(100.0)));
        line(text, "current_save_keys_processed", progress.records_done);
        line(text, "current_save_keys_total", progress.records_total);
        line(text, "current_save_bytes", progress.bytes_done);
        line(text, "current_save_bytes_per_sec", rate as u64);
        line(text, "current_save_eta_seconds", seconds(progress.time_left()));
        line(text, "current_save_phase", format_args!("{:?}", progress.phase));
    }
    let last = status.last_success.as_ref();
    let last_duration = last.map_or(0, |saved| saved.duration.as_secs());
    line(text, "last_success_save", status.last_success_unix_ms / 1000);
    let age_ms = server.now_ms().saturating_sub(status.last_success_unix_ms);
    let age = if status.last_success_unix_ms == 0 { -1 } else { (age_ms / 1000) as i64 };
    line(text, "last_success_save_age_sec", age);
    line(text, "last_saved_file", last.map_or("", |saved| &saved.manifest));
    line(text, "last_success_save_duration_sec", last_duration);
    line(text, "last_success_save_keys", last.map_or(0, |saved| saved.records));
    line(text, "last_success_save_bytes", last.map_or(0, |saved| saved.bytes));
    line(text, "last_failed_save", status.last_failure_unix_ms / 1000);
    line(text, "failed_saves", status.failures);
    line(text, "cancelled_saves", status.cancellations);
    let error = status.last_error.unwrap_or_default().replace(['\r', '\n'], " ");
    line(text, "last_error", error);
    let next_ms = server.store.next_scheduled_unix_ms().unwrap_or(0);
    line(text, "next_scheduled_save", next_ms / 1000);
    load_progress(text, server, loading);
}

/// The load that runs, or what the one at start found.
fn load_progress(text: &mut String, server: &Shared, loading: bool) {
    if let Some(progress) = server.store.load_progress().filter(|_| loading) {
        let perc = progress.bytes_done as f64 * 100.0 / progress.bytes_total.max(1) as f64;
        let left = progress.elapsed.as_secs_f64() * (100.0 - perc).max(0.0) / perc.max(0.01);
        line(text, "loading_start_time", server.started_ms / 1000);
        line(text, "loading_total_bytes", progress.bytes_total);
        line(text, "loading_loaded_bytes", progress.bytes_done);
        line(text, "loading_loaded_perc", format_args!("{:.2}", perc.min(100.0)));
        line(text, "loading_loaded_keys", progress.records_done);
        line(text, "loading_eta_seconds", left as u64);
    }
    if let Some(report) = server.store.load_report() {
        line(text, "rdb_last_load_keys_loaded", report.records);
        line(text, "rdb_last_load_keys_expired", report.expired);
        line(text, "last_loaded_file", report.name.as_deref().unwrap_or(""));
        line(text, "last_load_duration_ms", report.duration.as_millis());
        line(text, "last_load_rejected_snapshots", report.rejected.len());
    }
}

fn stats(text: &mut String, call: &Call<'_>) {
    let server = call.server;
    let rates = server.shared.rate.lock().unwrap_or_else(PoisonError::into_inner).per_second();
    let store = server.store.stats();
    line(text, "total_connections_received", server.shared.connections.load(Ordering::Relaxed));
    line(text, "total_commands_processed", server.commands_processed());
    line(text, "instantaneous_ops_per_sec", rates[0]);
    line(text, "total_net_input_bytes", server.total(|thread| thread.bytes_in.get()));
    line(text, "total_net_output_bytes", server.total(|thread| thread.bytes_out.get()));
    for (name, bytes) in [("input", rates[1]), ("output", rates[2])] {
        let kib = bytes as f64 / 1024.0;
        line(text, &format!("instantaneous_{name}_kbps"), format_args!("{kib:.2}"));
    }
    let refused = server.shared.connections_refused.load(Ordering::Relaxed);
    line(text, "rejected_connections", refused);
    line(text, "expired_keys", store.expired_keys);
    line(text, "evicted_keys", 0);
    line(text, "evicted_clients", server.shared.clients_evicted.load(Ordering::Relaxed));
    line(text, "keyspace_hits", server.total(|thread| thread.hits.get()));
    line(text, "keyspace_misses", server.total(|thread| thread.misses.get()));
    line(text, "pubsub_channels", server.channels.channels(Topic::Channel));
    line(text, "pubsubshard_channels", server.channels.channels(Topic::Shard));
    line(text, "pubsub_patterns", server.channels.patterns());
    line(text, "total_error_replies", server.total(|thread| thread.errors.get()));
    line(text, "total_reads_processed", server.total(|thread| thread.reads.get()));
    line(text, "total_writes_processed", server.total(|thread| thread.writes.get()));
}

fn replication(text: &mut String, call: &Call<'_>) {
    line(text, "role", "master");
    line(text, "connected_slaves", 0);
    line(text, "master_replid", &call.server.run_id);
    line(text, "master_repl_offset", 0);
}

/// Processor time as the system counts it: in ticks, a hundred a second.
fn cpu(text: &mut String, _: &Call<'_>) {
    const TICKS_PER_SECOND: f64 = 100.0;
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // The second field is a name in parentheses that may hold anything.
    let fields: Vec<&str> = stat
        .rsplit_once(')')
        .map(|(_, rest)| rest.split_whitespace().collect())
        .unwrap_or_default();
    for (name, field) in [
        ("used_cpu_sys", 12),
        ("used_cpu_user", 11),
        ("used_cpu_sys_children", 14),
        ("used_cpu_user_children", 13),
    ] {
        let ticks: f64 = fields.get(field).and_then(|ticks| ticks.parse().ok()).unwrap_or(0.0);
        line(text, name, format_args!("{:.6}", ticks / TICKS_PER_SECOND));
    }
}

fn commandstats(text: &mut String, call: &Call<'_>) {
    for (id, spec) in Table::shared().all() {
        let totals = call.server.command_totals(id);
        if totals.calls + totals.rejected == 0 {
            continue;
        }
        let usec = totals.nanos / 1000;
        let each = totals.nanos as f64 / 1000.0 / totals.calls.max(1) as f64;
        line(
            text,
            &format!("cmdstat_{}", spec.name),
            format_args!(
                "calls={},usec={usec},usec_per_call={each:.2},rejected_calls={},failed_calls={}",
                totals.calls, totals.rejected, totals.failed
            ),
        );
    }
}

fn latencystats(text: &mut String, call: &Call<'_>) {
    for (id, spec) in Table::shared().all() {
        let totals = call.server.command_totals(id);
        if totals.calls == 0 {
            continue;
        }
        let [half, most, nearly_all] = [0.5, 0.99, 0.999].map(|share| totals.usec_at(share));
        line(
            text,
            &format!("latency_percentiles_usec_{}", spec.name),
            format_args!("p50={half:.3},p99={most:.3},p99.9={nearly_all:.3}"),
        );
    }
}

fn errorstats(text: &mut String, call: &Call<'_>) {
    for (code, count) in call.server.shared.errors() {
        line(text, &format!("errorstat_{code}"), format_args!("count={count}"));
    }
}

fn keyspace(text: &mut String, call: &Call<'_>) {
    let store = &call.server.store;
    for index in 0..store.databases() {
        let Ok(database) = store.database(index) else { continue };
        let stats = database.stats();
        if stats.keys > 0 {
            line(
                text,
                &format!("db{index}"),
                format_args!("keys={},expires={},avg_ttl=0", stats.keys, stats.expiring),
            );
        }
    }
}
