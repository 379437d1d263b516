//! An object on its way up: parts that fill, travel and are put together in the end.

use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant};

use aws_sdk_s3::types::CompletedPart;
use bytes::{Bytes, BytesMut};
use exuvia_snapshot_format::storage::{
    BUFFER_ALIGNMENT, Buffer, BufferMemory, Canceller, ObjectMeta, ObjectWriter, PutMode,
    StorageError, StorageErrorKind, WriteHint,
};
use tokio::task::AbortHandle;

use crate::fault::{Cause, Fault};
use crate::part_sizes::PartSizes;
use crate::parts::Target;
use crate::retry::Patience;
use crate::service::Service;
use crate::workers::Workers;

/// Parts that services allow an object.
const PARTS_MAX: u32 = 10_000;
/// How long giving an object up waits for an answer that tells what there is to be removed.
const LAST_ANSWER_TIMEOUT: Duration = Duration::from_secs(5);
/// How long it waits for parts on their way: one that arrives later may outlive its upload.
const LAST_PART_TIMEOUT: Duration = Duration::from_secs(1);
/// How often waiting looks at what it waits for.
const POLL: Duration = Duration::from_millis(10);
/// How long each request takes at most that removes what is unfinished.
const CLEAN_UP: Patience =
    Patience { attempt: Duration::from_secs(5), total: Duration::from_secs(10) };
/// How long all of them take at most.
const CLEAN_UP_TIMEOUT: Duration = Duration::from_secs(20);

/// Something that a writer waits for.
enum Event {
    /// The upload has an id, or none.
    Begun(Result<String, Fault>),
    /// A part is stored, or not; and the memory that it was in.
    Stored(Result<Box<CompletedPart>, Fault>, Option<BytesMut>),
    /// The object is there, or not.
    Ended(Result<(), Fault>),
    /// The owner has called the canceller.
    Cancelled,
    /// A task panicked, or was aborted.
    Lost,
}

/// How far an object has come at the service.
///
/// | from | by | to |
/// |---|---|---|
/// | `Nothing` | the first full part | `Beginning` |
/// | `Beginning` | the service's answer | `Open` |
/// | `Nothing`, `Open` | `finish` | `Ending` |
/// | `Ending` | the service's answer | `Published` |
#[derive(Clone, Debug, PartialEq, Eq)]
enum Progress {
    Nothing,
    Beginning,
    Open(String),
    /// With the upload's id, if it is one.
    Ending(Option<String>),
    Published,
}

/// What callers may still do.
#[derive(Debug)]
enum State {
    /// Buffers may follow.
    Open,
    /// The last buffer, which is not a multiple of the alignment long, was submitted.
    Tailed,
    /// A call failed: only aborting is left.
    Poisoned(StorageErrorKind, String),
}

/// Copies what is submitted into parts of equal length, and uploads those that are full.
///
/// Dropped before it is finished, it removes what it left at the service.
pub(crate) struct S3Writer {
    service: Arc<Service>,
    workers: Arc<Workers>,
    target: Target,
    hint: WriteHint,
    sizes: PartSizes,
    free: Vec<Buffer>,
    lent: usize,
    /// The part being filled.
    filling: BytesMut,
    /// Memory of parts that have arrived.
    spare: Option<BytesMut>,
    /// Parts on their way.
    in_flight: usize,
    /// What all of these take.
    parts_memory: BufferMemory,
    /// Parts sent, and so the number of the last one.
    sent: u32,
    stored: Vec<CompletedPart>,
    bytes: u64,
    progress: Progress,
    state: State,
    tasks: Vec<AbortHandle>,
    events: Receiver<Event>,
    sender: Sender<Event>,
}

