//! How transfers of one file reach the device: the trait behind which `io_uring` and threads hide.

use std::io;
use std::sync::mpsc::{self, Receiver, Sender};

use super::file_system::{Completion, Transfer};

/// Carries the transfers of one file, several at a time.
///
/// Dropping a lane does not wait: transfers in flight end by themselves, and own what they use.
pub(super) trait Lane: Send {
    /// Starts a transfer. An error loses the buffer, and means that the lane is dead.
    fn submit(&mut self, transfer: Transfer) -> io::Result<()>;

    /// Waits for any one of the transfers in flight; the caller knows that there is one.
    fn complete(&mut self) -> Completion;
}

/// The promise that a transfer given to another thread is answered.
///
/// Dropped unsettled, as by a panic, it answers with an error, so that nobody waits for ever.
#[derive(Debug)]
pub(super) struct Ticket {
    answer: Option<Sender<Completion>>,
}

impl Ticket {
    /// A promise to answer through `answer`.
    pub(super) fn new(answer: &Sender<Completion>) -> Self {
        Self { answer: Some(answer.clone()) }
    }

    /// Answers. When nobody listens any more the transfer ends here.
    pub(super) fn settle(mut self, transfer: Transfer, result: io::Result<usize>) {
        if let Some(answer) = self.answer.take() {
            // The receiver is gone after an abort: there is nobody left to tell.
            let _ = answer.send(Ok((transfer, result)));
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if let Some(answer) = self.answer.take() {
            let _ = answer.send(Err(thread_died()));
        }
    }
}

/// The error of a transfer whose thread is no more.
pub(super) fn thread_died() -> io::Error {
    io::Error::new(io::ErrorKind::BrokenPipe, "the I/O thread died")
}

/// A channel on which a lane's threads answer.
pub(super) fn completions() -> (Sender<Completion>, Receiver<Completion>) {
    mpsc::channel()
}
