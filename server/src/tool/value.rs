//! Values of any type as JSON.

use exuvia::collection::{Group, StreamEntry};
use exuvia::format::ValueType;
use exuvia::{Collection, Expiry, Hash, Item, Stream, StreamId};

use super::json::Object;

/// All about a key whose value is encoded as in a snapshot.
pub(super) fn record_object(
    database: u16,
    key: &[u8],
    (value_type, value): (ValueType, &[u8]),
    expires_at_unix_ms: Option<u64>,
) -> Object {
    let object = Object::new().number("db", database).bytes("key", key);
    expiring(with_value(object, value_type, value), expires_at_unix_ms)
}

/// The same for a value that is at hand.
pub(super) fn item_object(
    database: u16,
    key: &[u8],
    item: &Item,
    expires_at_unix_ms: Option<u64>,
) -> Object {
    let object = Object::new().number("db", database).bytes("key", key);
    expiring(with_item(object, item), expires_at_unix_ms)
}

/// When it expires, unless it never does.
pub(super) fn expires_at(expiry: Expiry) -> Option<u64> {
    match expiry {
        Expiry::At(at) => Some(at),
        Expiry::Never => None,
    }
}

fn expiring(object: Object, expires_at_unix_ms: Option<u64>) -> Object {
    match expires_at_unix_ms {
        Some(at) => object.number("expires_at_unix_ms", at),
        None => object,
    }
}

/// Adds a value to what is told of its key: a string as it is, a collection as an array with its
/// type.
fn with_value(object: Object, value_type: ValueType, value: &[u8]) -> Object {
    if value_type == ValueType::String {
        return object.bytes("value", value);
    }
    let object = object.string("type", value_type.name());
    match Collection::decode(value_type, value) {
        Ok(collection) => with_collection(object, &collection),
        Err(error) => object.string("value_damaged", &error.to_string()),
    }
}

/// The same for a value that is at hand.
fn with_item(object: Object, item: &Item) -> Object {
    match item {
        Item::String(value) => object.bytes("value", value),
        Item::Collection(collection) => {
            let object = object.string("type", item.value_type().name());
            with_collection(object, collection)
        }
        // As for collections below.
        _ => object,
    }
}

fn with_collection(object: Object, collection: &Collection) -> Object {
    match collection {
        Collection::List(list) => {
            object.array("value", list.iter().map(|it| Object::new().bytes("element", it)))
        }
        Collection::Set(set) => {
            object.array("value", set.iter().map(|it| Object::new().bytes("member", it)))
        }
        Collection::SortedSet(set) => object.array(
            "value",
            set.iter().map(|(member, score)| {
                Object::new().bytes("member", member).string("score", &score.to_string())
            }),
        ),
        Collection::Hash(hash) => object.array(
            "value",
            hash.iter().map(|(name, value)| {
                let object = Object::new().bytes("field", name).bytes("value", value);
                with_expiry(object, hash, name)
            }),
        ),
        Collection::Stream(stream) => with_stream(object, stream),
        // The enum may grow; a type that is not known here is not decoded either.
        _ => object,
    }
}

fn with_expiry(object: Object, hash: &Hash, field: &[u8]) -> Object {
    expiring(object, hash.expiry(field).and_then(expires_at))
}

fn with_stream(object: Object, stream: &Stream) -> Object {
    object
        .string("last_id", &stream.last_id().to_string())
        .string("max_deleted_id", &stream.max_deleted_id().to_string())
        .number("entries_added", stream.entries_added())
        .array("value", stream.iter().map(entry))
        .array("groups", stream.groups().map(|(name, found)| group(name, found)))
}

fn entry(entry: StreamEntry<'_>) -> Object {
    let fields = entry
        .fields()
        .map(|(name, value)| Object::new().bytes("field", name).bytes("value", value));
    Object::new().string("id", &entry.id.to_string()).array("fields", fields)
}

fn group(name: &[u8], group: &Group) -> Object {
    let consumers = group.consumers().map(|(name, consumer)| {
        let object =
            Object::new().bytes("name", name).number("seen_unix_ms", consumer.seen_unix_ms);
        match consumer.active_unix_ms {
            Some(at) => object.number("active_unix_ms", at),
            None => object,
        }
    });
    let pending = group.pending(StreamId::MIN..=StreamId::MAX).map(|pending| {
        Object::new()
            .string("id", &pending.id.to_string())
            .bytes("consumer", pending.consumer)
            .number("delivered_unix_ms", pending.delivered_unix_ms)
            .number("deliveries", pending.deliveries)
    });
    let object = Object::new()
        .bytes("name", name)
        .string("last_delivered", &group.last_delivered().to_string());
    let object = match group.entries_read() {
        Some(count) => object.number("entries_read", count),
        None => object,
    };
    object.array("consumers", consumers).array("pending", pending)
}
