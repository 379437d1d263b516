//! Files of a Dragonfly snapshot, whole and as compressed blobs, never make the reader panic.

#![no_main]

use exuvia_fuzz::rdb::{read_file, string};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let Some((choice, rest)) = input.split_first() else { return };
    match choice % 3 {
        0 => read_file(rest),
        // Zstandard and LZ4, each with its magic number.
        1 => read_file(&[&[201], &string(&[b"\x28\xb5\x2f\xfd", rest].concat())[..]].concat()),
        _ => read_file(&[&[202], &string(&[b"\x04\x22\x4d\x18", rest].concat())[..]].concat()),
    }
});
