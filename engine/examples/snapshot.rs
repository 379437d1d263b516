//! A cut that stays as it is while writers go on, and a walk that lets go of what it has passed.
//!
//! Run with `cargo run -p exuvia --example snapshot`.

use exuvia::{Expiry, Store};

fn main() -> Result<(), exuvia::Error> {
    let store = Store::in_memory();
    for i in 0..10_000_u32 {
        store.set(&i.to_be_bytes(), b"before", Expiry::Never)?;
    }

    let cut = store.snapshot()?;
    let writer = std::thread::spawn({
        let store = store.clone();
        move || {
            for i in 0..20_000_u32 {
                store.set(&i.to_be_bytes(), b"after", Expiry::Never)?;
            }
            Ok::<_, exuvia::Error>(())
        }
    });

    // However the two threads interleave, the cut holds what was there when it was taken.
    assert_eq!(cut.iter().filter(|entry| entry.value == *b"before".as_slice()).count(), 10_000);
    writer.join().expect("the writer does not panic")?;
    assert_eq!(cut.get(0, &7_u32.to_be_bytes()).as_deref(), Some(&b"before"[..]));
    assert_eq!(store.stats().superseded_entries, 10_000);

    // Two walks, one for each half of the hashes: what they have passed is let go at once.
    for mut walk in cut.into_walks(2) {
        assert!(walk.all(|entry| entry.value == *b"before".as_slice()));
    }
    assert_eq!(store.stats().superseded_entries, 0);
    assert_eq!(store.database(0)?.len(), 20_000);
    Ok(())
}
