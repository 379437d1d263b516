//! Ids and entries in replies.

use exuvia::collection::StreamEntry;
use exuvia::{Stream, StreamId};

use crate::command::Failure;
use crate::resp::Output;

pub(super) fn id(out: &mut Output, id: StreamId) {
    out.bulk(id.to_string().as_bytes());
}

/// An entry: its id, and a list of its fields and values.
pub(super) fn entry(out: &mut Output, entry: &StreamEntry<'_>) {
    out.array(2);
    id(out, entry.id);
    out.array(entry.fields().count() * 2);
    for (field, value) in entry.fields() {
        out.bulk(field);
        out.bulk(value);
    }
}

/// An entry that may have been removed.
pub(super) fn entry_or_null(out: &mut Output, found: Option<StreamEntry<'_>>) {
    match found {
        Some(found) => entry(out, &found),
        None => out.null(),
    }
}

/// A new output for replies whose number is sent first.
pub(super) fn beside(out: &Output) -> Output {
    let mut beside = Output::new();
    beside.set_protocol(out.protocol());
    beside
}

/// Whether there is a key: the engine keeps none whose stream is as good as new.
pub(super) fn exists(stream: &Stream) -> bool {
    *stream != Stream::new()
}

/// There is no such group, or not even its key.
pub(super) fn no_group(key: &[u8], group: &[u8], behind: &str) -> Failure {
    let (key, group) = (String::from_utf8_lossy(key), String::from_utf8_lossy(group));
    format!("NOGROUP No such key '{key}' or consumer group '{group}'{behind}").into()
}
