//! Files read, written, damaged and forged.

#![expect(clippy::unwrap_used, reason = "whatever fails here fails a test")]

mod dragonfly;
mod forge;
mod hostile;
mod model;
mod old;
mod payload;
mod refused;
mod round_trip;
mod sequence;
mod servers;
