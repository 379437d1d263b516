//! One value without its key.

use std::fmt;

use super::WriteOptions;
use super::body::Body;
use super::output::Output;
use crate::{Event, RdbError};

/// The value of a payload, as far as it is written.
pub(crate) struct Payload {
    output: Output<Vec<u8>>,
    body: Body,
    begun: bool,
}

impl Payload {
    pub(crate) fn begin(options: WriteOptions) -> Result<Self, RdbError> {
        options.check()?;
        Ok(Self { output: Output::new(Vec::new()), body: Body::new(options), begun: false })
    }

    pub(crate) fn event(&mut self, event: Event<'_>) -> Result<(), RdbError> {
        match event {
            Event::Begin(head) if !self.begun => {
                self.begun = true;
                self.body.begin(&mut self.output, head, false)
            }
            event => self.body.event(&mut self.output, event),
        }
    }

    pub(crate) fn finish(self) -> Result<Vec<u8>, RdbError> {
        self.body.check_between()?;
        if !self.begun {
            return Err(RdbError::OutOfSequence("a payload without a value"));
        }
        self.output.into_inner()
    }
}

impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Payload").field("body", &self.body).finish_non_exhaustive()
    }
}
