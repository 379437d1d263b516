//! Objects written, read, listed, replaced, refused and given up.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use super::*;
use crate::format::storage::{PutMode, StorageErrorKind};

/// Longest time that anything here may take on a busy machine.
const PATIENCE: Duration = Duration::from_mins(1);

#[test]
fn objects_of_awkward_lengths_read_back_whole() {
    let lengths = [0, 1, 511, 512, 4095, 4096, 4097, 8192, 8193, 24_576, 100_000, 1 << 20];
    for case in cases() {
        for bytes in lengths {
            let name = format!("object-{bytes}");
            let written = content(bytes as u64, bytes);
            let meta = write(&*case.storage, &name, &written, small_hint()).unwrap();
            assert_eq!((meta.name.as_str(), meta.bytes), (name.as_str(), bytes as u64));
            for (in_flight, buffer_bytes) in [(1, 4096), (3, 8192), (4, 1 << 20)] {
                let read = read(&*case.storage, &name, in_flight, buffer_bytes).unwrap();
                assert!(read == written, "{name} in {}", case.label);
            }
            assert_eq!(case.storage.get(&name, bytes as u64).unwrap(), written);
            assert!(case.storage.list().unwrap().contains(&meta), "{name} in {}", case.label);
        }
    }
}

#[test]
fn a_finished_file_keeps_neither_padding_nor_reserved_room() {
    for case in real_cases() {
        let hint = WriteHint { expected_bytes: 50 << 20, ..small_hint() };
        write(&*case.storage, "object", &content(3, 10_001), hint).unwrap();
        let metadata = fs::metadata(case.path().join("object")).unwrap();
        assert_eq!(metadata.len(), 10_001, "{}", case.label);
        assert!(metadata.blocks() * 512 <= 64 << 10, "{} {}", metadata.blocks(), case.label);
        assert_eq!(metadata.mode() & 0o777, 0o600, "{}", case.label);
    }
}

#[test]
fn many_small_objects_are_all_there() {
    for case in cases() {
        for index in 0..200_u64 {
            let bytes = content(index, (index * 37) as usize % 9000);
            let name = format!("object-{index}");
            if index % 2 == 0 {
                write(&*case.storage, &name, &bytes, small_hint()).unwrap();
            } else {
                case.storage.put(&name, &bytes, PutMode::CreateNew).unwrap();
            }
        }
        assert_eq!(names(&*case.storage).len(), 200, "{}", case.label);
        for index in 0..200_u64 {
            let expected = content(index, (index * 37) as usize % 9000);
            assert_eq!(case.storage.get(&format!("object-{index}"), 9000).unwrap(), expected);
        }
    }
}

#[test]
fn a_name_that_is_taken_is_refused_and_its_content_stays() {
    for case in cases() {
        case.storage.put("object", b"first", PutMode::CreateNew).unwrap();
        let put = case.storage.put("object", b"second", PutMode::CreateNew).unwrap_err();
        assert_eq!(put.kind(), StorageErrorKind::AlreadyExists, "{}", case.label);
        assert!(put.object().contains("object"));
        let create = case.storage.create("object", small_hint()).err().unwrap();
        assert_eq!(create.kind(), StorageErrorKind::AlreadyExists, "{}", case.label);
        assert_eq!(case.storage.get("object", 9).unwrap(), b"first");
        case.storage.put("object", b"third", PutMode::Replace).unwrap();
        assert_eq!(case.storage.get("object", 9).unwrap(), b"third");
        assert_eq!(names(&*case.storage), ["object"], "{}", case.label);
    }
}

#[test]
fn a_name_taken_while_the_object_was_written_is_not_replaced() {
    for case in cases() {
        let writer = case.storage.create("object", small_hint()).unwrap();
        // Another program, which knows nothing of temporary names.
        case.storage.put("other", b"theirs", PutMode::CreateNew).unwrap();
        match &case.dir {
            Some(dir) => fs::rename(dir.path().join("other"), dir.path().join("object")).unwrap(),
            None => continue,
        }
        let error = writer.finish().unwrap_err();
        assert_eq!(error.kind(), StorageErrorKind::AlreadyExists, "{}", case.label);
        assert_eq!(case.storage.get("object", 9).unwrap(), b"theirs");
        assert_eq!(names(&*case.storage), ["object"], "{}", case.label);
    }
}

#[test]
fn of_concurrent_puts_of_a_new_name_exactly_one_wins() {
    for case in cases() {
        for round in 0..20 {
            let name = format!("object-{round}");
            let winners = AtomicUsize::new(0);
            std::thread::scope(|scope| {
                for writer in 0..4_u8 {
                    let (storage, name, winners) = (&case.storage, &name, &winners);
                    scope.spawn(move || match storage.put(name, &[writer], PutMode::CreateNew) {
                        Ok(()) => {
                            winners.fetch_add(1, Ordering::Relaxed);
                        }
                        Err(error) => assert_eq!(error.kind(), StorageErrorKind::AlreadyExists),
                    });
                }
            });
            assert_eq!(winners.into_inner(), 1, "{}", case.label);
        }
    }
}

