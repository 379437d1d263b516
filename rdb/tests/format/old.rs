//! Encodings that no server writes any more, and those that few do, byte by byte.

use exuvia_rdb::{Event, RdbError, ReadOptions, Reader, Version};

use crate::forge::Forge;
use crate::model::Model;

#[track_caller]
fn shows(file: &[u8], lines: &[&str]) {
    let (model, _) = Model::read(file).unwrap();
    assert_eq!(model.show().lines().collect::<Vec<_>>(), lines);
}

#[test]
fn the_first_version_has_seconds_and_no_checksum() {
    let file = Forge::new("REDIS0001")
        .bytes(&[254, 3])
        .bytes(&[253])
        .bytes(&1_700_000_000_i32.to_le_bytes())
        .key(0, "k")
        .string("v")
        .key(0, "n")
        .bytes(&[0xc1, 0x18, 0xfc])
        .end_without_checksum();
    shows(&file, &["3 \"k\" string 1700000000000", "  \"v\"", "3 \"n\" string -", "  \"-1000\""]);
}

#[test]
fn integers_and_compressed_strings_are_strings() {
    let file = Forge::new("REDIS0006")
        .key(0, "a")
        .bytes(&[0xc0, 0x85])
        .key(0, "b")
        .bytes(&[0xc2, 0x15, 0xcd, 0x5b, 0x07])
        .key(0, "c")
        // Six compressed bytes, eleven raw ones.
        .bytes(&[0xc3, 6, 11, 2, b'a', b'b', b'c', 6 << 5, 2])
        .end();
    shows(
        &file,
        &[
            "0 \"a\" string -",
            "  \"-123\"",
            "0 \"b\" string -",
            "  \"123456789\"",
            "0 \"c\" string -",
            "  \"abcabcabcab\"",
        ],
    );
}

#[test]
fn lengths_have_four_forms() {
    for length in [&[3][..], &[0x40, 3], &[0x80, 0, 0, 0, 3], &[0x81, 0, 0, 0, 0, 0, 0, 0, 3]] {
        let file = Forge::new("REDIS0009").key(0, "k").bytes(length).bytes(b"abc").end();
        shows(&file, &["0 \"k\" string -", "  \"abc\""]);
    }
    let file = Forge::new("REDIS0009").key(0, "k").bytes(&[0x82, 0, 0, 0, 3]).bytes(b"abc").end();
    assert!(matches!(Model::read(&file), Err(RdbError::Damaged { .. })));
}

#[test]
fn scores_in_text_have_words_for_the_infinite() {
    let file = Forge::new("REDIS0003")
        .key(3, "z")
        .bytes(&[4])
        .string("a")
        .bytes(&[4])
        .bytes(b"-1.5")
        .string("b")
        .bytes(&[254])
        .string("c")
        .bytes(&[255])
        .string("d")
        .bytes(&[5])
        .bytes(b"1e+20")
        .end_without_checksum();
    shows(
        &file,
        &[
            "0 \"z\" zset -",
            "  \"c\" -inf",
            "  \"a\" -1.5",
            "  \"d\" 100000000000000000000",
            "  \"b\" inf",
        ],
    );
    let file = Forge::new("REDIS0003").key(3, "z").bytes(&[1]).string("a").bytes(&[253]);
    assert!(matches!(Model::read(&file.end_without_checksum()), Err(RdbError::Damaged { .. })));
}

#[test]
fn a_zipmap_is_a_hash() {
    let long = "x".repeat(300);
    let mut zipmap = vec![2, 1, b'f', 2, 0, b'a', b'b', 1, b'g', 254];
    zipmap.extend_from_slice(&300_u32.to_le_bytes());
    zipmap.push(3);
    zipmap.extend_from_slice(long.as_bytes());
    zipmap.extend_from_slice(b"...");
    zipmap.push(255);
    let length = [0x40 | (zipmap.len() >> 8) as u8, zipmap.len() as u8];
    let file = Forge::new("REDIS0002").key(9, "h").bytes(&length).bytes(&zipmap);
    let value = format!("  \"g\" \"{long}\"");
    shows(&file.end_without_checksum(), &["0 \"h\" hash -", "  \"f\" \"ab\"", &value]);
}

