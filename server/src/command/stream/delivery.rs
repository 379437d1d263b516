//! How far the reading of a group is.

use exuvia::collection::Group;
use exuvia::{Stream, StreamId};

/// Whether entries behind `id` were removed.
fn has_gaps_behind(stream: &Stream, id: StreamId) -> bool {
    let deleted = stream.max_deleted_id();
    let Some(first) = stream.first() else { return false };
    deleted != StreamId::MIN && first.id <= deleted && id <= deleted
}

/// How many entries were added up to the one with `id`, if that can be told.
fn entries_up_to(stream: &Stream, id: StreamId) -> Option<u64> {
    let (added, last) = (stream.entries_added(), stream.last_id());
    if added == 0 {
        return Some(0);
    }
    if stream.is_empty() && id <= last {
        return Some(added);
    }
    if id == last {
        return Some(added);
    }
    if id > last {
        return None;
    }
    let deleted = stream.max_deleted_id();
    let first = stream.first().map_or(StreamId::MIN, |entry| entry.id);
    if deleted == StreamId::MIN || deleted < first {
        if id < first {
            return Some(added.saturating_sub(stream.len()));
        }
        if id == first {
            return Some(added.saturating_sub(stream.len()) + 1);
        }
    }
    None
}

/// How many entries the group has not been delivered, if that can be told.
pub(super) fn lag(stream: &Stream, group: &Group) -> Option<i64> {
    let added = stream.entries_added();
    if added == 0 {
        return Some(0);
    }
    let read = match group.entries_read() {
        Some(read) if !has_gaps_behind(stream, group.last_delivered()) => Some(read),
        _ => entries_up_to(stream, group.last_delivered()),
    };
    read.map(|read| (added as i64).wrapping_sub(read as i64))
}

/// How many entries the group has been delivered once it gets the one with `id`.
pub(super) fn entries_read(stream: &Stream, group: &Group, id: StreamId) -> Option<u64> {
    match group.entries_read() {
        Some(read) if !has_gaps_behind(stream, id) => Some(read.saturating_add(1)),
        read if stream.entries_added() == 0 => read,
        _ => entries_up_to(stream, id),
    }
}
