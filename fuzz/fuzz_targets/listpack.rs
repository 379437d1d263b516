//! Listpacks never make the reader panic, and what is accepted can be written and read again.

#![no_main]

use exuvia_fuzz::rdb::{string, write_again};
use libfuzzer_sys::fuzz_target;

/// A hash, a sorted set, a set, a hash whose fields expire.
const TYPES: [u8; 4] = [16, 17, 20, 23];

fuzz_target!(|input: &[u8]| {
    let Some((choice, elements)) = input.split_first() else { return };
    // The length is made right, since a wrong one is found out at once.
    let total = (elements.len() as u32 + 7).to_le_bytes();
    let listpack = [&total[..], &[255, 255], elements, &[255]].concat();
    write_again(TYPES[usize::from(choice & 3)], &string(&listpack));
});
