//! The file as a whole: opcodes between the keys, and the checksum at the end.

use std::io::Read;

use super::value::{Key, Taken, Values};
use super::{Properties, ReadOptions, Report};
use crate::blob::{Blob, Codec};
use crate::input::{BUFFER_BYTES, Input};
use crate::{Event, Fault, RdbError, Sink, Version, opcode};

/// Reads a file from its first byte to its end marker; what may follow is not looked at.
pub struct Reader<R> {
    values: Values<R>,
    version: Version,
    report: Report,
    /// Name of an auxiliary field, or the key.
    name: Vec<u8>,
    expires_at_unix_ms: Option<u64>,
}

/// What an opcode was.
enum Step {
    /// Something between the keys.
    Between,
    /// The type of a value, whose key is next.
    Value(u8),
    /// The end marker.
    End,
}

impl<R: Read> Reader<R> {
    /// A reader of `source`, from which it takes [`BUFFER_BYTES`](crate::BUFFER_BYTES) at a time.
    pub fn new(source: R, options: ReadOptions) -> Self {
        let input = Input::new(source, BUFFER_BYTES, options.string_bytes_max);
        Self {
            values: Values::new(input, options.skip_unsupported),
            version: Version::REDIS_9,
            report: Report::default(),
            name: Vec::new(),
            expires_at_unix_ms: None,
        }
    }

    /// Gives everything in the file to `sink`.
    ///
    /// What `sink` was given before a failure is part of a file that may be anything: whoever
    /// loads data keeps it aside until this returns.
    ///
    /// # Errors
    ///
    /// [`RdbError::NotRdb`] and [`RdbError::UnknownVersion`] for the first bytes,
    /// [`RdbError::CutShort`], [`RdbError::Damaged`] and [`RdbError::Checksum`] for the others,
    /// [`RdbError::Unsupported`] for what has no event, [`RdbError::TooLong`] by the options,
    /// [`RdbError::Io`] from the source; and whatever `sink` fails with.
    pub fn read<S: Sink>(mut self, sink: &mut S) -> Result<Report, S::Error> {
        self.header()?;
        loop {
            match self.step(sink)? {
                Step::Between => {}
                Step::Value(type_byte) => self.key(type_byte, sink)?,
                Step::End => break,
            }
        }
        self.footer()?;
        Ok(self.report)
    }

    /// Reads up to the first key.
    pub(super) fn head<S: Sink>(mut self, sink: &mut S) -> Result<Properties, S::Error> {
        self.header()?;
        while matches!(self.step(sink)?, Step::Between) {
            if self.values.input.is_in_blob() {
                break;
            }
        }
        Ok(self.report.properties)
    }

    fn header(&mut self) -> Result<(), RdbError> {
        let header = match self.values.input.array() {
            Err(RdbError::CutShort { .. }) => return Err(RdbError::NotRdb),
            header => header?,
        };
        self.version = Version::parse(header).ok_or(RdbError::NotRdb)?;
        if !self.version.is_supported() {
            return Err(RdbError::UnknownVersion(self.version));
        }
        self.report.properties.version = Some(self.version);
        Ok(())
    }

    fn footer(&mut self) -> Result<(), RdbError> {
        let input = &mut self.values.input;
        if self.version.has_checksum() {
            let computed = input.checksum();
            let found = u64::from_le_bytes(input.array()?);
            // Zero is what writers put that do not compute one.
            self.report.has_checksum = found != 0;
            if found != 0 && found != computed {
                return Err(RdbError::Checksum { found, computed });
            }
        }
        self.report.bytes = input.offset();
        Ok(())
    }

    fn key<S: Sink>(&mut self, type_byte: u8, sink: &mut S) -> Result<(), S::Error> {
        self.values.input.string(&mut self.name)?;
        let expires_at_unix_ms = self.expires_at_unix_ms.take();
        let key = Key { name: &self.name, expires_at_unix_ms };
        match self.values.value(type_byte, self.version, key, sink)? {
            Taken::Given => self.report.keys += 1,
            Taken::Skipped => self.report.skipped.keys += 1,
        }
        Ok(())
    }

    /// Reads an opcode and what belongs to it.
    fn step<S: Sink>(&mut self, sink: &mut S) -> Result<Step, S::Error> {
        if self.values.input.leave_if_through()? {
            return Ok(Step::Between);
        }
        let input = &mut self.values.input;
        match input.byte()? {
            opcode::END if input.is_in_blob() => return Err(input.damaged(Fault::Blob).into()),
            opcode::END => return Ok(Step::End),
            opcode::DATABASE => {
                let Ok(number) = u32::try_from(input.length()?) else {
                    return Err(input.damaged(Fault::Database).into());
                };
                sink.event(Event::Database(number))?;
            }
            opcode::EXPIRY_S => {
                let seconds = i32::from_le_bytes(input.array().map_err(S::Error::from)?);
                let seconds = u64::try_from(seconds).unwrap_or(0);
                self.expires_at_unix_ms = Some(seconds * 1000);
            }
            opcode::EXPIRY_MS => self.expires_at_unix_ms = Some(input.time_ms()?),
            opcode::RESIZE => {
                let (keys, expiring) = (input.length()?, input.length()?);
                sink.event(Event::SizeHint { keys, expiring })?;
            }
            opcode::AUX => self.aux(sink)?,
            opcode::FREQUENCY => {
                input.byte()?;
            }
            opcode::IDLE => {
                input.length()?;
            }
            other => return Ok(self.rare(other)?),
        }
        Ok(Step::Between)
    }

