//! Values in Redis's format, made to pass the checksum that would hide what is behind it.

use exuvia_rdb::{
    Dump, Event, Head, RdbError, ReadOptions, Reader, Shape, Version, WriteOptions, restore,
};

/// A file's fixed beginning.
const HEADER: &[u8] = b"REDIS0012";

/// Reads `body`, between the header and an end marker without a checksum, as a whole file.
pub fn read_file(body: &[u8]) {
    let file = [HEADER, body, &[255], &[0; 8]].concat();
    read_whole(&file);
}

/// Reads a file, and finds that it is sound or not.
pub fn read_whole(file: &[u8]) {
    let options = ReadOptions { string_bytes_max: 1 << 26, skip_unsupported: true };
    let _ = Reader::new(file, options).read(&mut |_: Event<'_>| Ok::<_, RdbError>(()));
}

/// A string of the file.
pub fn string(bytes: &[u8]) -> Vec<u8> {
    let length = (bytes.len() as u32).to_be_bytes();
    [&[0x80], &length[..], bytes].concat()
}

/// Reads one value, and if that succeeds writes it again, which has to succeed and to be read.
pub fn write_again(type_byte: u8, body: &[u8]) {
    let file = [HEADER, &[type_byte, 1, b'k'], body, &[255], &[0; 8]].concat();
    let options = ReadOptions { string_bytes_max: 1 << 26, skip_unsupported: true };
    let mut elements = 0;
    let counted = Reader::new(&file[..], options).read(&mut |event: Event<'_>| {
        elements += u64::from(is_element(&event));
        Ok::<_, RdbError>(())
    });
    // Nothing but one key, so that there is one value to write.
    if counted.map(|report| report.keys).ok() != Some(1) {
        return;
    }
    let mut dump = Dump::begin(WriteOptions::new(Version::REDIS_12)).expect("it is written");
    let written = Reader::new(&file[..], options).read(&mut |event: Event<'_>| match event {
        Event::Begin(head) => {
            let shape = exactly(head.shape, elements);
            dump.event(Event::Begin(Head { shape, ..head }))
        }
        Event::Aux { .. } | Event::Database(_) | Event::SizeHint { .. } => Ok(()),
        event => dump.event(event),
    });
    written.expect("what was read can be written");
    let payload = dump.finish().expect("the value is whole");
    restore(b"k", &payload, options, &mut |_: Event<'_>| Ok::<_, RdbError>(()))
        .expect("what was written can be read");
}

fn is_element(event: &Event<'_>) -> bool {
    matches!(
        event,
        Event::Item(_)
            | Event::Member(_)
            | Event::Scored { .. }
            | Event::Field { .. }
            | Event::Entry { .. }
    )
}

/// The shape with as many elements as there are.
fn exactly(shape: Shape, elements: u64) -> Shape {
    match shape {
        Shape::List { .. } => Shape::List { items: elements, bytes: 0 },
        Shape::Set { .. } => Shape::Set { members: elements },
        Shape::SortedSet { .. } => Shape::SortedSet { members: elements },
        Shape::Hash { expiry_floor_unix_ms, .. } => {
            // A field may expire before the floor that a file claims.
            let expiry_floor_unix_ms = expiry_floor_unix_ms.map(|_| 0);
            Shape::Hash { fields: elements, expiry_floor_unix_ms }
        }
        Shape::Stream { .. } => Shape::Stream { entries: elements, bytes: 0 },
        shape => shape,
    }
}
