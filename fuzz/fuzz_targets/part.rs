//! Whatever is written is read again; a damaged part is refused, or was not damaged at all.

#![no_main]

use exuvia_fuzz::{NAME, OwnedRecord, damage, read, write};
use exuvia_snapshot_format::storage::MemoryStorage;
use exuvia_snapshot_format::{Codec, PageOptions, PartFinder};
use libfuzzer_sys::arbitrary::{self, Arbitrary};
use libfuzzer_sys::fuzz_target;

/// A part to write, and what happens to it.
#[derive(Arbitrary, Debug)]
struct Plan {
    is_compressed: bool,
    raw_bytes_target: u16,
    piece_bytes: u8,
    records: Vec<RecordPlan>,
    damage: Vec<u8>,
}

#[derive(Arbitrary, Debug)]
struct RecordPlan {
    database: u8,
    key: Vec<u8>,
    value: Vec<u8>,
    expiry: Option<u64>,
}

impl Plan {
    fn records(&self) -> Vec<OwnedRecord> {
        let record = |plan: &RecordPlan| {
            let (key, value) = (plan.key.clone(), plan.value.clone());
            OwnedRecord::new(u16::from(plan.database), key, value, plan.expiry)
        };
        let mut records: Vec<_> = self.records.iter().map(record).collect();
        records.sort();
        records.dedup_by(|b, a| (a.database, &a.key) == (b.database, &b.key));
        records
    }

    fn options(&self) -> PageOptions {
        PageOptions {
            codec: if self.is_compressed { Codec::Zstd { level: 1 } } else { Codec::None },
            raw_bytes_target: usize::from(self.raw_bytes_target).max(1),
            piece_bytes: usize::from(self.piece_bytes).max(1),
        }
    }
}

fuzz_target!(|plan: Plan| {
    let records = plan.records();
    let (storage, entry) = write(plan.options(), &records);
    assert_eq!(read(&storage, &entry).expect("a sound part is read"), records);
    if let Some(record) = records.first() {
        let mut finder = PartFinder::open(&storage, &entry).expect("a sound part is opened");
        let found = finder.find(record.database, &record.key, u64::MAX);
        assert_eq!(found.expect("a sound page is read").expect("it is there").value, record.value);
    }
    let sound = storage.object(NAME).expect("the part is there");
    let mut damaged = sound.clone();
    damage(&mut damaged, &plan.damage);
    let storage = MemoryStorage::new();
    storage.insert(NAME, damaged.clone());
    if read(&storage, &entry).is_ok() {
        assert!(damaged == sound, "a damaged part was read");
    }
});
