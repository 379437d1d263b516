//! A store in a directory: set, get, expire, save, and find everything again.
//!
//! Run with `cargo run -p exuvia --example embed`.

use exuvia::{Change, Expiry, ExpiryChange, Options, Store, Value};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let dir = tempfile::tempdir()?;
    let options = || Options::new(dir.path()).dbfilename("moths");

    let store = Store::open(options())?;
    store.set(b"luna", b"green", Expiry::Never)?;
    store.set(b"atlas", b"brown", Expiry::Never)?;

    // An atomic read-modify-write; the closure runs again if another thread was faster.
    let sightings = store.database(1)?;
    for _ in 0..3 {
        sightings.update(b"luna", |entry| {
            let seen = entry.map_or(0, |entry| entry.value[0]) + 1;
            (Change::Set(Value::from(&[seen]), ExpiryChange::Keep), ())
        })?;
    }

    // Several keys in one step.
    store.transaction(|transaction| {
        transaction.remove(0, b"atlas")?;
        transaction.set(0, b"cecropia", "red", Expiry::Never)
    })?;

    let saved = store.save()?.wait()?;
    assert_eq!(saved.records, 3);
    store.close()?; // lets go of the directory

    let store = Store::open(options())?;
    assert_eq!(store.get(b"cecropia").as_deref(), Some(&b"red"[..]));
    assert_eq!(store.get(b"atlas"), None);
    assert_eq!(store.database(1)?.get(b"luna").as_deref(), Some(&[3][..]));
    Ok(())
}
