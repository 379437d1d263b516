//! What carries transfers, when it is dropped, dies or is refused.

use std::fs::File;
use std::io::{self, Write};

use super::*;
use crate::disk::file_system::{Direction, Directory, File as _, Transfer};
use crate::disk::lane::{Lane, Ticket, completions};
use crate::disk::threads::ThreadsLane;

fn reading(bytes: usize) -> Transfer {
    Transfer::new(Direction::Read, 0, Buffer::new(bytes), 0..bytes)
}

/// A file that answers reads when the test writes to its other end.
fn pipe() -> (File, impl Write) {
    let (reader, writer) = io::pipe().unwrap();
    (File::from(std::os::fd::OwnedFd::from(reader)), writer)
}

#[test]
fn a_promise_that_is_dropped_is_answered_with_an_error() {
    let (answer, answers) = completions();
    drop(Ticket::new(&answer));
    assert!(answers.recv().unwrap().is_err());
}

#[test]
fn transfers_that_fail_come_back_with_their_error() {
    // Positioned reads of a pipe are refused.
    let (file, _writer) = pipe();
    let mut lane = ThreadsLane::start(file, 2).unwrap();
    lane.submit(reading(4096)).unwrap();
    let (transfer, result) = lane.complete().unwrap();
    assert!(result.is_err());
    assert_eq!(transfer.range, 0..4096);
}

#[test]
fn a_file_that_accepts_the_flag_and_refuses_the_transfer_goes_through_the_page_cache() {
    for carrier in carriers() {
        let dir = TempDir::new().unwrap();
        let path = dir.path().to_owned();
        let directory = OsDirectory { path, carrier, direct: true, file_mode: 0o600 };
        let mut file = directory.create("object", 4).unwrap();
        for block in 0..4_u64 {
            let mut buffer = Buffer::new(4096);
            buffer.extend_from_slice(&[block as u8; 100]);
            // No whole block: what direct I/O refuses on a device.
            file.submit(Transfer::new(Direction::Write, block * 100, buffer, 0..100)).unwrap();
        }
        for _ in 0..4 {
            let (_, moved) = file.complete().unwrap();
            assert_eq!(moved.unwrap(), 100, "{carrier:?}");
        }
        let content = std::fs::read(dir.path().join("object")).unwrap();
        assert_eq!(content.len(), 400);
        assert!(content.iter().enumerate().all(|(at, byte)| *byte == (at / 100) as u8));
    }
}

#[cfg(all(target_os = "linux", feature = "uring"))]
mod ring {
    use std::time::{Duration, Instant};

    use super::*;
    use crate::disk::ring::RingLane;

    /// Longest time that anything here may take on a busy machine.
    const PATIENCE: Duration = Duration::from_secs(20);

    #[test]
    fn the_kernel_here_has_a_ring() {
        crate::disk::ring::probe().unwrap();
    }

    #[test]
    fn a_dropped_ring_does_not_wait_for_what_is_in_flight() {
        let (file, mut writer) = pipe();
        let mut lane = RingLane::start(file).unwrap();
        lane.submit(reading(4096)).unwrap();
        std::thread::sleep(Duration::from_millis(50));
        let started = Instant::now();
        drop(lane);
        assert!(started.elapsed() < PATIENCE);
        // The kernel fills a buffer that nobody waits for; its memory must still be there.
        writer.write_all(&[7; 4096]).unwrap();
    }

    #[test]
    fn a_ring_whose_thread_dies_answers_with_errors_also_for_what_was_in_flight() {
        let (file, mut writer) = pipe();
        let mut lane = RingLane::start(file).unwrap();
        lane.submit(reading(4096)).unwrap();
        lane.submit(reading(4096)).unwrap();
        std::thread::sleep(Duration::from_millis(50));
        let started = Instant::now();
        lane.kill();
        assert!(lane.complete().is_err());
        assert!(lane.complete().is_err());
        assert!(lane.complete().is_err(), "and for whatever else is asked");
        assert!(started.elapsed() < PATIENCE);
        assert!(lane.submit(reading(4096)).is_err());
        // The pipe's last reader is gone, or a read that was not cancelled takes the bytes.
        let _ = writer.write_all(&[7; 8192]);
    }

    #[test]
    fn a_stalled_transfer_completes_when_the_device_answers() {
        let (file, mut writer) = pipe();
        let mut lane = RingLane::start(file).unwrap();
        lane.submit(reading(4096)).unwrap();
        let answering = std::thread::spawn(move || {
            // Long enough for the lane to nudge its thread.
            std::thread::sleep(Duration::from_millis(1200));
            writer.write_all(b"late").unwrap();
        });
        let (mut transfer, moved) = lane.complete().unwrap();
        assert_eq!(moved.unwrap(), 4);
        assert_eq!(&transfer.buffer.all_mut()[..4], b"late");
        answering.join().unwrap();
    }
}