impl S3Writer {
    pub(crate) fn new(
        service: Arc<Service>,
        workers: Arc<Workers>,
        name: &str,
        mode: PutMode,
        hint: WriteHint,
    ) -> Self {
        let (sender, events) = mpsc::channel();
        let buffer_bytes = hint.buffer_bytes.max(1).next_multiple_of(BUFFER_ALIGNMENT);
        let hint = WriteHint { buffer_bytes, buffers_max: hint.buffers_max.max(1), ..hint };
        Self {
            sizes: PartSizes::new(service.options.part_bytes, &hint),
            service,
            workers,
            target: Target::new(name, mode),
            hint,
            free: Vec::new(),
            lent: 0,
            filling: BytesMut::new(),
            spare: None,
            in_flight: 0,
            parts_memory: BufferMemory::default(),
            sent: 0,
            stored: Vec::new(),
            bytes: 0,
            progress: Progress::Nothing,
            state: State::Open,
            tasks: Vec::new(),
            events,
            sender,
        }
    }

    fn check(&self) -> Result<(), StorageError> {
        match &self.state {
            State::Poisoned(kind, reason) => {
                let reason = format!("an earlier call failed: {reason}");
                Err(StorageError::new(*kind, "write", self.path(), reason))
            }
            State::Open | State::Tailed => Ok(()),
        }
    }

    fn path(&self) -> String {
        format!("{}/{}", self.service.options.location, self.target.name)
    }

    fn poison(&mut self, error: StorageError, reason: String) -> StorageError {
        self.state = State::Poisoned(error.kind(), reason);
        error
    }

    fn fail(&mut self, action: &'static str, fault: Fault) -> StorageError {
        let reason = fault.to_string();
        let is_new = self.target.mode == PutMode::CreateNew;
        let error = self.service.error(action, &self.target.name, fault, is_new);
        self.poison(error, reason)
    }

    fn refuse(&mut self, reason: &'static str) -> StorageError {
        let kind = StorageErrorKind::InvalidInput;
        let error = StorageError::new(kind, "write", self.path(), reason);
        self.poison(error, reason.to_owned())
    }

    /// Runs `work` beside the caller; its event comes through the channel, whatever happens.
    fn spawn(&mut self, work: impl Future<Output = Event> + Send + 'static) {
        self.tasks.retain(|task| !task.is_finished());
        let task = self.workers.spawn(work);
        self.tasks.push(task.abort_handle());
        let sender = self.sender.clone();
        self.workers.spawn(async move {
            // The writer may be gone: then nobody is left to be told.
            let _ = sender.send(task.await.unwrap_or(Event::Lost));
        });
    }

    /// Waits for the next event; `None` for a part, which is taken note of here.
    ///
    /// # Errors
    ///
    /// The failure of a part or of a task, or that the owner has cancelled the object.
    fn wait(&mut self, action: &'static str) -> Result<Option<Event>, StorageError> {
        let event = self.events.recv().unwrap_or(Event::Lost);
        match event {
            Event::Stored(Ok(part), memory) => {
                self.in_flight -= 1;
                self.spare = self.spare.take().or(memory);
                self.stored.push(*part);
                Ok(None)
            }
            Event::Stored(Err(fault), _) | Event::Begun(Err(fault)) | Event::Ended(Err(fault)) => {
                Err(self.fail(action, fault))
            }
            Event::Cancelled => {
                let reason = "its owner gave it up".to_owned();
                let kind = StorageErrorKind::Cancelled;
                let error = StorageError::new(kind, action, self.path(), reason.clone());
                Err(self.poison(error, reason))
            }
            Event::Lost => {
                let reason = "a task of the upload ended without an answer".to_owned();
                Err(self.fail(action, Fault::internal(reason)))
            }
            Event::Begun(Ok(_)) | Event::Ended(Ok(())) => Ok(Some(event)),
        }
    }

    /// The id of the upload, which is begun if it was not.
    fn upload_id(&mut self) -> Result<String, StorageError> {
        if let Progress::Open(id) = &self.progress {
            return Ok(id.clone());
        }
        self.progress = Progress::Beginning;
        let (service, target) = (Arc::clone(&self.service), self.target.clone());
        self.spawn(async move { Event::Begun(service.begin(&target).await) });
        loop {
            if let Some(Event::Begun(Ok(id))) = self.wait("begin")? {
                self.progress = Progress::Open(id.clone());
                return Ok(id);
            }
        }
    }

