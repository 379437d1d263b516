//! What `/metrics` says.

use std::sync::atomic::Ordering;

use exuvia::format::storage::BufferMemory;

use super::text::Text;
use crate::gate::Reasons;
use crate::memory::{resident_bytes, used_bytes};
use crate::server::Server;

/// All metrics of the server.
pub(super) fn metrics(server: &Server) -> String {
    let mut text = Text::default();
    let version = env!("CARGO_PKG_VERSION");
    text.header("exuvia_build_info", "gauge", "Always 1; the version is a label.");
    text.sample("exuvia_build_info", &[("version", version)], 1);
    let uptime = server.started.elapsed().as_secs_f64();
    text.gauge("exuvia_uptime_seconds", "Time since the process started serving.", uptime);
    saves(&mut text, server);
    running_save(&mut text, server);
    loads(&mut text, server);
    data(&mut text, server);
    clients(&mut text, server);
    text.finish()
}

fn saves(text: &mut Text, server: &Server) {
    let status = server.store.save_status();
    text.header("exuvia_saves_total", "counter", "Saves that ended, by trigger and result.");
    // Present from the start: an alert on a rate needs the zero it grows from.
    let mut by_trigger = status.by_trigger;
    for trigger in ["command", "cron", "shutdown"] {
        by_trigger.entry(trigger).or_default();
    }
    for (trigger, counts) in &by_trigger {
        for (result, count) in
            [("ok", counts.saves), ("failed", counts.failures), ("cancelled", counts.cancellations)]
        {
            let labels = [("trigger", *trigger), ("result", result)];
            text.sample("exuvia_saves_total", &labels, count);
        }
    }
    text.header(
        "exuvia_save_failures_total",
        "counter",
        "Saves that failed, by trigger and reason.",
    );
    for ((trigger, reason), count) in &status.failures_by_reason {
        let labels = [("trigger", *trigger), ("reason", *reason)];
        text.sample("exuvia_save_failures_total", &labels, count);
    }
    text.gauge(
        "exuvia_last_save_ok",
        "Whether the last save that ended succeeded, cancelled ones left out; 1 before the first.",
        u8::from(status.last_ok),
    );
    let last_ms = status.last_success_unix_ms;
    if last_ms > 0 {
        text.gauge(
            "exuvia_last_save_timestamp_seconds",
            "When the last snapshot was published; after a load, when the loaded one was cut.",
            last_ms as f64 / 1000.0,
        );
        text.gauge(
            "exuvia_last_save_age_seconds",
            "Time since then.",
            server.now_ms().saturating_sub(last_ms) as f64 / 1000.0,
        );
    }
    if let Some(saved) = &status.last_success {
        text.gauge("exuvia_last_save_bytes", "Bytes of the last snapshot saved.", saved.bytes);
        text.gauge("exuvia_last_save_keys", "Keys in the last snapshot saved.", saved.records);
        let seconds = saved.duration.as_secs_f64();
        text.gauge(
            "exuvia_last_save_duration_seconds",
            "From the cut of the last snapshot saved to its publication.",
            seconds,
        );
    }
    let changes = server.store.stats().changes.saturating_sub(status.changes_at_last_cut);
    text.gauge("exuvia_changes_since_last_save", "Changes that no snapshot holds.", changes);
    if let Some(next_ms) = server.store.next_scheduled_unix_ms() {
        text.gauge(
            "exuvia_next_scheduled_save_timestamp_seconds",
            "When the next scheduled save is due.",
            next_ms as f64 / 1000.0,
        );
    }
}

fn running_save(text: &mut Text, server: &Server) {
    let running = server.store.save_status().running;
    let name = "exuvia_save_in_progress";
    text.gauge(name, "Whether a save is running.", u8::from(running.is_some()));
    if let Some(progress) = running {
        text.gauge(
            "exuvia_save_progress_ratio",
            "Part of the keys that the running save has written, 0 to 1.",
            progress.percent() / 100.0,
        );
        let name = "exuvia_save_written_bytes";
        text.gauge(name, "Bytes that the running save has written.", progress.bytes_done);
    }
    text.gauge(
        "exuvia_snapshot_buffer_bytes",
        "What the buffers of running saves and loads take.",
        BufferMemory::in_use_bytes(),
    );
    text.gauge(
        "exuvia_snapshot_buffer_limit_bytes",
        "Most that all buffers of a save or load take together.",
        server.settings().buffer_bytes(),
    );
    let stats = server.store.stats();
    text.gauge(
        "exuvia_superseded_bytes",
        "Bytes of overwritten values that are kept for open snapshots.",
        stats.superseded_bytes,
    );
    text.gauge(
        "exuvia_superseded_limit_bytes",
        "Bytes of them past which a running save is given up; 0 for no limit.",
        server.settings().snapshot_memory_limit(),
    );
}

