//! The log, and states as folds over it.

use super::{Op, Outcome, State};

/// A log of operations.
#[derive(Debug)]
pub struct Log {
    start_unix_ms: u64,
    ops: Vec<Op>,
    head: State,
}

impl Log {
    /// An empty log that begins at a time.
    pub fn new(start_unix_ms: u64) -> Self {
        Self { start_unix_ms, ops: Vec::new(), head: State::new(start_unix_ms) }
    }

    /// Appends an operation and returns the answer it must have.
    pub fn push(&mut self, op: Op) -> Outcome {
        let outcome = self.head.apply(&op);
        self.ops.push(op);
        outcome
    }

    /// The position of a cut taken at this moment.
    pub fn cut(&self) -> usize {
        self.ops.len()
    }

    /// The state after every operation.
    pub fn head(&self) -> &State {
        &self.head
    }

    /// The state at a cut: the fold of the operations before it.
    pub fn state_at(&self, cut: usize) -> State {
        let mut state = State::new(self.start_unix_ms);
        for op in &self.ops[..cut] {
            state.apply(op);
        }
        state
    }
}
