//! Sending replies and receiving commands.

use std::future::{Future, poll_fn};
use std::io::{self, IoSlice};
use std::pin::{Pin, pin};
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::stream::Stream;
use super::task::{Closed, Connection};
use crate::client::{Signals, wake};
use crate::resp::Output;

/// Bytes of replies that may wait for a client; past them nothing more of it is read or run.
pub(super) const OUTPUT_BYTES_MAX: usize = 8 << 20;
/// How long and how much is read from a client that is being sent away, so that closing the
/// connection does not destroy the last reply on its way.
const FAREWELL_TIMEOUT: Duration = Duration::from_millis(500);
const FAREWELL_BYTES_MAX: usize = 1 << 20;

/// What ended a wait.
enum Event {
    Received(usize),
    /// Somebody wants the connection's attention.
    Signalled,
}

impl Connection {
    /// Sends what there is to send until something was received.
    pub(super) async fn exchange(&mut self) -> Result<(), Closed> {
        loop {
            match poll_fn(|context| self.poll_event(context)).await {
                Ok(Event::Received(0)) => {
                    // The client has sent its last command; it may still read replies.
                    self.flush().await?;
                    return Err(Closed);
                }
                Ok(Event::Received(bytes)) => {
                    self.stats().bytes_in.add(bytes as u64);
                    self.stats().reads.add(1);
                    let report = &self.session.entry.report;
                    report.bytes_in.fetch_add(bytes as u64, Ordering::Relaxed);
                    self.report_input();
                    return Ok(());
                }
                Ok(Event::Signalled) => self.attend()?,
                Err(error) => return Err(self.lost(&error)),
            }
        }
    }

    /// Sends everything there is to send.
    pub(super) async fn flush(&mut self) -> Result<(), Closed> {
        self.send_down_to(0).await
    }

    /// Sends until at most `bytes` bytes wait.
    pub(super) async fn send_down_to(&mut self, bytes: usize) -> Result<(), Closed> {
        while self.out.pending_bytes() > bytes || (bytes == 0 && self.unflushed) {
            let sent = poll_fn(|context| {
                wake(&self.session.entry, &mut self.waker, context);
                if self.session.entry.signals().has(Signals::KILL) {
                    return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
                }
                self.poll_send(context)
            });
            if let Err(error) = sent.await {
                return Err(self.lost(&error));
            }
        }
        Ok(())
    }

    fn lost(&self, error: &io::Error) -> Closed {
        tracing::debug!(client = self.session.entry.id, %error, "connection lost");
        Closed
    }

    fn poll_event(&mut self, context: &mut Context<'_>) -> Poll<io::Result<Event>> {
        wake(&self.session.entry, &mut self.waker, context);
        let has_room = self.out.pending_bytes() <= OUTPUT_BYTES_MAX / 2;
        if !self.session.entry.signals().is_empty() || (self.mail_waits && has_room) {
            return Poll::Ready(Ok(Event::Signalled));
        }
        while !self.out.is_empty() || self.unflushed {
            match self.poll_send(context) {
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => break,
            }
        }
        if self.out.pending_bytes() > OUTPUT_BYTES_MAX {
            return Poll::Pending;
        }
        let received = pin!(self.stream.read_buf(self.input.read_target())).poll(context);
        match received {
            Poll::Ready(received) => Poll::Ready(received.map(Event::Received)),
            Poll::Pending => {
                self.turn_commands = 0;
                self.input.release();
                let allocated = self.input.allocated_bytes() as u64;
                self.session.entry.report.input_allocated.store(allocated, Ordering::Relaxed);
                Poll::Pending
            }
        }
    }

    /// Sends as much as the socket takes at once.
    fn poll_send(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.out.refill();
        if self.out.is_empty() {
            let flushed = Pin::new(&mut self.stream).poll_flush(context);
            self.unflushed = flushed.is_pending();
            return flushed;
        }
        match poll_write(&mut self.stream, &self.out, context) {
            Poll::Ready(Ok(0)) => Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
            Poll::Ready(Ok(bytes)) => {
                self.out.advance(bytes);
                self.unflushed = self.stream.is_buffered();
                self.stats().bytes_out.add(bytes as u64);
                self.stats().writes.add(1);
                let report = &self.session.entry.report;
                report.bytes_out.fetch_add(bytes as u64, Ordering::Relaxed);
                if self.unsent_told {
                    self.report_unsent();
                }
                Poll::Ready(Ok(()))
            }
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Pending => {
                self.report_unsent();
                Poll::Pending
            }
        }
    }

    /// Does what the signals ask for.
    fn attend(&mut self) -> Result<(), Closed> {
        let entry = &self.session.entry;
        if entry.signals().has(Signals::KILL) {
            return Err(Closed);
        }
        // Cleared before the mailbox is looked at: whatever comes after raises it anew.
        entry.clear(Signals::MAIL);
        self.mail_waits = false;
        while let Some(mail) = entry.mailbox.take() {
            mail.write(&mut self.out);
            if self.out.pending_bytes() > OUTPUT_BYTES_MAX {
                self.mail_waits = true;
                break;
            }
        }
        self.bear_replies()
    }

    /// Closes the connection so that the last reply arrives.
    pub(super) async fn say_farewell(&mut self) {
        if self.stream.shutdown().await.is_err() {
            return;
        }
        let mut left = FAREWELL_BYTES_MAX;
        let discard = async {
            let mut buffer = [0; 4096];
            while let Ok(bytes) = self.stream.read(&mut buffer).await {
                left = left.saturating_sub(bytes);
                if bytes == 0 || left == 0 {
                    return;
                }
            }
        };
        // A client that neither closes nor sends is not waited for.
        let _ = tokio::time::timeout(FAREWELL_TIMEOUT, discard).await;
    }
}

fn poll_write(
    stream: &mut Stream,
    out: &Output,
    context: &mut Context<'_>,
) -> Poll<io::Result<usize>> {
    let stream = Pin::new(stream);
    if let Some(bytes) = out.single() {
        return stream.poll_write(context, bytes);
    }
    let mut slices = [IoSlice::new(&[]); Output::SLICES_MAX];
    let used = out.slices(&mut slices);
    stream.poll_write_vectored(context, &slices[..used])
}