    /// Sends the part that was filled, and waits until there is memory for the next one.
    fn send_part(&mut self) -> Result<(), StorageError> {
        if self.sent == PARTS_MAX {
            return Err(self.refuse(
                "it is too long for its buffers: more snapshot parts, or more buffer memory, make \
                 room for it",
            ));
        }
        let id = self.upload_id()?;
        self.sent += 1;
        let number = self.sent;
        let bytes = std::mem::take(&mut self.filling).freeze();
        self.in_flight += 1;
        let (service, name) = (Arc::clone(&self.service), self.target.name.clone());
        self.spawn(async move {
            let stored = service.upload_part(&name, &id, number, &bytes).await;
            Event::Stored(stored.map(Box::new), reuse(bytes))
        });
        while self.in_flight >= self.sizes.in_memory(number + 1) {
            self.wait("write")?;
        }
        Ok(())
    }

    fn count_memory(&mut self) {
        let spare = self.spare.as_ref().map_or(0, BytesMut::capacity);
        let in_flight = self.in_flight * self.sizes.part_bytes(self.sent.max(1));
        self.parts_memory.set(self.filling.capacity() + spare + in_flight);
    }

    /// Copies `bytes` into parts.
    fn append(&mut self, mut bytes: &[u8]) -> Result<(), StorageError> {
        self.bytes += bytes.len() as u64;
        while !bytes.is_empty() {
            let part_bytes = self.sizes.part_bytes(self.sent + 1);
            if self.filling.capacity() == 0 {
                self.filling = self.spare.take().unwrap_or_default();
                // Memory that nobody has written to yet costs nothing, so all of it is asked for
                // at once where the object is going to be long.
                if self.sent > 0 {
                    self.filling.reserve(part_bytes);
                }
            }
            let room = part_bytes - self.filling.len();
            let (fits, rest) = bytes.split_at(room.min(bytes.len()));
            self.filling.extend_from_slice(fits);
            bytes = rest;
            if self.filling.len() == part_bytes {
                self.send_part()?;
            }
        }
        Ok(())
    }

    /// Has the service make the object, and waits until it is there.
    fn publish(&mut self) -> Result<(), StorageError> {
        let (service, target) = (Arc::clone(&self.service), self.target.clone());
        let bytes = self.bytes;
        if self.progress == Progress::Nothing {
            self.progress = Progress::Ending(None);
            let content = std::mem::take(&mut self.filling).freeze();
            self.spawn(async move { Event::Ended(service.put_target(&target, content).await) });
        } else {
            if !self.filling.is_empty() {
                self.send_part()?;
            }
            while self.in_flight > 0 {
                self.wait("write")?;
            }
            let id = self.upload_id()?;
            let mut parts = std::mem::take(&mut self.stored);
            parts.sort_by_key(CompletedPart::part_number);
            self.progress = Progress::Ending(Some(id.clone()));
            self.spawn(
                async move { Event::Ended(service.complete(&target, &id, parts, bytes).await) },
            );
        }
        while !matches!(self.wait("finish")?, Some(Event::Ended(Ok(())))) {}
        self.progress = Progress::Published;
        Ok(())
    }

    /// Removes what the service has of the object.
    fn clean_up(&mut self) {
        if matches!(self.progress, Progress::Nothing | Progress::Published) {
            return;
        }
        let mut upload = match &self.progress {
            Progress::Open(id) => Some(id.clone()),
            Progress::Ending(id) => id.clone(),
            Progress::Nothing | Progress::Beginning | Progress::Published => None,
        };
        // A request on its way may still be carried out, so its answer is worth a little waiting.
        let patience = match self.progress {
            Progress::Beginning | Progress::Ending(_) => LAST_ANSWER_TIMEOUT,
            _ => LAST_PART_TIMEOUT,
        };
        let give_up_at = Instant::now() + patience;
        while !self.tasks.iter().all(AbortHandle::is_finished) {
            let left = give_up_at.saturating_duration_since(Instant::now());
            // An answer may be taken from the channel only after its task has ended.
            match self.events.recv_timeout(left.min(POLL)) {
                Ok(Event::Begun(Ok(id))) => upload = Some(id),
                Err(RecvTimeoutError::Timeout) if left.is_zero() => break,
                _ => {}
            }
        }
        while let Ok(event) = self.events.recv_timeout(POLL) {
            if let Event::Begun(Ok(id)) = event {
                upload = Some(id);
            }
        }
        for task in self.tasks.drain(..) {
            task.abort();
        }
        let (service, target) = (Arc::clone(&self.service), self.target.clone());
        let ended = matches!(self.progress, Progress::Ending(_));
        let removed = self.workers.run(async move {
            let removal = remove_all(&service, &target, upload, ended);
            tokio::time::timeout(CLEAN_UP_TIMEOUT, removal)
                .await
                .unwrap_or_else(|_| Err(Fault::timed_out(CLEAN_UP_TIMEOUT)))
        });
        if let Some(Err(fault)) = removed {
            tracing::warn!(
                "{} stays behind unfinished, until a later start removes it: {fault}",
                self.path()
            );
        }
    }
}

