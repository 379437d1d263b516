//! Publishing and subscribing.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::spec::{Flags, Group, Spec};
use super::{Call, Failure, Outcome};
use crate::channels::Topic;

const SUBSCRIBING: Flags = Flags::PUBSUB
    .and(Flags::NOSCRIPT)
    .and(Flags::LOADING)
    .and(Flags::STALE)
    .and(Flags::SUBSCRIBER)
    .and(Flags::NO_MULTI);

const ASKING: Flags = Flags::PUBSUB.and(Flags::LOADING).and(Flags::STALE);

pub(super) const COMMANDS: &[Spec] = &[
    Spec::now(Group::PubSub, "subscribe", -2, subscribe).flags(SUBSCRIBING).doc(
        "2.0.0",
        "O(N) where N is the number of channels to subscribe to.",
        "Listens for messages published to channels.",
    ),
    Spec::now(Group::PubSub, "psubscribe", -2, psubscribe).flags(SUBSCRIBING).doc(
        "2.0.0",
        "O(N) where N is the number of patterns to subscribe to.",
        "Listens for messages published to channels that match one or more patterns.",
    ),
    Spec::now(Group::PubSub, "unsubscribe", -1, unsubscribe).flags(SUBSCRIBING).doc(
        "2.0.0",
        "O(N) where N is the number of channels to unsubscribe.",
        "Stops listening to messages posted to channels.",
    ),
    Spec::now(Group::PubSub, "punsubscribe", -1, punsubscribe).flags(SUBSCRIBING).doc(
        "2.0.0",
        "O(N) where N is the number of patterns to unsubscribe.",
        "Stops listening to messages published to channels that match one or more patterns.",
    ),
    Spec::now(Group::PubSub, "publish", 3, publish).fast().flags(ASKING).doc(
        "2.0.0",
        "O(N+M) where N is the number of clients subscribed to the receiving channel and M is the \
         total number of subscribed patterns (by any client).",
        "Posts a message to a channel.",
    ),
    Spec::container(
        Group::PubSub,
        "pubsub",
        &[
            Spec::now(Group::PubSub, "pubsub|channels", -2, channels).flags(ASKING).doc(
                "2.8.0",
                "O(N) where N is the number of active channels.",
                "Returns the active channels.",
            ),
            Spec::now(Group::PubSub, "pubsub|numsub", -2, numsub).flags(ASKING).doc(
                "2.8.0",
                "O(N) for the NUMSUB subcommand, where N is the number of requested channels",
                "Returns a count of subscribers to channels.",
            ),
            Spec::now(Group::PubSub, "pubsub|numpat", 2, numpat).flags(ASKING).doc(
                "2.8.0",
                "O(1)",
                "Returns a count of unique pattern subscriptions.",
            ),
        ],
    )
    .doc("2.8.0", "Depends on subcommand.", "A container for Pub/Sub commands."),
];

fn subscribe(call: &mut Call<'_>) -> Outcome {
    add(call, Topic::Channel, b"subscribe");
    Ok(())
}

fn psubscribe(call: &mut Call<'_>) -> Outcome {
    add(call, Topic::Pattern, b"psubscribe");
    Ok(())
}

fn add(call: &mut Call<'_>, topic: Topic, kind: &[u8]) {
    for name in call.args.from(1).iter() {
        let name: Arc<[u8]> = name.into();
        let subscriptions = &mut call.session.subscriptions;
        let names = match topic {
            Topic::Channel => &mut subscriptions.channels,
            Topic::Pattern => &mut subscriptions.patterns,
        };
        if names.insert(Arc::clone(&name)) {
            call.server.channels.subscribe(topic, &name, &call.session.entry);
        }
        confirm(call, kind, Some(&name));
    }
}

fn unsubscribe(call: &mut Call<'_>) -> Outcome {
    remove(call, Topic::Channel, b"unsubscribe");
    Ok(())
}

fn punsubscribe(call: &mut Call<'_>) -> Outcome {
    remove(call, Topic::Pattern, b"punsubscribe");
    Ok(())
}

fn remove(call: &mut Call<'_>, topic: Topic, kind: &[u8]) {
    let subscriptions = &call.session.subscriptions;
    let names: Vec<Arc<[u8]>> = match (call.args.len(), topic) {
        (1, Topic::Channel) => subscriptions.channels.iter().cloned().collect(),
        (1, Topic::Pattern) => subscriptions.patterns.iter().cloned().collect(),
        _ => call.args.from(1).iter().map(Arc::from).collect(),
    };
    if names.is_empty() {
        confirm(call, kind, None);
    }
    for name in names {
        let subscriptions = &mut call.session.subscriptions;
        let removed = match topic {
            Topic::Channel => subscriptions.channels.remove(&name),
            Topic::Pattern => subscriptions.patterns.remove(&name),
        };
        if removed {
            call.server.channels.unsubscribe(topic, &name, call.session.entry.id);
        }
        confirm(call, kind, Some(&name));
    }
}

/// Tells the client of a subscription that began or ended, and how many it has.
fn confirm(call: &mut Call<'_>, kind: &[u8], name: Option<&[u8]>) {
    let subscriptions = &call.session.subscriptions;
    let report = &call.session.entry.report;
    report.channels.store(subscriptions.channels.len() as u32, Ordering::Relaxed);
    report.patterns.store(subscriptions.patterns.len() as u32, Ordering::Relaxed);
    call.out.push(3);
    call.out.bulk(kind);
    match name {
        Some(name) => call.out.bulk(name),
        None => call.out.null(),
    }
    call.out.count(subscriptions.len() as u64);
}

fn publish(call: &mut Call<'_>) -> Outcome {
    let reached = call.server.channels.publish(call.args.at(1), call.args.at(2));
    call.out.count(reached as u64);
    Ok(())
}

fn channels(call: &mut Call<'_>) -> Outcome {
    if call.args.len() > 3 {
        return Err(Failure::arity(call.spec.name));
    }
    let names = call.server.channels.names(call.args.get(2));
    call.out.array(names.len());
    for name in names {
        call.out.bulk(&name);
    }
    Ok(())
}

fn numsub(call: &mut Call<'_>) -> Outcome {
    let names = call.args.from(2);
    call.out.array(names.len() * 2);
    for name in names.iter() {
        call.out.bulk(name);
        call.out.count(call.server.channels.subscribers(name) as u64);
    }
    Ok(())
}

fn numpat(call: &mut Call<'_>) -> Outcome {
    call.out.count(call.server.channels.patterns() as u64);
    Ok(())
}
