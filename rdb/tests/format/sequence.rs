//! Events that a writer refuses.

use exuvia_rdb::{
    Consumer, Event, FieldsBuf, Group, Head, Pending, RdbError, Shape, StreamCounters, StreamId,
    Version, WriteOptions, Writer,
};

const ID: StreamId = StreamId { ms: 1, seq: 1 };

fn begin(shape: Shape) -> Event<'static> {
    Event::Begin(Head { key: b"key", expires_at_unix_ms: None, shape })
}

fn write(version: Version, events: &[Event<'_>]) -> Result<Vec<u8>, RdbError> {
    let mut writer = Writer::begin(Vec::new(), WriteOptions::new(version))?;
    events.iter().try_for_each(|&event| writer.event(event))?;
    writer.finish()
}

#[track_caller]
fn refused(events: &[Event<'_>]) {
    let result = write(Version::REDIS_12, events);
    assert!(matches!(result, Err(RdbError::OutOfSequence(_))), "{result:?}");
}

#[test]
fn more_or_fewer_elements_than_announced_are_refused() {
    let list = begin(Shape::List { items: 1, bytes: 0 });
    let set = begin(Shape::Set { members: 1 });
    let sorted = begin(Shape::SortedSet { members: 1 });
    let hash = begin(Shape::Hash { fields: 1, expiry_floor_unix_ms: None });
    let elements = [
        (list, Event::Item(b"a")),
        (set, Event::Member(b"a")),
        (sorted, Event::Scored { member: b"a", score: 1.0 }),
        (hash, Event::Field { field: b"a", value: b"b", expires_at_unix_ms: None }),
    ];
    for (head, element) in elements {
        write(Version::REDIS_9, &[head, element, Event::End]).unwrap();
        refused(&[head, Event::End]);
        refused(&[head, element, element]);
        refused(&[head, element]);
        refused(&[head, Event::Text(b"t")]);
        refused(&[head, head]);
        refused(&[element]);
    }
    refused(&[begin(Shape::String), Event::End]);
    refused(&[begin(Shape::String), Event::Text(b"t"), Event::Text(b"t")]);
    refused(&[Event::End]);
}

#[test]
fn what_no_reader_would_take_is_refused() {
    let sorted = begin(Shape::SortedSet { members: 1 });
    refused(&[sorted, Event::Scored { member: b"a", score: f64::NAN }]);
    let hash = begin(Shape::Hash { fields: 1, expiry_floor_unix_ms: Some(100) });
    refused(&[hash, Event::Field { field: b"a", value: b"b", expires_at_unix_ms: Some(99) }]);
}

#[test]
fn a_stream_is_written_in_order_only() {
    let mut fields = FieldsBuf::new();
    fields.push(b"f", b"v");
    let fields = fields.as_fields();
    let head = begin(Shape::Stream { entries: 1, bytes: 0 });
    let entry = Event::Entry { id: ID, fields };
    let counters = |groups| {
        let (last_id, entries_added) = (ID, 1);
        let max_deleted_id = StreamId::ZERO;
        Event::Counters(StreamCounters { last_id, max_deleted_id, entries_added, groups })
    };
    let group = |pending| {
        let name = b"g".as_slice();
        Event::Group(Group { name, last_delivered_id: ID, entries_read: None, pending })
    };
    let pending = Event::Pending(Pending { id: ID, delivered_at_unix_ms: 1, deliveries: 1 });
    let consumer = |pending| {
        let name = b"c".as_slice();
        Event::Consumer(Consumer { name, seen_at_unix_ms: 1, active_at_unix_ms: None, pending })
    };
    let (owned, end) = (Event::Owned(ID), Event::End);
    let whole =
        [head, entry, counters(1), group(1), pending, Event::Consumers(1), consumer(1), owned, end];
    for version in [Version::REDIS_9, Version::REDIS_12] {
        write(version, &whole).unwrap();
    }
    // Without any one of them it is no stream.
    for missing in 1..whole.len() {
        let rest: Vec<_> =
            (0..whole.len()).filter(|&at| at != missing).map(|at| whole[at]).collect();
        refused(&rest);
    }
    refused(&[begin(Shape::Stream { entries: 2, bytes: 0 }), entry, entry]);
    let early = StreamCounters { last_id: StreamId::ZERO, ..StreamCounters::default() };
    refused(&[head, entry, Event::Counters(early)]);
}

#[test]
fn a_version_refuses_what_it_would_lose() {
    let hash = begin(Shape::Hash { fields: 1, expiry_floor_unix_ms: Some(1) });
    for version in [Version::REDIS_9, Version::REDIS_10, Version::REDIS_11] {
        let error = write(version, &[hash]).unwrap_err();
        assert!(matches!(error, RdbError::NeedsVersion { needed: 12, .. }), "{error}");
        assert!(error.to_string().contains("\"key\" needs RDB version 12"), "{error}");
    }
    let counters = StreamCounters { entries_added: 7, ..StreamCounters::default() };
    let stream =
        [begin(Shape::Stream { entries: 0, bytes: 0 }), Event::Counters(counters), Event::End];
    let error = write(Version::REDIS_9, &stream).unwrap_err();
    assert!(matches!(error, RdbError::NeedsVersion { needed: 10, .. }), "{error}");
    write(Version::REDIS_10, &stream).unwrap();
    let drop_stream_counters = true;
    let options = WriteOptions { version: Version::REDIS_9, drop_stream_counters };
    let mut writer = Writer::begin(Vec::new(), options).unwrap();
    for event in stream {
        writer.event(event).unwrap();
    }
    assert_eq!(writer.dropped_stream_counters(), 1);
}

#[test]
fn only_versions_that_are_written_are_accepted() {
    for version in [Version::Redis(8), Version::Redis(13), Version::Valkey(80)] {
        let result = Writer::begin(Vec::new(), WriteOptions::new(version));
        assert!(matches!(result, Err(RdbError::InvalidOptions(_))));
    }
}

#[test]
fn a_failure_ends_the_file() {
    struct Full;

    impl std::io::Write for Full {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            Err(std::io::ErrorKind::StorageFull.into())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    let mut writer = Writer::begin(Full, WriteOptions::new(Version::REDIS_9)).unwrap();
    writer.event(begin(Shape::String)).unwrap();
    let large = vec![b'x'; 100_000];
    assert!(matches!(writer.event(Event::Text(&large)), Err(RdbError::Io(_))));
    assert!(matches!(writer.event(Event::End), Err(RdbError::Poisoned)));
    assert!(matches!(writer.event(begin(Shape::String)), Err(RdbError::Poisoned)));
    assert!(matches!(writer.finish(), Err(RdbError::Poisoned)));
}