/// Gives up the upload with this id and its siblings; removes the object too, if it may have been
/// `ended` and is new.
async fn remove_all(
    service: &Service,
    target: &Target,
    upload: Option<String>,
    ended: bool,
) -> Result<(), Fault> {
    let known = match &upload {
        Some(id) => service.abort(&target.name, id, CLEAN_UP).await,
        None => Ok(()),
    };
    let siblings = service.abort_siblings(target, upload.as_deref(), CLEAN_UP).await;
    // What took the place of another object stays: that one is gone.
    let object = if ended && target.mode == PutMode::CreateNew {
        remove_object(service, target).await
    } else {
        Ok(())
    };
    known.and(siblings).and(object)
}

/// Removes the object of this name, unless it is somebody else's.
async fn remove_object(service: &Service, target: &Target) -> Result<(), Fault> {
    if target.is_unique {
        return service.delete(&target.name, CLEAN_UP).await;
    }
    match service.head(&target.name, CLEAN_UP).await {
        Ok(found) if target.made(&found) => service.delete(&target.name, CLEAN_UP).await,
        Ok(_) => Ok(()),
        Err(fault) if fault.cause == Cause::NotFound => Ok(()),
        Err(fault) => Err(fault),
    }
}

/// The memory of a part, if nothing else holds on to it.
fn reuse(bytes: Bytes) -> Option<BytesMut> {
    let mut memory = bytes.try_into_mut().ok()?;
    memory.clear();
    Some(memory)
}

impl ObjectWriter for S3Writer {
    fn reclaim(&mut self) -> Result<Buffer, StorageError> {
        self.check()?;
        let mut buffer = match self.free.pop() {
            Some(buffer) => buffer,
            None if self.lent < self.hint.buffers_max => Buffer::new(self.hint.buffer_bytes),
            None => return Err(self.refuse("all of the writer's buffers are with its caller")),
        };
        buffer.clear();
        self.lent += 1;
        Ok(buffer)
    }

    fn submit(&mut self, buffer: Buffer) -> Result<(), StorageError> {
        self.check()?;
        self.lent = self.lent.saturating_sub(1);
        if !buffer.is_empty() {
            if matches!(self.state, State::Tailed) {
                let reason = "a buffer follows one that was not a multiple of the alignment long";
                return Err(self.refuse(reason));
            }
            if !buffer.len().is_multiple_of(BUFFER_ALIGNMENT) {
                self.state = State::Tailed;
            }
            self.append(buffer.filled())?;
            self.count_memory();
        }
        if self.free.len() + self.lent < self.hint.buffers_max {
            self.free.push(buffer);
        }
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> Result<ObjectMeta, StorageError> {
        self.check()?;
        self.publish()?;
        Ok(ObjectMeta::new(self.target.name.as_str(), self.bytes, None))
    }

    fn abort(self: Box<Self>) {
        drop(self);
    }

    fn canceller(&self) -> Option<Canceller> {
        let sender = self.sender.clone();
        Some(Arc::new(move || {
            // The writer may be gone already: then there is nothing to cancel.
            let _ = sender.send(Event::Cancelled);
        }))
    }
}

impl Drop for S3Writer {
    fn drop(&mut self) {
        self.clean_up();
    }
}