fn loads(text: &mut Text, server: &Server) {
    let is_loading = server.gate.reasons().any(Reasons::LOADING);
    text.gauge("exuvia_loading", "Whether the data is being loaded.", u8::from(is_loading));
    text.header("exuvia_loads_total", "counter", "Loads that ended, by result.");
    let loads = &server.shared.loads;
    for (result, count) in [
        ("ok", &loads.succeeded),
        ("fallback", &loads.fell_back),
        ("empty", &loads.found_none),
        ("failed", &loads.failed),
    ] {
        let count = count.load(Ordering::Relaxed);
        text.sample("exuvia_loads_total", &[("result", result)], count);
    }
    if let Some(progress) = server.store.load_progress().filter(|_| is_loading) {
        let ratio = progress.bytes_done as f64 / progress.bytes_total.max(1) as f64;
        text.gauge("exuvia_load_progress_ratio", "Part of the load that is done.", ratio.min(1.0));
    }
    if let Some(report) = server.store.load_report() {
        text.gauge("exuvia_last_load_keys", "Keys that the last load stored.", report.records);
        text.gauge(
            "exuvia_last_load_duration_seconds",
            "Time that the last load took.",
            report.duration.as_secs_f64(),
        );
        text.gauge(
            "exuvia_last_load_rejected_snapshots",
            "Newer snapshots that the last load passed over because they are damaged.",
            report.rejected.len(),
        );
    }
}

fn data(text: &mut Text, server: &Server) {
    let store = &server.store;
    text.header("exuvia_keys", "gauge", "Keys by database.");
    for index in 0..store.databases() {
        let Ok(database) = store.database(index) else { continue };
        let keys = database.stats().keys;
        if keys > 0 || index == 0 {
            text.sample("exuvia_keys", &[("db", &index.to_string())], keys);
        }
    }
    let stats = store.stats();
    let expired = stats.expired_keys;
    text.counter("exuvia_expired_keys_total", "Keys removed because they expired.", expired);
    text.counter("exuvia_changes_total", "Writes that took effect.", stats.changes);
    let used = used_bytes(&stats);
    text.gauge("exuvia_memory_used_bytes", "Bytes of entries, tables and history.", used);
    let maxmemory = server.settings().maxmemory();
    text.gauge("exuvia_memory_limit_bytes", "The flag maxmemory; 0 for no limit.", maxmemory);
    if let Some(resident) = resident_bytes() {
        text.gauge("exuvia_memory_resident_bytes", "Physical memory of the process.", resident);
    }
}

fn clients(text: &mut Text, server: &Server) {
    let shared = &server.shared;
    text.gauge("exuvia_connected_clients", "Clients that are connected.", server.clients.len());
    let accepted = shared.connections.load(Ordering::Relaxed);
    text.counter("exuvia_connections_total", "Connections accepted.", accepted);
    let refused = shared.connections_refused.load(Ordering::Relaxed);
    let help = "Connections refused because of maxclients.";
    text.counter("exuvia_connections_refused_total", help, refused);
    text.counter("exuvia_commands_total", "Commands processed.", server.commands_processed());
    let errors = server.total(|thread| thread.errors.get());
    text.counter("exuvia_error_replies_total", "Error replies sent.", errors);
    let hits = server.total(|thread| thread.hits.get());
    text.counter("exuvia_keyspace_hits_total", "Lookups that found a key.", hits);
    let misses = server.total(|thread| thread.misses.get());
    text.counter("exuvia_keyspace_misses_total", "Lookups that found none.", misses);
    let received = server.total(|thread| thread.bytes_in.get());
    text.counter("exuvia_received_bytes_total", "Bytes received from clients.", received);
    let sent = server.total(|thread| thread.bytes_out.get());
    text.counter("exuvia_sent_bytes_total", "Bytes sent to clients.", sent);
}
