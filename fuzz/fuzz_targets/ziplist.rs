//! Ziplists, zipmaps and intsets never make the reader panic, and what is accepted can be
//! written and read again.

#![no_main]

use exuvia_fuzz::rdb::{string, write_again};
use libfuzzer_sys::fuzz_target;

/// A zipmap, a list, an intset, a sorted set, a hash.
const TYPES: [u8; 5] = [9, 10, 11, 12, 13];

fuzz_target!(|input: &[u8]| {
    let Some((choice, rest)) = input.split_first() else { return };
    let kind = TYPES[usize::from(*choice) % TYPES.len()];
    if matches!(kind, 9 | 11) {
        return write_again(kind, &string(rest));
    }
    let Some((tail, elements)) = rest.split_first() else { return };
    // The length is made right, since a wrong one is found out at once.
    let total = (elements.len() as u32 + 11).to_le_bytes();
    let tail = (u32::from(*tail)).to_le_bytes();
    let ziplist = [&total[..], &tail, &[255, 255], elements, &[255]].concat();
    write_again(kind, &string(&ziplist));
});