    fn aux<S: Sink>(&mut self, sink: &mut S) -> Result<(), S::Error> {
        let Values { input, second: value, skip_unsupported, .. } = &mut self.values;
        input.string(&mut self.name)?;
        input.string(value)?;
        if self.name.starts_with(b"search-") {
            if !*skip_unsupported {
                return Err(input.unsupported("the definition of a search index").into());
            }
            self.report.skipped.indexes += 1;
        }
        self.report.properties.take(&self.name, value);
        sink.event(Event::Aux { name: &self.name, value })
    }

    /// Opcodes of clusters, functions, modules and Dragonfly.
    fn rare(&mut self, opcode: u8) -> Result<Step, RdbError> {
        let input = &mut self.values.input;
        match opcode {
            opcode::SLOT_INFO => {
                for _ in 0..3 {
                    input.length()?;
                }
            }
            opcode::FUNCTION_2 | opcode::FUNCTION_PRE_GA => self.function(opcode)?,
            opcode::MODULE_AUX => {
                self.values.module_aux()?;
                self.report.skipped.module_data += 1;
            }
            opcode::VALKEY_SLOT_IMPORT if self.version.is_valkey() => self.slot_import()?,
            opcode::VALKEY_UPDATE if self.version.is_valkey() => {
                return Err(input.unsupported("a command among the keys"));
            }
            200..=223 if !self.version.is_valkey() => self.dragonfly(opcode)?,
            type_byte => return Ok(Step::Value(type_byte)),
        }
        Ok(Step::Between)
    }

    fn dragonfly(&mut self, opcode: u8) -> Result<(), RdbError> {
        let input = &mut self.values.input;
        match opcode {
            opcode::DF_FULL_SYNC_END | opcode::DF_JOURNAL_OFFSET => {
                input.array::<8>()?;
            }
            opcode::DF_ZSTD_BLOB => self.blob(Codec::Zstandard)?,
            opcode::DF_LZ4_BLOB => self.blob(Codec::Lz4)?,
            opcode::DF_BLOB_END => return Err(input.damaged(Fault::Blob)),
            opcode::DF_JOURNAL => return Err(input.unsupported("a journal of commands")),
            opcode::DF_KEY_FLAGS => {
                let flags = u32::from_le_bytes(input.array()?);
                if flags & !(opcode::DF_FLAG_STICKY | opcode::DF_FLAG_MEMCACHED) != 0 {
                    return Err(input.unsupported("a key with unknown marks"));
                }
                if flags & opcode::DF_FLAG_STICKY != 0 {
                    self.report.skipped.sticky_marks += 1;
                }
                if flags & opcode::DF_FLAG_MEMCACHED != 0 {
                    input.array::<4>()?;
                    self.report.skipped.memcached_flags += 1;
                }
            }
            opcode::DF_VECTOR_INDEX | opcode::DF_DOCUMENT_INDEX => {
                return Err(input.unsupported("a search index"));
            }
            other => return Err(input.damaged(Fault::Type(other))),
        }
        Ok(())
    }

    fn blob(&mut self, codec: Codec) -> Result<(), RdbError> {
        let input = &mut self.values.input;
        if input.is_in_blob() {
            return Err(input.damaged(Fault::Blob));
        }
        let mut frame = Vec::new();
        input.string(&mut frame)?;
        match Blob::open(codec, frame) {
            Ok(blob) => input.enter(blob),
            Err(error) if error.kind() == std::io::ErrorKind::Unsupported => {
                return Err(
                    input.unsupported(format!("a blob in {codec:?}, which this build lacks,"))
                );
            }
            Err(_) => return Err(input.damaged(Fault::Blob)),
        }
        Ok(())
    }

    fn function(&mut self, opcode: u8) -> Result<(), RdbError> {
        let Values { input, first, skip_unsupported, .. } = &mut self.values;
        input.string(first)?;
        if !*skip_unsupported {
            let name = library_name(first, opcode);
            return Err(input.unsupported(format!("the function library {name}")));
        }
        if opcode == opcode::FUNCTION_PRE_GA {
            // The engine, whether there is a description, that description, the code.
            input.string(first)?;
            if input.length()? != 0 {
                input.string(first)?;
            }
            input.string(first)?;
        }
        self.report.skipped.functions += 1;
        Ok(())
    }

    fn slot_import(&mut self) -> Result<(), RdbError> {
        let Values { input, first, skip_unsupported, .. } = &mut self.values;
        if !*skip_unsupported {
            return Err(input.unsupported("the import of a cluster's slots"));
        }
        input.string(first)?;
        for _ in 0..input.length()? {
            input.length()?;
            input.length()?;
        }
        self.report.skipped.slot_imports += 1;
        Ok(())
    }
}

impl<R> std::fmt::Debug for Reader<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reader").field("version", &self.version).finish_non_exhaustive()
    }
}

/// The name of a library: its own, or the one in the first line of its code.
fn library_name(text: &[u8], opcode: u8) -> Box<str> {
    if opcode == opcode::FUNCTION_PRE_GA {
        return crate::error::shown(text);
    }
    let line = text.split(|&byte| byte == b'\n').next().unwrap_or(text);
    let mut words = line.split(|&byte| byte == b' ');
    crate::error::shown(words.find_map(|word| word.strip_prefix(b"name=")).unwrap_or(line))
}
