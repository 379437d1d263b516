//! Transfers through `io_uring`: one `tokio-uring` runtime on a thread of its own for each file.
//!
//! This module is the only one that names `tokio-uring`; [`probe`] alone names `io-uring`.
//!
//! # Invariants
//!
//! - I1: memory that the kernel may read or write is owned by a [`Loan`](buffer::Loan), which
//!   frees nothing when it is dropped. Only the completion of its operation turns it back into a
//!   buffer. `tokio-uring` 0.5 drops the data of unfinished operations when its runtime is torn
//!   down under them, so ownership by the operation alone would not be enough.
//! - I2: the runtime is left only when no operation is in flight, except by a panic; I1 holds then.
//! - I3: a loan's memory does not move while the loan moves: it is the heap region of a buffer,
//!   which never reallocates.

mod buffer;
mod lane;
mod probe;

pub(super) use lane::RingLane;
pub(super) use probe::probe;