#[test]
fn a_stale_temporary_file_is_in_the_way_of_a_part_but_not_of_a_commit() {
    for case in cases() {
        case.storage.put("object.tmp", b"stale", PutMode::CreateNew).unwrap();
        let error = case.storage.create("object", small_hint()).err().unwrap();
        assert_eq!(error.kind(), StorageErrorKind::AlreadyExists);
        assert!(error.object().ends_with("object.tmp"), "{error}");
        case.storage.put("object", b"fresh", PutMode::CreateNew).unwrap();
        assert_eq!(names(&*case.storage), ["object"], "{}", case.label);
    }
}

#[test]
fn an_aborted_or_dropped_writer_leaves_nothing_whatever_is_in_flight() {
    let mut random = fastrand::Rng::with_seed(seed());
    for case in cases() {
        for round in 0..40 {
            let hint = WriteHint { buffer_bytes: 1 << 18, buffers_max: 4, expected_bytes: 1 << 20 };
            let mut writer = case.storage.create("object", hint).unwrap();
            for _ in 0..random.usize(0..8) {
                let mut buffer = writer.reclaim().unwrap();
                buffer.set_len(random.usize(0..4) * BUFFER_ALIGNMENT);
                writer.submit(buffer).unwrap();
            }
            assert_eq!(names(&*case.storage), ["object.tmp"], "{}", case.label);
            if round % 2 == 0 {
                writer.abort();
            } else {
                drop(writer);
            }
            assert!(names(&*case.storage).is_empty(), "{}", case.label);
        }
    }
}

#[test]
fn nothing_may_follow_a_buffer_that_ends_between_blocks() {
    for case in cases() {
        let mut writer = case.storage.create("object", small_hint()).unwrap();
        for _ in 0..2 {
            let mut buffer = writer.reclaim().unwrap();
            buffer.set_len(100);
            match writer.submit(buffer) {
                Ok(()) => {}
                Err(error) => assert_eq!(error.kind(), StorageErrorKind::InvalidInput),
            }
        }
        assert!(writer.reclaim().is_err(), "poisoned in {}", case.label);
        assert!(writer.finish().is_err(), "poisoned in {}", case.label);
        assert!(names(&*case.storage).is_empty(), "{}", case.label);
    }
}

#[test]
fn a_caller_that_holds_all_buffers_gets_an_error_instead_of_waiting_for_itself() {
    for case in cases() {
        let mut writer = case.storage.create("object", small_hint()).unwrap();
        let held: Vec<Buffer> = (0..3).map(|_| writer.reclaim().unwrap()).collect();
        let error = writer.reclaim().unwrap_err();
        assert_eq!(error.kind(), StorageErrorKind::InvalidInput, "{}", case.label);
        for mut buffer in held {
            buffer.set_len(BUFFER_ALIGNMENT);
            writer.submit(buffer).unwrap();
        }
        assert_eq!(writer.finish().unwrap().bytes, 3 * 4096);
    }
}

#[test]
fn a_writer_given_buffers_of_others_stays_within_its_own() {
    for case in cases() {
        let mut writer = case.storage.create("object", small_hint()).unwrap();
        for _ in 0..20 {
            let mut buffer = Buffer::new(3 * BUFFER_ALIGNMENT);
            buffer.set_len(3 * BUFFER_ALIGNMENT);
            writer.submit(buffer).unwrap();
        }
        assert_eq!(writer.finish().unwrap().bytes, 60 * 4096, "{}", case.label);
    }
}

#[test]
fn reads_behind_the_end_are_empty_and_reads_across_it_are_short() {
    for case in cases() {
        let written = content(9, 10_000);
        write(&*case.storage, "object", &written, small_hint()).unwrap();
        let mut reader = case.storage.open("object").unwrap();
        assert_eq!(reader.bytes(), 10_000);
        for (offset, expected) in [(8192, &written[8192..]), (12_288, &[]), (1 << 40, &[])] {
            let mut buffer = Buffer::new(8192);
            buffer.set_len(8192);
            reader.submit(offset, buffer).unwrap();
            let (at, buffer) = reader.complete().unwrap();
            assert_eq!((at, buffer.filled()), (offset, expected), "{}", case.label);
        }
        let misaligned = reader.submit(100, Buffer::new(4096)).unwrap_err();
        assert_eq!(misaligned.kind(), StorageErrorKind::InvalidInput);
        let idle = reader.complete().unwrap_err();
        assert_eq!(idle.kind(), StorageErrorKind::InvalidInput);
    }
}