#[test]
fn an_intset_of_each_width_is_a_set() {
    let sets: [(&[u8], [&str; 2]); 3] = [
        (&[2, 0, 0, 0, 2, 0, 0, 0, 0xff, 0xff, 5, 0], ["  \"-1\"", "  \"5\""]),
        (&[4, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1, 0], ["  \"1\"", "  \"65536\""]),
        (
            &[8, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0],
            ["  \"1\"", "  \"4294967296\""],
        ),
    ];
    for (intset, [first, second]) in sets {
        let file = Forge::new("REDIS0009").key(11, "s").string(intset).end();
        shows(&file, &["0 \"s\" set -", first, second]);
    }
    let twice = [2, 0, 0, 0, 2, 0, 0, 0, 5, 0, 5, 0];
    let file = Forge::new("REDIS0009").key(11, "s").string(twice).end();
    assert!(matches!(Model::read(&file), Err(RdbError::Damaged { .. })));
}

#[test]
fn fields_that_expire_are_read_in_the_forms_of_redis() {
    let absolute = [0x81, 0, 0, 0x01, 0x8b, 0xcf, 0xe5, 0x68, 0x00];
    let floor = 1_700_000_000_000_u64.to_le_bytes();
    let lines = ["0 \"h\" hash -", "  \"f\" \"v\" @1700000000000", "  \"g\" \"w\""];
    let plain = |forge: Forge, expiry: &[u8]| {
        forge.bytes(&[2]).bytes(expiry).string("f").string("v").bytes(&[0]).string("g").string("w")
    };
    let packed = {
        let mut pack = vec![0, 0, 0, 0, 6, 0, 0x81, b'f', 2, 0x81, b'v', 2, 0xf4];
        pack.extend_from_slice(&floor);
        pack.extend_from_slice(&[9, 0x81, b'g', 2, 0x81, b'w', 2, 0, 1, 255]);
        pack[0] = pack.len() as u8;
        pack
    };
    let forge = || Forge::new("REDIS0012");
    shows(&plain(forge().key(22, "h"), &absolute).end(), &lines);
    shows(&plain(forge().key(24, "h").bytes(&floor), &[1]).end(), &lines);
    shows(&forge().key(23, "h").string(&packed).end(), &lines);
    shows(&forge().key(25, "h").bytes(&floor).string(&packed).end(), &lines);
}

#[test]
fn fields_that_expire_are_read_in_the_forms_of_valkey_and_dragonfly() {
    let lines = ["0 \"h\" hash -", "  \"f\" \"v\" @1700000000000", "  \"g\" \"w\""];
    let file = Forge::new("VALKEY080")
        .key(22, "h")
        .bytes(&[2])
        .string("f")
        .string("v")
        .bytes(&1_700_000_000_000_i64.to_le_bytes())
        .string("g")
        .string("w")
        .bytes(&(-1_i64).to_le_bytes())
        .end();
    shows(&file, &lines);
    let file = Forge::new("REDIS0009")
        .key(31, "h")
        .bytes(&[2])
        .string("f")
        .string("v")
        // Seconds since February 2023.
        .string("24790400")
        .string("g")
        .string("w")
        .bytes(&[0xc0, 0xff])
        .end();
    shows(&file, &lines);
}

#[test]
fn hints_between_keys_are_read_over() {
    let file = Forge::new("REDIS0009")
        .bytes(&[250])
        .string("redis-ver")
        .string("7.4.0")
        .bytes(&[254, 0, 251, 1, 0])
        // A slot, an idle time, a frequency.
        .bytes(&[244, 5, 1, 0])
        .bytes(&[248, 0x40, 100])
        .bytes(&[249, 7])
        .key(0, "k")
        .string("v")
        .end();
    let mut hints = Vec::new();
    let mut sink = |event: Event<'_>| {
        if let Event::SizeHint { keys, expiring } = event {
            hints.push((keys, expiring));
        }
        Ok::<_, RdbError>(())
    };
    let report = Reader::new(&file[..], ReadOptions::default()).read(&mut sink).unwrap();
    assert_eq!(hints, [(1, 0)]);
    assert_eq!(report.keys, 1);
    assert_eq!(report.properties.written_by.as_deref(), Some("redis-ver 7.4.0"));
    assert_eq!(report.properties.version, Some(Version::REDIS_9));
}

#[test]
fn bytes_behind_the_end_are_nobodys() {
    let mut file = Forge::new("REDIS0009").key(0, "k").string("v").end();
    let length = file.len() as u64;
    file.extend_from_slice(b"*1\r\n$4\r\nPING\r\n");
    let (_, report) = Model::read(&file).unwrap();
    assert_eq!(report.bytes, length);
}
