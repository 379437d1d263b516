//! Streams never make the reader panic, and what is accepted can be written and read again.

#![no_main]

use exuvia_fuzz::rdb::{string, write_again};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let Some((choice, rest)) = input.split_first() else { return };
    let kind = [15, 19, 21][usize::from(choice % 3)];
    // One node whose listpack is framed, and behind it whatever the input has left.
    let cut = rest.len().min(usize::from(choice >> 2) * 4);
    let (elements, behind) = rest.split_at(cut);
    let total = (elements.len() as u32 + 7).to_le_bytes();
    let listpack = [&total[..], &[255, 255], elements, &[255]].concat();
    let node = [&[1], &string(&[0; 16])[..], &string(&listpack), behind].concat();
    write_again(kind, &node);
});
