//! Bytes that claim to be the keys of a file in Redis's format never make the reader panic.

#![no_main]

use exuvia_fuzz::rdb::{read_file, read_whole};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| match input.split_first() {
    Some((0, file)) => read_whole(file),
    Some((_, body)) => read_file(body),
    None => {}
});
