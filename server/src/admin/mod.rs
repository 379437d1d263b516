//! The HTTP endpoints for those who watch the server: `/metrics` and `/healthz`.
//!
//! They have a thread of their own, so that a busy server still answers them, and understand as
//! much of HTTP/1.1 as a scraper speaks: one `GET` or `HEAD` a connection, without a body.

mod http;
mod listen;
mod metrics;
#[cfg(test)]
mod tests;
mod text;

pub(crate) use listen::{bind, start};
