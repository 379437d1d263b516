//! Payloads of `DUMP` and `RESTORE`.

use exuvia_rdb::{RdbError, ReadOptions, Version, restore};

use crate::forge::checksum;
use crate::model::{Model, Value};

fn take(payload: &[u8]) -> Result<(Model, Version), RdbError> {
    let mut model = Model::default();
    let version = restore(b"k", payload, ReadOptions::default(), &mut model)?;
    model.forget_place();
    Ok((model, version))
}

/// Makes the checksum right.
fn sign(payload: &mut [u8]) {
    let covered = payload.len() - 8;
    let sum = checksum(&payload[..covered]);
    payload[covered..].copy_from_slice(&sum.to_le_bytes());
}

fn payload() -> Vec<u8> {
    let mut model = Model::default();
    model.insert(0, "k", None, Value::List(vec![b"a".to_vec(), b"12".to_vec()]));
    model.dump(&(0, b"k".to_vec()), Version::REDIS_9).unwrap()
}

#[test]
fn a_payload_of_redis_is_restored() {
    // DUMP of the string "hello" by Redis 7.0.
    let mut bytes = b"\x00\x05hello\x0a\x00".to_vec();
    bytes.extend_from_slice(&checksum(&bytes).to_le_bytes());
    let (model, version) = take(&bytes).unwrap();
    assert_eq!(version, Version::REDIS_10);
    assert_eq!(model.show(), "0 \"k\" string -\n  \"hello\"\n");
}

#[test]
fn a_payload_is_restored_from_what_was_dumped() {
    let (model, version) = take(&payload()).unwrap();
    assert_eq!(version, Version::REDIS_9);
    assert_eq!(model.show(), "0 \"k\" list -\n  \"a\"\n  \"12\"\n");
}

#[test]
fn a_payload_with_any_bit_flipped_is_refused() {
    let whole = payload();
    for at in 0..whole.len() * 8 {
        let mut damaged = whole.clone();
        damaged[at / 8] ^= 1 << (at % 8);
        take(&damaged).unwrap_err();
    }
    for cut in 0..whole.len() {
        take(&whole[..cut]).unwrap_err();
    }
}

#[test]
fn bytes_behind_the_value_are_refused() {
    let mut longer = payload();
    longer.insert(longer.len() - 10, 0);
    sign(&mut longer);
    assert!(matches!(take(&longer), Err(RdbError::Damaged { .. })));
}

#[test]
fn a_payload_of_the_future_is_refused() {
    for (number, known) in [(0, false), (1, true), (12, true), (13, false), (80, true), (82, false)]
    {
        let mut other = payload();
        let at = other.len() - 10;
        other[at..at + 2].copy_from_slice(&u16::to_le_bytes(number));
        sign(&mut other);
        assert_eq!(take(&other).is_ok(), known, "{number}");
    }
}
