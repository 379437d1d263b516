//! Transfers through `pread` and `pwrite`, on the caller's thread or on a few of their own.

use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use super::file_system::{Completion, Direction, Transfer};
use super::lane::{Lane, Ticket, completions, thread_died};

/// Most threads that one file gets; a device is busy with less.
const THREADS_MAX: usize = 4;

/// A lane that transfers on the caller's thread, one after the other.
#[derive(Debug)]
pub(super) struct InlineLane {
    file: File,
    done: VecDeque<(Transfer, io::Result<usize>)>,
}

impl InlineLane {
    /// A lane for `file`.
    pub(super) fn new(file: File) -> Self {
        Self { file, done: VecDeque::new() }
    }
}

impl Lane for InlineLane {
    fn submit(&mut self, mut transfer: Transfer) -> io::Result<()> {
        let result = perform(&self.file, &mut transfer);
        self.done.push_back((transfer, result));
        Ok(())
    }

    fn complete(&mut self) -> Completion {
        self.done.pop_front().ok_or_else(thread_died)
    }
}

/// A lane served by a few threads, which end when it is dropped.
#[derive(Debug)]
pub(super) struct ThreadsLane {
    work: Sender<Transfer>,
    answers: Receiver<Completion>,
}

impl ThreadsLane {
    /// Starts up to `in_flight_max` threads for `file`.
    ///
    /// They inherit the scheduling priority of the calling thread.
    pub(super) fn start(file: File, in_flight_max: usize) -> io::Result<Self> {
        let (work, queue) = mpsc::channel();
        let (answer, answers) = completions();
        let shared = Arc::new(Shared { file, queue: Mutex::new(queue) });
        for _ in 0..in_flight_max.clamp(1, THREADS_MAX) {
            let (shared, answer) = (Arc::clone(&shared), answer.clone());
            thread::Builder::new()
                .name("exuvia-io".to_owned())
                .spawn(move || serve(&shared, &answer))?;
        }
        Ok(Self { work, answers })
    }
}

impl Lane for ThreadsLane {
    fn submit(&mut self, transfer: Transfer) -> io::Result<()> {
        self.work.send(transfer).map_err(|_| thread_died())
    }

    fn complete(&mut self) -> Completion {
        self.answers.recv().unwrap_or_else(|_| Err(thread_died()))
    }
}

struct Shared {
    file: File,
    queue: Mutex<Receiver<Transfer>>,
}

/// Serves transfers until the lane is dropped.
fn serve(shared: &Shared, answer: &Sender<Completion>) {
    loop {
        // Whoever holds the lock waits for work, the others wait for the lock. A panic never
        // happens inside, so a poisoned lock is still a working queue.
        let next = shared.queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(mut transfer) = next else { return };
        let ticket = Ticket::new(answer);
        let result = perform(&shared.file, &mut transfer);
        ticket.settle(transfer, result);
    }
}

/// Transfers once, which may move less than asked.
fn perform(file: &File, transfer: &mut Transfer) -> io::Result<usize> {
    let position = transfer.position();
    let bytes = &mut transfer.buffer.all_mut()[transfer.range.clone()];
    loop {
        let result = match transfer.direction {
            Direction::Read => file.read_at(bytes, position),
            Direction::Write => file.write_at(bytes, position),
        };
        match result {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}
