//! Ranged reads, several at a time.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, Sender};
use std::time::Instant;

use aws_sdk_s3::operation::get_object::GetObjectOutput;
use exuvia_snapshot_format::storage::{
    BUFFER_ALIGNMENT, Buffer, ObjectReader, StorageError, StorageErrorKind,
};
use tokio::task::AbortHandle;

use crate::fault::{Cause, Fault};
use crate::service::{Head, Service};
use crate::workers::Workers;

/// A buffer with what was read, or why it was not.
type Answer = Result<(u64, Buffer), Fault>;

/// Reads one state of one object.
pub(crate) struct S3Reader {
    service: Arc<Service>,
    workers: Arc<Workers>,
    name: String,
    head: Head,
    in_flight: usize,
    /// Reads beyond the end, which ask nothing of the service.
    empty: VecDeque<(u64, Buffer)>,
    tasks: Vec<AbortHandle>,
    answers: Receiver<Answer>,
    sender: Sender<Answer>,
}

impl S3Reader {
    pub(crate) fn new(
        service: Arc<Service>,
        workers: Arc<Workers>,
        name: &str,
        head: Head,
    ) -> Self {
        let (sender, answers) = mpsc::channel();
        Self {
            service,
            workers,
            name: name.to_owned(),
            head,
            in_flight: 0,
            empty: VecDeque::new(),
            tasks: Vec::new(),
            answers,
            sender,
        }
    }

    fn invalid(&self, reason: &'static str) -> StorageError {
        let path = format!("{}/{}", self.service.options.location, self.name);
        StorageError::new(StorageErrorKind::InvalidInput, "read", path, reason)
    }
}

impl ObjectReader for S3Reader {
    fn bytes(&self) -> u64 {
        self.head.bytes
    }

    fn submit(&mut self, offset: u64, mut buffer: Buffer) -> Result<(), StorageError> {
        if !offset.is_multiple_of(BUFFER_ALIGNMENT as u64) {
            return Err(self.invalid("the offset is not a multiple of the alignment"));
        }
        buffer.clear();
        if offset >= self.head.bytes {
            self.empty.push_back((offset, buffer));
            return Ok(());
        }
        let end = self.head.bytes.min(offset + buffer.capacity() as u64);
        let (service, name) = (Arc::clone(&self.service), self.name.clone());
        let etag = self.head.etag.clone();
        let task = self.workers.spawn(async move {
            let range = Range { name: &name, etag: etag.as_deref(), start: offset, end };
            service.read(range, &mut buffer).await.map(|()| (offset, buffer))
        });
        self.tasks.retain(|task| !task.is_finished());
        self.tasks.push(task.abort_handle());
        let sender = self.sender.clone();
        self.workers.spawn(async move {
            let lost = |_| Err(Fault::internal("a read was given up"));
            // The reader may be gone: then nobody is left to be told.
            let _ = sender.send(task.await.unwrap_or_else(lost));
        });
        self.in_flight += 1;
        Ok(())
    }

    fn complete(&mut self) -> Result<(u64, Buffer), StorageError> {
        if let Some(read) = self.empty.pop_front() {
            return Ok(read);
        }
        if self.in_flight == 0 {
            return Err(self.invalid("no read is in flight"));
        }
        self.in_flight -= 1;
        let lost = |_| Err(Fault::internal("a read was given up"));
        let answer = self.answers.recv().unwrap_or_else(lost);
        answer.map_err(|fault| {
            // An object that was there when it was opened, and is not, has changed.
            let fault = match fault.cause {
                Cause::NotFound | Cause::Precondition => Fault::new(Cause::Changed),
                _ => fault,
            };
            self.service.error("read", &self.name, fault, false)
        })
    }
}

impl Drop for S3Reader {
    /// Reads in flight end with their connections.
    fn drop(&mut self) {
        for task in self.tasks.drain(..) {
            task.abort();
        }
    }
}

/// Bytes of an object.
#[derive(Clone, Copy, Debug)]
struct Range<'r> {
    name: &'r str,
    etag: Option<&'r str>,
    start: u64,
    end: u64,
}

impl Service {
    /// Fills `buffer` with `range`. A connection that breaks is resumed where it broke.
    async fn read(&self, range: Range<'_>, buffer: &mut Buffer) -> Result<(), Fault> {
        let give_up_at = Instant::now() + self.options.patience;
        let mut breaks = 0;
        loop {
            let rest = Range { start: range.start + buffer.len() as u64, ..range };
            if rest.start == rest.end {
                return Ok(());
            }
            let before = buffer.len();
            let answer = self.request(rest).await?;
            let broken = match self.receive(answer, rest, buffer).await {
                Ok(()) => continue,
                Err(fault) if fault.is_transient() && Instant::now() < give_up_at => fault,
                Err(fault) => return Err(fault),
            };
            tracing::warn!(
                key = self.key(range.name),
                offset = range.start + buffer.len() as u64,
                "S3: {broken}; going on there"
            );
            // One that breaks again and again without a byte is asked less and less often.
            breaks = if buffer.len() > before { 0 } else { breaks + 1 };
            tokio::time::sleep(crate::retry::pause(breaks + 1)).await;
        }
    }

    /// Asks for a range; the answer's body is not read yet.
    async fn request(&self, range: Range<'_>) -> Result<GetObjectOutput, Fault> {
        let key = self.key(range.name);
        self.ask("GetObject", &key, self.carry(0), |client| {
            let request = client
                .get_object()
                .bucket(self.bucket())
                .key(&key)
                .range(format!("bytes={}-{}", range.start, range.end - 1))
                .set_if_match(range.etag.map(str::to_owned));
            async move { request.send().await.map_err(|error| Fault::of(&error)) }
        })
        .await
    }

    /// Appends the body of `answer` to `buffer`.
    async fn receive(
        &self,
        answer: GetObjectOutput,
        range: Range<'_>,
        buffer: &mut Buffer,
    ) -> Result<(), Fault> {
        // Not every service minds conditions, nor ranges.
        if let (Some(expected), Some(found)) = (range.etag, answer.e_tag())
            && expected != found
        {
            return Err(Fault::new(Cause::Changed));
        }
        let starts = |text: &str| text.starts_with(&format!("bytes {}-", range.start));
        if !answer.content_range().map_or(range.start == 0, starts) {
            let reason = "the service answered with another range than was asked for".to_owned();
            return Err(Fault::internal(reason));
        }
        let mut left = (range.end - range.start) as usize;
        let mut body = answer.body;
        while left > 0 {
            let next = tokio::time::timeout(self.options.request_timeout, body.next()).await;
            let chunk = match next {
                Ok(Some(Ok(chunk))) => chunk,
                Ok(Some(Err(error))) => return Err(Fault::broken(&error)),
                Ok(None) => {
                    return Err(Fault::new(Cause::Broken("the answer ended early".to_owned())));
                }
                Err(_) => return Err(Fault::timed_out(self.options.request_timeout)),
            };
            // A service that minds no range sends more than was asked for.
            let wanted = &chunk[..chunk.len().min(left)];
            buffer.extend_from_slice(wanted);
            left -= wanted.len();
        }
        Ok(())
    }
}
