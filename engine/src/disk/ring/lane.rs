//! The lane whose thread drives a ring.

use std::fs::File;
use std::io;
use std::rc::Rc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread;
use std::time::Duration;

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinSet;
use tokio_uring::buf::BoundedBuf;

use super::buffer::Loan;
use crate::disk::file_system::{Completion, Direction, Transfer};
use crate::disk::lane::{Lane, Ticket, completions, thread_died};

/// Submission entries of a ring. More transfers than that at once are submitted in several goes.
const ENTRIES: u32 = 64;

/// How long a completion is waited for before the ring's thread is woken to look again.
///
/// The runtime submits when it goes to sleep, and ignores it if the kernel is short of memory at
/// that moment. Waking it makes it try again.
const NUDGE_INTERVAL: Duration = Duration::from_secs(1);

/// What the ring's thread is asked to do.
enum Request {
    /// Carry this out and answer.
    Transfer(Transfer),
    /// Wake up, which submits what is still unsubmitted.
    Nudge,
    /// Die, as a defect would make it.
    #[cfg(test)]
    Panic,
}

/// A lane served by a ring on a thread of its own.
///
/// The queue is bounded by the number of buffers that its owner has. Dropping the lane closes it;
/// the thread ends when the last transfer in flight is complete.
#[derive(Debug)]
pub(in crate::disk) struct RingLane {
    requests: UnboundedSender<Request>,
    answers: Receiver<Completion>,
}

impl RingLane {
    /// Starts the thread and its ring for `file`.
    ///
    /// The thread inherits the scheduling priority of the calling thread.
    ///
    /// # Errors
    ///
    /// If the kernel refuses a ring or a thread.
    pub(in crate::disk) fn start(file: File) -> io::Result<Self> {
        let (requests, queue) = unbounded_channel();
        let (answer, answers) = completions();
        let (started, start) = mpsc::channel();
        thread::Builder::new()
            .name("exuvia-ring".to_owned())
            .spawn(move || run(file, queue, &answer, &started))?;
        // No answer means that the runtime's construction panicked.
        start.recv().unwrap_or_else(|_| Err(thread_died()))?;
        Ok(Self { requests, answers })
    }

    fn request(&self, request: Request) -> io::Result<()> {
        self.requests.send(request).map_err(|_| thread_died())
    }

    /// Makes the ring's thread panic.
    #[cfg(test)]
    pub(in crate::disk) fn kill(&self) {
        self.request(Request::Panic).unwrap();
    }
}

impl Lane for RingLane {
    fn submit(&mut self, transfer: Transfer) -> io::Result<()> {
        self.request(Request::Transfer(transfer))
    }

    fn complete(&mut self) -> Completion {
        loop {
            match self.answers.recv_timeout(NUDGE_INTERVAL) {
                Ok(completion) => return completion,
                Err(RecvTimeoutError::Disconnected) => return Err(thread_died()),
                // A dead thread is noticed by the next receive, which still gets its last answers.
                Err(RecvTimeoutError::Timeout) => _ = self.request(Request::Nudge),
            }
        }
    }
}

/// The thread: reports whether there is a ring, then serves until the lane is dropped.
fn run(
    file: File,
    queue: UnboundedReceiver<Request>,
    answer: &Sender<Completion>,
    started: &Sender<io::Result<()>>,
) {
    let runtime = match tokio_uring::Runtime::new(tokio_uring::builder().entries(ENTRIES)) {
        Ok(runtime) => runtime,
        Err(error) => {
            let _ = started.send(Err(error));
            return;
        }
    };
    if started.send(Ok(())).is_ok() {
        runtime.block_on(serve(file, queue, answer));
    }
}

/// Starts transfers as they come; returns when the queue is closed and the last one is complete.
async fn serve(file: File, mut queue: UnboundedReceiver<Request>, answer: &Sender<Completion>) {
    let file = Rc::new(tokio_uring::fs::File::from_std(file));
    let mut in_flight = JoinSet::new();
    while let Some(request) = queue.recv().await {
        match request {
            Request::Transfer(transfer) => {
                let ticket = Ticket::new(answer);
                in_flight.spawn_local(perform(Rc::clone(&file), transfer, ticket));
            }
            Request::Nudge => {}
            #[cfg(test)]
            Request::Panic => panic!("the ring's thread was told to die"),
        }
        // Forgets what has ended, so that the set stays as small as the number in flight.
        while in_flight.try_join_next().is_some() {}
    }
    // I2: whatever a task's outcome, its ticket has answered.
    while in_flight.join_next().await.is_some() {}
}

/// Transfers once, which may move less than asked.
async fn perform(file: Rc<tokio_uring::fs::File>, transfer: Transfer, ticket: Ticket) {
    let position = transfer.position();
    let Transfer { direction, file_offset, buffer, range, fruitless } = transfer;
    let slice = Loan::new(buffer).slice(range.clone());
    let (result, slice) = match direction {
        Direction::Read => file.read_at(slice, position).await,
        Direction::Write => file.write_at(slice, position).submit().await,
    };
    let buffer = slice.into_inner().into_buffer();
    ticket.settle(Transfer { direction, file_offset, buffer, range, fruitless }, result);
}
