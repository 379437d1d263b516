//! Publishing and subscribing.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::spec::{Flags, Group, Spec};
use super::{Call, Failure, Outcome};
use crate::channels::Topic;

const SUBSCRIBING: Flags =
    Flags::PUBSUB.and(Flags::NOSCRIPT).and(Flags::LOADING).and(Flags::STALE).and(Flags::SUBSCRIBER);

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
    Spec::now(Group::PubSub, "ssubscribe", -2, ssubscribe)
        .flags(SUBSCRIBING)
        .keys(1, -1, 1)
        .access(&[&["not_key"]])
        .doc(
            "7.0.0",
            "O(N) where N is the number of shard channels to subscribe to.",
            "Listens for messages published to shard channels.",
        ),
    Spec::now(Group::PubSub, "sunsubscribe", -1, sunsubscribe)
        .flags(SUBSCRIBING)
        .keys(1, -1, 1)
        .access(&[&["not_key"]])
        .doc(
            "7.0.0",
            "O(N) where N is the number of shard channels to unsubscribe.",
            "Stops listening to messages posted to shard channels.",
        ),
    Spec::now(Group::PubSub, "spublish", 3, spublish)
        .fast()
        .flags(ASKING)
        .key()
        .access(&[&["not_key"]])
        .doc(
            "7.0.0",
            "O(N) where N is the number of clients subscribed to the receiving shard channel.",
            "Post a message to a shard channel",
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
            Spec::now(Group::PubSub, "pubsub|shardchannels", -2, shard_channels).flags(ASKING).doc(
                "7.0.0",
                "O(N) where N is the number of active shard channels.",
                "Returns the active shard channels.",
            ),
            Spec::now(Group::PubSub, "pubsub|shardnumsub", -2, shard_numsub).flags(ASKING).doc(
                "7.0.0",
                "O(N) for the SHARDNUMSUB subcommand, where N is the number of requested shard \
                 channels",
                "Returns the count of subscribers of shard channels.",
            ),
            Spec::now(Group::PubSub, "pubsub|help", 2, help)
                .flags(Flags::LOADING.and(Flags::STALE))
                .doc("6.2.0", "O(1)", "Returns helpful text about the different subcommands."),
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

fn ssubscribe(call: &mut Call<'_>) -> Outcome {
    add(call, Topic::Shard, b"ssubscribe");
    Ok(())
}

fn add(call: &mut Call<'_>, topic: Topic, kind: &[u8]) {
    for name in call.args.from(1).iter() {
        let name: Arc<[u8]> = name.into();
        let names = call.session.subscriptions.of_mut(topic);
        if names.insert(Arc::clone(&name)) {
            call.server.channels.subscribe(topic, &name, &call.session.entry);
        }
        confirm(call, topic, kind, Some(&name));
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

fn sunsubscribe(call: &mut Call<'_>) -> Outcome {
    remove(call, Topic::Shard, b"sunsubscribe");
    Ok(())
}

fn remove(call: &mut Call<'_>, topic: Topic, kind: &[u8]) {
    let names: Vec<Arc<[u8]>> = match call.args.len() {
        1 => call.session.subscriptions.of_mut(topic).iter().cloned().collect(),
        _ => call.args.from(1).iter().map(Arc::from).collect(),
    };
    if names.is_empty() {
        confirm(call, topic, kind, None);
    }
    for name in names {
        if call.session.subscriptions.of_mut(topic).remove(&name) {
            call.server.channels.unsubscribe(topic, &name, call.session.entry.id);
        }
        confirm(call, topic, kind, Some(&name));
    }
}

/// Tells the client of a subscription that began or ended, and how many it has.
fn confirm(call: &mut Call<'_>, topic: Topic, kind: &[u8], name: Option<&[u8]>) {
    let subscriptions = &call.session.subscriptions;
    let report = &call.session.entry.report;
    report.channels.store(subscriptions.channels.len() as u32, Ordering::Relaxed);
    report.patterns.store(subscriptions.patterns.len() as u32, Ordering::Relaxed);
    report.shards.store(subscriptions.shards.len() as u32, Ordering::Relaxed);
    // Shard channels are counted by themselves.
    let count = match topic {
        Topic::Channel | Topic::Pattern => {
            subscriptions.channels.len() + subscriptions.patterns.len()
        }
        Topic::Shard => subscriptions.shards.len(),
    };
    call.out.push(3);
    call.out.bulk(kind);
    match name {
        Some(name) => call.out.bulk(name),
        None => call.out.null(),
    }
    call.out.count(count as u64);
}

fn publish(call: &mut Call<'_>) -> Outcome {
    let reached = call.server.channels.publish(call.args.at(1), call.args.at(2));
    call.out.count(reached as u64);
    Ok(())
}

fn spublish(call: &mut Call<'_>) -> Outcome {
    let reached = call.server.channels.publish_to_shard(call.args.at(1), call.args.at(2));
    call.out.count(reached as u64);
    Ok(())
}

fn channels(call: &mut Call<'_>) -> Outcome {
    names(call, Topic::Channel)
}

fn shard_channels(call: &mut Call<'_>) -> Outcome {
    names(call, Topic::Shard)
}

fn names(call: &mut Call<'_>, topic: Topic) -> Outcome {
    if call.args.len() > 3 {
        return Err(Failure::wrong_form("pubsub", call.args.at(1)));
    }
    let names = call.server.channels.names(topic, call.args.get(2));
    call.out.array(names.len());
    for name in names {
        call.out.bulk(&name);
    }
    Ok(())
}

fn numsub(call: &mut Call<'_>) -> Outcome {
    subscribers(call, Topic::Channel)
}

fn shard_numsub(call: &mut Call<'_>) -> Outcome {
    subscribers(call, Topic::Shard)
}

fn subscribers(call: &mut Call<'_>, topic: Topic) -> Outcome {
    let names = call.args.from(2);
    call.out.array(names.len() * 2);
    for name in names.iter() {
        call.out.bulk(name);
        call.out.count(call.server.channels.subscribers(topic, name) as u64);
    }
    Ok(())
}

fn numpat(call: &mut Call<'_>) -> Outcome {
    call.out.count(call.server.channels.patterns() as u64);
    Ok(())
}

fn help(call: &mut Call<'_>) -> Outcome {
    call.out.help(
        "PUBSUB",
        &[
            ("CHANNELS [<pattern>]", "Return the active channels that match <pattern>."),
            ("NUMPAT", "Return number of subscriptions to patterns."),
            ("NUMSUB [<channel> ...]", "Return the number of subscribers of channels."),
            ("SHARDCHANNELS [<pattern>]", "Return the active shard channels."),
            ("SHARDNUMSUB [<shardchannel> ...]", "Return the number of their subscribers."),
        ],
    );
    Ok(())
}