#[test]
fn a_reader_dropped_with_reads_in_flight_neither_waits_nor_breaks() {
    for case in cases() {
        write(&*case.storage, "object", &content(4, 1 << 20), small_hint()).unwrap();
        for _ in 0..50 {
            let mut reader = case.storage.open("object").unwrap();
            for block in 0..8 {
                reader.submit(block << 16, Buffer::new(1 << 16)).unwrap();
            }
            reader.complete().unwrap();
        }
    }
}

#[test]
fn more_reads_than_a_ring_has_entries_all_complete() {
    for case in cases() {
        let written = content(6, 300 * 4096);
        write(&*case.storage, "object", &written, small_hint()).unwrap();
        assert!(read(&*case.storage, "object", 300, 4096).unwrap() == written, "{}", case.label);
    }
}

#[test]
fn an_object_changed_under_a_reader_is_noticed() {
    for case in real_cases() {
        for longer in [true, false] {
            write(&*case.storage, "object", &content(5, 20_000), small_hint()).unwrap();
            let mut reader = case.storage.open("object").unwrap();
            let file = fs::OpenOptions::new().write(true).open(case.path().join("object")).unwrap();
            file.set_len(if longer { 30_000 } else { 10_000 }).unwrap();
            reader.submit(0, Buffer::new(32_768)).unwrap();
            let error = reader.complete().unwrap_err();
            assert_eq!(error.kind(), StorageErrorKind::Changed, "{}", case.label);
            case.storage.remove("object").unwrap();
        }
    }
}

#[test]
fn an_object_replaced_under_a_reader_is_read_as_it_was() {
    for case in cases() {
        case.storage.put("object", b"old", PutMode::CreateNew).unwrap();
        let mut reader = case.storage.open("object").unwrap();
        case.storage.put("object", b"newer", PutMode::Replace).unwrap();
        reader.submit(0, Buffer::new(4096)).unwrap();
        assert_eq!(reader.complete().unwrap().1.filled(), b"old", "{}", case.label);
    }
}

#[test]
fn an_object_longer_than_allowed_is_not_read() {
    for case in cases() {
        case.storage.put("object", b"12345", PutMode::CreateNew).unwrap();
        let error = case.storage.get("object", 4).unwrap_err();
        assert_eq!(error.kind(), StorageErrorKind::TooLarge, "{}", case.label);
    }
}

#[test]
fn what_is_not_there_is_not_found_and_may_be_removed() {
    for case in cases() {
        for error in [case.storage.open("none").err(), case.storage.get("none", 9).err()] {
            assert_eq!(error.unwrap().kind(), StorageErrorKind::NotFound, "{}", case.label);
        }
        case.storage.remove("none").unwrap();
    }
}

#[test]
fn names_that_lead_out_of_the_directory_are_refused_by_every_call() {
    for case in cases() {
        for name in ["../x", "a/b", "", "..", "x\0"] {
            let errors = [
                case.storage.create(name, small_hint()).err(),
                case.storage.open(name).err(),
                case.storage.get(name, 9).err(),
                case.storage.put(name, b"", PutMode::Replace).err(),
                case.storage.remove(name).err(),
            ];
            for error in errors {
                let kind = error.unwrap().kind();
                assert_eq!(kind, StorageErrorKind::InvalidInput, "{name:?} {}", case.label);
            }
        }
    }
}

#[test]
fn a_directory_that_cannot_be_looked_into_is_an_error_and_not_empty() {
    for case in real_cases() {
        fs::remove_dir(case.path()).unwrap();
        let error = case.storage.list().unwrap_err();
        assert_eq!(error.kind(), StorageErrorKind::NotFound, "{}", case.label);
        assert_eq!(error.object(), case.path().display().to_string());
        assert!(case.storage.create("object", small_hint()).is_err());
        fs::write(case.path(), b"a file").unwrap();
        assert!(case.storage.list().is_err(), "{}", case.label);
        fs::remove_file(case.path()).unwrap();
        // It is the path that counts: a directory made anew is used.
        fs::create_dir(case.path()).unwrap();
        case.storage.put("object", b"", PutMode::CreateNew).unwrap();
    }
}

#[test]
fn free_space_is_known() {
    for case in cases() {
        assert!(case.storage.free_bytes().unwrap().unwrap() > 0, "{}", case.label);
    }
}

#[test]
fn several_writers_and_readers_at_a_time_do_not_disturb_each_other() {
    let started = Instant::now();
    for case in cases() {
        std::thread::scope(|scope| {
            for index in 0..4 {
                let storage = &*case.storage;
                scope.spawn(move || {
                    let bytes = content(index, 700_000 + index as usize);
                    let name = format!("object-{index}");
                    write(storage, &name, &bytes, small_hint()).unwrap();
                    assert!(read(storage, &name, 4, 16_384).unwrap() == bytes);
                });
            }
        });
    }
    assert!(started.elapsed() < PATIENCE);
}
