//! Payloads of `DUMP` and `RESTORE`: one value, a version and a checksum, without its key.

use crate::checksum::checksum;
use crate::input::{BUFFER_BYTES, Input};
use crate::read::{Key, Values};
use crate::write::Payload;
use crate::{Event, Fault, RdbError, ReadOptions, Sink, Version, WriteOptions};

/// Two bytes of version and eight of checksum.
const FOOTER_BYTES: usize = 10;

/// Writes the payload of `DUMP`.
///
/// It takes the events of one key, from its beginning to its end; the key itself and its expiry
/// are not part of a payload.
#[derive(Debug)]
pub struct Dump {
    payload: Payload,
    version: Version,
}

impl Dump {
    /// A payload of the version that `options` name.
    ///
    /// # Errors
    ///
    /// [`RdbError::InvalidOptions`] for a version that is not written.
    pub fn begin(options: WriteOptions) -> Result<Self, RdbError> {
        Ok(Self { payload: Payload::begin(options)?, version: options.version })
    }

    /// Takes the next event.
    ///
    /// # Errors
    ///
    /// Those of [`Writer::event`](crate::Writer::event).
    pub fn event(&mut self, event: Event<'_>) -> Result<(), RdbError> {
        self.payload.event(event)
    }

    /// The payload.
    ///
    /// # Errors
    ///
    /// [`RdbError::OutOfSequence`] if no key was begun and ended.
    pub fn finish(self) -> Result<Vec<u8>, RdbError> {
        let mut bytes = self.payload.finish()?;
        bytes.extend_from_slice(&self.version.number().to_le_bytes());
        let sum = checksum(&bytes);
        bytes.extend_from_slice(&sum.to_le_bytes());
        Ok(bytes)
    }
}

/// Gives the value in a payload of `DUMP` to `sink`, as the value of `key`, and returns the
/// version of the payload.
///
/// Version and checksum are checked before the first event.
///
/// # Errors
///
/// [`RdbError::UnknownVersion`] and [`RdbError::Checksum`] before anything is read,
/// [`RdbError::CutShort`] and [`RdbError::Damaged`] for the value, [`RdbError::Unsupported`] for
/// one that has no events, whatever the options say; and what `sink` fails with.
pub fn restore<S: Sink>(
    key: &[u8],
    payload: &[u8],
    options: ReadOptions,
    sink: &mut S,
) -> Result<Version, S::Error> {
    let (body, footer) = payload
        .split_last_chunk::<FOOTER_BYTES>()
        // What is too short for a checksum has a wrong one.
        .ok_or_else(|| RdbError::Checksum { found: 0, computed: checksum(payload) })?;
    let (&number, &found) = footer
        .split_first_chunk::<2>()
        .and_then(|(number, found)| Some((number, found.first_chunk::<8>()?)))
        .ok_or(RdbError::NotRdb)?;
    let version = Version::of_payload(u16::from_le_bytes(number));
    if !version.is_supported() {
        return Err(RdbError::UnknownVersion(version).into());
    }
    let (found, computed) =
        (u64::from_le_bytes(found), checksum(&payload[..payload.len() - size_of::<u64>()]));
    if found != computed {
        return Err(RdbError::Checksum { found, computed }.into());
    }
    let buffer_bytes = body.len().clamp(1, BUFFER_BYTES);
    let input = Input::new(body, buffer_bytes, options.string_bytes_max);
    let mut values = Values::new(input, false);
    let type_byte = values.input.byte()?;
    let key = Key { name: key, expires_at_unix_ms: None };
    values.value(type_byte, version, key, sink)?;
    if values.input.offset() != body.len() as u64 {
        return Err(values.input.damaged(Fault::Trailing).into());
    }
    Ok(version)
}
