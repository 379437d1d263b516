//! The arguments of one command.

use exuvia::Value;

/// Where one argument lies: in the input buffer, or among the large ones, which have their own
/// allocation.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Span {
    /// Offset in the buffer, or [`LARGE`] together with an index.
    start: u32,
    bytes: u32,
}

/// Marks a span whose argument is kept apart from the input buffer.
const LARGE: u32 = 1 << 31;

impl Span {
    /// An argument of `bytes` bytes at `start` of the input buffer.
    pub(crate) fn in_buffer(start: usize, bytes: usize) -> Self {
        debug_assert!(start + bytes < LARGE as usize, "the input's limit keeps offsets below");
        Self { start: start as u32, bytes: bytes as u32 }
    }

    /// The large argument number `index`.
    pub(crate) fn large(index: usize) -> Self {
        Self { start: LARGE | index as u32, bytes: 0 }
    }

    /// The same argument after the buffer lost its first `by` bytes.
    pub(crate) fn shifted(self, by: usize) -> Self {
        if self.start & LARGE == 0 { Self { start: self.start - by as u32, ..self } } else { self }
    }

    /// The same argument after the first `by` large ones were dropped.
    pub(crate) fn renumbered(self, by: usize) -> Self {
        if self.start & LARGE == 0 { self } else { Self { start: self.start - by as u32, ..self } }
    }
}

/// The arguments of one command, its name first. Copying it copies two slices, not the bytes.
#[derive(Clone, Copy, Debug)]
pub struct Args<'a> {
    buffer: &'a [u8],
    spans: &'a [Span],
    large: &'a [Value],
}

impl<'a> Args<'a> {
    pub(crate) fn new(buffer: &'a [u8], spans: &'a [Span], large: &'a [Value]) -> Self {
        Self { buffer, spans, large }
    }

    /// How many arguments there are, the command's name included.
    pub fn len(self) -> usize {
        self.spans.len()
    }

    /// Whether there is not even a name, which a parsed command never is.
    pub fn is_empty(self) -> bool {
        self.spans.is_empty()
    }

    /// The bytes of argument `index`.
    ///
    /// # Panics
    ///
    /// If there is no such argument. Commands are checked against their arity before they run.
    #[inline]
    pub fn at(self, index: usize) -> &'a [u8] {
        let span = self.spans[index];
        if span.start & LARGE == 0 {
            let start = span.start as usize;
            &self.buffer[start..start + span.bytes as usize]
        } else {
            &self.large[(span.start & !LARGE) as usize]
        }
    }

    /// The bytes of argument `index`, if there is one.
    pub fn get(self, index: usize) -> Option<&'a [u8]> {
        (index < self.spans.len()).then(|| self.at(index))
    }

    /// Argument `index` as a value of its own; a large one is not copied if the engine shares it.
    ///
    /// # Panics
    ///
    /// If there is no such argument.
    pub fn value(self, index: usize) -> Value {
        match self.large_at(index) {
            Some(value) => value.clone(),
            None => Value::from(self.at(index)),
        }
    }

    /// Argument `index`, if it is one of those that were received into their own allocation.
    pub(crate) fn large_at(self, index: usize) -> Option<&'a Value> {
        let start = self.spans[index].start;
        (start & LARGE != 0).then(|| &self.large[(start & !LARGE) as usize])
    }

    /// The arguments from `first` on.
    #[must_use]
    pub fn from(self, first: usize) -> Self {
        Self { spans: &self.spans[first.min(self.spans.len())..], ..self }
    }

    /// The first `count` arguments, or as many as there are.
    #[must_use]
    pub fn first(self, count: usize) -> Self {
        Self { spans: &self.spans[..count.min(self.spans.len())], ..self }
    }

    /// Visits the arguments in order.
    pub fn iter(self) -> impl ExactSizeIterator<Item = &'a [u8]> {
        (0..self.spans.len()).map(move |index| self.at(index))
    }

    /// Bytes of all arguments together.
    pub fn bytes(self) -> usize {
        self.iter().map(<[u8]>::len).sum()
    }
}

impl Args<'_> {
    /// A copy that owns its bytes.
    pub(crate) fn to_owned(self) -> OwnedArgs {
        let mut owned = OwnedArgs::default();
        for index in 0..self.len() {
            if let Some(value) = self.large_at(index) {
                owned.spans.push(Span::large(owned.large.len()));
                owned.large.push(value.clone());
            } else {
                let bytes = self.at(index);
                owned.spans.push(Span::in_buffer(owned.buffer.len(), bytes.len()));
                owned.buffer.extend_from_slice(bytes);
            }
        }
        owned
    }
}

/// The arguments of a command that waits for its turn.
#[derive(Debug, Default)]
pub(crate) struct OwnedArgs {
    buffer: Vec<u8>,
    spans: Vec<Span>,
    large: Vec<Value>,
}

impl OwnedArgs {
    pub(crate) fn as_args(&self) -> Args<'_> {
        Args::new(&self.buffer, &self.spans, &self.large)
    }
}
