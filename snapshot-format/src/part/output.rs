//! The object of a part under construction: buffers filled in place and handed on when full.

use crate::error::FormatError;
use crate::storage::{
    BUFFER_ALIGNMENT, Buffer, ObjectMeta, ObjectWriter, SnapshotStorage, StorageError, WriteHint,
};

/// An object being written through one buffer at a time.
///
/// Any failure ends it: the object is given up, and every later call fails.
pub(super) struct Output {
    /// The object and the buffer being filled; `None` after a failure.
    open: Option<(Box<dyn ObjectWriter>, Buffer)>,
    submitted_bytes: u64,
}

impl Output {
    /// Begins the object called `name`.
    pub(super) fn begin(
        storage: &dyn SnapshotStorage,
        name: &str,
        hint: WriteHint,
    ) -> Result<Self, FormatError> {
        let mut object = storage.create(name, hint)?;
        match object.reclaim() {
            Ok(buffer) => Ok(Self { open: Some((object, buffer)), submitted_bytes: 0 }),
            Err(error) => {
                object.abort();
                Err(error.into())
            }
        }
    }

    /// Bytes handed to the storage.
    pub(super) fn submitted_bytes(&self) -> u64 {
        self.submitted_bytes
    }

    /// Bytes of the object so far.
    pub(super) fn bytes(&self) -> u64 {
        self.submitted_bytes + self.open.as_ref().map_or(0, |(_, buffer)| buffer.len() as u64)
    }

    /// Room in the buffer.
    pub(super) fn spare_len(&self) -> usize {
        self.open.as_ref().map_or(0, |(_, buffer)| buffer.spare_len())
    }

    /// The room in the buffer, to write to before [`advance`](Self::advance).
    #[inline]
    pub(super) fn spare_mut(&mut self) -> Result<&mut [u8], FormatError> {
        let (_, buffer) = self.open.as_mut().ok_or(FormatError::Poisoned)?;
        Ok(buffer.spare_mut())
    }

    /// What was written to the room so far.
    pub(super) fn spare(&self) -> &[u8] {
        self.open.as_ref().map_or(&[], |(_, buffer)| &buffer.all()[buffer.len()..])
    }

    /// Declares that `bytes` were written to the room.
    pub(super) fn advance(&mut self, bytes: usize) {
        if let Some((_, buffer)) = &mut self.open {
            buffer.set_len(buffer.len() + bytes);
        }
    }

    /// Makes room for `bytes`, by handing the buffer on and waiting for another if it must.
    ///
    /// What does not fill a block of [`BUFFER_ALIGNMENT`] is carried over to the next buffer.
    pub(super) fn make_room(&mut self, bytes: usize) -> Result<(), FormatError> {
        if self.open.is_some() && self.spare_len() >= bytes {
            return Ok(());
        }
        let (mut object, mut buffer) = self.open.take().ok_or(FormatError::Poisoned)?;
        let tail_start = buffer.len() - buffer.len() % BUFFER_ALIGNMENT;
        let tail_bytes = buffer.len() - tail_start;
        let mut tail = [0; BUFFER_ALIGNMENT];
        tail[..tail_bytes].copy_from_slice(&buffer.filled()[tail_start..]);
        buffer.set_len(tail_start);
        match Self::exchange(object.as_mut(), buffer) {
            Ok(mut next) => {
                next.extend_from_slice(&tail[..tail_bytes]);
                self.submitted_bytes += tail_start as u64;
                self.open = Some((object, next));
            }
            Err(error) => {
                object.abort();
                return Err(error.into());
            }
        }
        if self.spare_len() < bytes {
            return Err(FormatError::InvalidOptions(
                "the storage's buffers are shorter than asked",
            ));
        }
        Ok(())
    }

    fn exchange(object: &mut dyn ObjectWriter, full: Buffer) -> Result<Buffer, StorageError> {
        if !full.is_empty() {
            object.submit(full)?;
        }
        let mut next = object.reclaim()?;
        next.clear();
        Ok(next)
    }

    /// Appends `bytes`.
    pub(super) fn write(&mut self, mut bytes: &[u8]) -> Result<(), FormatError> {
        while !bytes.is_empty() {
            self.make_room(1)?;
            let (_, buffer) = self.open.as_mut().ok_or(FormatError::Poisoned)?;
            let written = buffer.extend_from_slice(bytes);
            bytes = &bytes[written..];
        }
        Ok(())
    }

    /// Hands the last buffer on and makes the object durable under its name.
    pub(super) fn finish(mut self) -> Result<ObjectMeta, FormatError> {
        let (mut object, buffer) = self.open.take().ok_or(FormatError::Poisoned)?;
        let submitted = if buffer.is_empty() { Ok(()) } else { object.submit(buffer) };
        if let Err(error) = submitted {
            object.abort();
            return Err(error.into());
        }
        Ok(object.finish()?)
    }

    /// Gives up the object.
    pub(super) fn abort(mut self) {
        if let Some((object, _)) = self.open.take() {
            object.abort();
        }
    }
}

impl std::fmt::Debug for Output {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Output")
            .field("buffer", &self.open.as_ref().map(|(_, buffer)| buffer))
            .field("submitted_bytes", &self.submitted_bytes)
            .finish_non_exhaustive()
    }
}
