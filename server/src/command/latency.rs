//! `LATENCY`.

use std::fmt::Write;

use super::spec::{Flags, Group, Spec};
use super::{Call, CommandId, Outcome, Table};
use crate::stats::class_usec;

const ABOUT: Flags = Flags::ADMIN.and(Flags::NOSCRIPT).and(Flags::LOADING).and(Flags::STALE);

pub(super) const COMMANDS: &[Spec] = &[Spec::container(
    Group::Server,
    "latency",
    &[
        Spec::now(Group::Server, "latency|latest", 2, latest).flags(ABOUT).doc(
            "2.8.13",
            "O(1)",
            "Returns the latest latency samples for all events.",
        ),
        Spec::now(Group::Server, "latency|history", 3, history).flags(ABOUT).doc(
            "2.8.13",
            "O(1)",
            "Returns timestamp-latency samples for an event.",
        ),
        Spec::now(Group::Server, "latency|reset", -2, reset).flags(ABOUT).doc(
            "2.8.13",
            "O(1)",
            "Resets the latency data for one or more events.",
        ),
        Spec::now(Group::Server, "latency|doctor", 2, doctor).flags(ABOUT).doc(
            "2.8.13",
            "O(1)",
            "Returns a human-readable latency analysis report.",
        ),
        Spec::now(Group::Server, "latency|histogram", -2, histogram).flags(ABOUT).doc(
            "7.0.0",
            "O(N) where N is the number of commands with latency information being retrieved.",
            "Returns the cumulative distribution of latencies of a subset or all commands.",
        ),
        Spec::now(Group::Server, "latency|help", 2, help)
            .flags(Flags::LOADING.and(Flags::STALE))
            .doc("2.8.13", "O(1)", "Returns helpful text about the different subcommands."),
    ],
)
.doc("2.8.13", "Depends on subcommand.", "A container for latency diagnostics commands.")];

fn latest(call: &mut Call<'_>) -> Outcome {
    let events = call.server.slow.events();
    call.out.array(events.len());
    for (event, series) in events {
        let (second, ms) = series.samples.back().copied().unwrap_or_default();
        call.out.array(4);
        call.out.bulk(event.as_bytes());
        call.out.count(second);
        call.out.count(ms);
        call.out.count(series.max_ms);
    }
    Ok(())
}

fn history(call: &mut Call<'_>) -> Outcome {
    let events = call.server.slow.events();
    let samples = std::str::from_utf8(call.args.at(2)).ok().and_then(|event| events.get(event));
    let samples = samples.map(|series| &series.samples);
    call.out.array(samples.map_or(0, std::collections::VecDeque::len));
    for (second, ms) in samples.into_iter().flatten() {
        call.out.array(2);
        call.out.count(*second);
        call.out.count(*ms);
    }
    Ok(())
}

fn reset(call: &mut Call<'_>) -> Outcome {
    let named = call.args.from(2);
    let forgets =
        |event: &str| named.is_empty() || named.iter().any(|name| name == event.as_bytes());
    call.out.count(call.server.slow.forget_events(forgets) as u64);
    Ok(())
}

fn doctor(call: &mut Call<'_>) -> Outcome {
    let slow = &call.server.slow;
    let mut text = String::new();
    if !slow.watches_events() {
        text.push_str(
            "Latency is not monitored. CONFIG SET latency-monitor-threshold <milliseconds> turns \
             it on.\n",
        );
    }
    for (event, series) in slow.events() {
        let count = series.samples.len();
        let sum: u64 = series.samples.iter().map(|(_, ms)| ms).sum();
        let _ = writeln!(
            text,
            "{event}: {count} latency spikes (average {} ms, worst all time event {} ms). \
             SLOWLOG GET names commands.",
            sum / count.max(1) as u64,
            series.max_ms
        );
    }
    if text.is_empty() {
        text.push_str("No latency spike was observed.\n");
    }
    call.out.verbatim(&text);
    Ok(())
}

/// The commands to tell of: those named, of a container its subcommands, or all.
fn wanted(call: &Call<'_>) -> Vec<(CommandId, &'static str)> {
    let table = Table::shared();
    let named = call.args.from(2);
    let all = table.all().map(|(id, spec)| (id, spec.name));
    if named.is_empty() {
        return all.collect();
    }
    let names: Vec<String> =
        named.iter().map(|name| String::from_utf8_lossy(name).to_ascii_lowercase()).collect();
    all.filter(|(_, name)| {
        let container = name.split('|').next().unwrap_or(name);
        names.iter().any(|asked| asked == name || asked == container)
    })
    .collect()
}

fn histogram(call: &mut Call<'_>) -> Outcome {
    let found: Vec<_> = wanted(call)
        .into_iter()
        .map(|(id, name)| (name, call.server.command_totals(id)))
        .filter(|(_, totals)| totals.calls > 0)
        .collect();
    call.out.map(found.len());
    for (name, totals) in found {
        call.out.bulk(name.as_bytes());
        call.out.map(2);
        call.out.bulk(b"calls");
        call.out.count(totals.calls);
        call.out.bulk(b"histogram_usec");
        let filled = totals.by_time.iter().filter(|count| **count > 0).count();
        call.out.map(filled);
        let mut cumulative = 0;
        for (class, count) in totals.by_time.iter().enumerate().filter(|(_, count)| **count > 0) {
            cumulative += count;
            call.out.count(class_usec(class).round() as u64);
            call.out.count(cumulative);
        }
    }
    Ok(())
}

fn help(call: &mut Call<'_>) -> Outcome {
    call.out.help(
        "LATENCY",
        &[
            ("DOCTOR", "Return a human readable latency analysis report."),
            ("HISTORY <event>", "Return time-latency samples for the <event> class."),
            ("LATEST", "Return the latest latency samples for all events."),
            ("RESET [<event> ...]", "Reset latency data of one or more <event> classes."),
            (
                "HISTOGRAM [COMMAND ...]",
                "Return a cumulative distribution of latencies in the format of a histogram.",
            ),
        ],
    );
    Ok(())
}
