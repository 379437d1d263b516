//! Any script of operations and cuts, compared with the reference model.

#![no_main]

use libfuzzer_sys::fuzz_target;

use self::model::Script;

#[path = "../../tests/src/model/mod.rs"]
#[allow(dead_code, unused_imports, reason = "other tests use more of it")]
mod model;

fuzz_target!(|bytes: &[u8]| {
    let mut words = bytes
        .chunks_exact(8)
        .map(|word| u64::from_le_bytes(word.try_into().expect("a chunk of eight bytes")));
    let store = words.next().unwrap_or(0);
    let script = Script::from_words(store, &words.collect::<Vec<_>>());
    if let Err(why) = script.run() {
        panic!("{why}\n{script}");
    }
});
