//! `OBJECT`.

use exuvia::Collection;

use super::spec::{Flags, Group, Spec};
use super::{Call, Failure, Outcome};
use crate::number::parse_i64;
use crate::packing::{Packing, Parameter};

pub(super) const COMMANDS: &[Spec] = &[Spec::container(
    Group::Generic,
    "object",
    &[
        Spec::now(Group::Generic, "object|encoding", 3, encoding)
            .reads()
            .keys(2, 2, 1)
            .access(&[&["RO"]])
            .doc("2.2.3", "O(1)", "Returns the internal encoding of a key's value."),
        Spec::now(Group::Generic, "object|refcount", 3, refcount)
            .reads()
            .keys(2, 2, 1)
            .access(&[&["RO"]])
            .doc("2.2.3", "O(1)", "Returns the reference count of a value of a key."),
        Spec::now(Group::Generic, "object|idletime", 3, idletime)
            .reads()
            .keys(2, 2, 1)
            .access(&[&["RO"]])
            .doc("2.2.3", "O(1)", "Returns the time since the last access to a key."),
        Spec::now(Group::Generic, "object|freq", 3, freq)
            .reads()
            .keys(2, 2, 1)
            .access(&[&["RO"]])
            .doc(
                "4.0.0",
                "O(1)",
                "Returns the logarithmic access frequency counter of a key's value.",
            ),
        Spec::now(Group::Generic, "object|help", 2, help)
            .flags(Flags::LOADING.and(Flags::STALE))
            .doc("6.2.0", "O(1)", "Returns helpful text about the different subcommands."),
    ],
)
.doc("2.2.3", "Depends on subcommand.", "A container for object introspection commands.")];

/// Longest string that Redis keeps beside its object's header.
const EMBEDDED_BYTES_MAX: usize = 44;

fn encoding(call: &mut Call<'_>) -> Outcome {
    let packing = &call.server.packing;
    let encoding = call.keys.peek(call.args.at(2), |entry| {
        if let Some(collection) = entry.collection {
            collection_encoding(collection, packing)
        } else if parse_i64(entry.value).is_some() {
            "int"
        } else if entry.value.len() <= EMBEDDED_BYTES_MAX {
            "embstr"
        } else {
            "raw"
        }
    })?;
    match encoding {
        Some(encoding) => call.out.bulk(encoding.as_bytes()),
        None => call.out.null(),
    }
    Ok(())
}

/// The name of what Redis keeps such a collection in, if it did not have more or larger elements
/// before.
fn collection_encoding(collection: &Collection, packing: &Packing) -> &'static str {
    let is_packed = match collection {
        Collection::Hash(hash) => {
            let is_short = |bytes: &[u8]| bytes.len() as u64 <= packing.len(Parameter::HashValue);
            hash.len() <= packing.len(Parameter::HashEntries)
                && hash.iter().all(|(field, value)| is_short(field) && is_short(value))
        }
        Collection::SortedSet(set) => {
            let bytes_max = packing.len(Parameter::SortedSetValue);
            set.len() <= packing.len(Parameter::SortedSetEntries)
                && set.iter().all(|(member, _)| member.len() as u64 <= bytes_max)
        }
        _ => false,
    };
    match collection {
        Collection::List(_) => "quicklist",
        Collection::Stream(_) => "stream",
        Collection::Hash(_) | Collection::SortedSet(_) if is_packed => "listpack",
        Collection::Set(set)
            if set.len() <= packing.len(Parameter::SetIntegers)
                && set.iter().all(|member| parse_i64(member).is_some()) =>
        {
            "intset"
        }
        Collection::SortedSet(_) => "skiplist",
        _ => "hashtable",
    }
}

fn refcount(call: &mut Call<'_>) -> Outcome {
    constant(call, 1)
}

/// Times of access are not kept, since nothing is evicted.
fn idletime(call: &mut Call<'_>) -> Outcome {
    constant(call, 0)
}

fn constant(call: &mut Call<'_>, number: i64) -> Outcome {
    match call.keys.peek(call.args.at(2), |_| ())? {
        Some(()) => call.out.integer(number),
        None => call.out.null(),
    }
    Ok(())
}

fn freq(call: &mut Call<'_>) -> Outcome {
    if call.keys.peek(call.args.at(2), |_| ())?.is_some() {
        return Err(Failure::new(
            "ERR An LFU maxmemory policy is not selected, access frequency not tracked. Please \
             note that when switching between policies at runtime LRU and LFU data will take some \
             time to adjust.",
        ));
    }
    call.out.null();
    Ok(())
}

fn help(call: &mut Call<'_>) -> Outcome {
    call.out.help(
        "OBJECT",
        &[
            (
                "ENCODING <key>",
                "Return the kind of internal representation used for <key>'s value.",
            ),
            ("FREQ <key>", "Always fails: access frequencies are not kept."),
            ("IDLETIME <key>", "Always 0: times of access are not kept."),
            ("REFCOUNT <key>", "Always 1."),
        ],
    );
    Ok(())
}
