//! What is written is read again, whatever the records and however the pages are cut.

use std::collections::BTreeMap;

use exuvia_snapshot_format::storage::{MemoryStorage, WriteHint};
use exuvia_snapshot_format::{
    Codec, HashRange, HashSeed, PageContent, PageOptions, PartHeader, PartReader, PartWriter,
    Pushed, ReadHint, Record, RecordAssembler, SnapshotId, ValueType, hash_key,
};

#[test]
fn smoke() {
    let storage = MemoryStorage::new();
    let seed = HashSeed(7);
    let header = PartHeader {
        snapshot_id: SnapshotId::from_bytes([3; 16]),
        hash_seed: seed,
        number: 0,
        hash_range: HashRange::ALL,
    };
    let mut model = BTreeMap::new();
    let mut rng = fastrand::Rng::with_seed(1);
    for i in 0..20000u32 {
        let key = format!("key:{i}").into_bytes();
        let len = if i % 5000 == 7 { 1_000_000 } else { rng.usize(0..200) };
        let value: Vec<u8> = (0..len).map(|_| rng.u8(..4)).collect();
        let expiry = rng.bool().then(|| rng.u64(..));
        model.insert(((i % 3) as u16, hash_key(seed, &key), key), (value, expiry));
    }
    for codec in [Codec::None, Codec::Zstd { level: 1 }] {
        let name = format!("p{codec:?}");
        let options = PageOptions { codec, ..PageOptions::default() };
        let mut w =
            PartWriter::begin(&storage, header, &name, options, WriteHint::default()).unwrap();
        for ((database, hash, key), (value, expiry)) in &model {
            let r = Record {
                database: *database,
                hash: *hash,
                value_type: ValueType::String,
                key,
                expires_at_unix_ms: *expiry,
                value,
            };
            loop {
                match w.try_push(&r).unwrap() {
                    Pushed::Stored => break,
                    Pushed::PageFull => w.seal_page().unwrap(),
                    Pushed::TooLarge => {
                        w.push_large(&r).unwrap();
                        break;
                    }
                }
            }
        }
        let entry = w.finish().unwrap();
        println!("{entry:?}");
        let mut reader =
            PartReader::open(&storage, &entry, ReadHint { buffers: 3, buffer_bytes: 64 << 10 })
                .unwrap();
        let mut assembler = RecordAssembler::new(seed, 1 << 30);
        let mut it = model.iter();
        while let Some(page) = reader.next_page().unwrap() {
            let mut check = |r: Record<'_>| {
                let ((d, h, k), (v, e)) = it.next().unwrap();
                assert_eq!(
                    (r.database, r.hash, r.key, r.value, r.expires_at_unix_ms),
                    (*d, *h, &k[..], &v[..], *e)
                );
            };
            match page.content() {
                PageContent::Records(rs) => rs.clone().for_each(check),
                PageContent::Piece(p) => {
                    if let Some(r) = assembler.push(p).unwrap() {
                        check(r)
                    }
                }
            }
        }
        assert!(it.next().is_none());
        let mut finder = exuvia_snapshot_format::PartFinder::open(&storage, &entry).unwrap();
        for ((d, _, k), (v, _)) in model.iter().step_by(97) {
            assert_eq!(finder.find(*d, k, 1 << 30).unwrap().unwrap().value, *v);
            assert!(finder.find(*d + 5, k, 1 << 30).unwrap().is_none());
        }
    }
}
