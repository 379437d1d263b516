//! The server from outside: a process, sockets, signals, and the files it leaves behind.
//!
//! Every test starts a server of its own, on a free port and in a temporary directory. The binary
//! is built before the first of them, or taken from `EXUVIA_SERVER_BINARY`.

#![expect(clippy::unwrap_used, reason = "whatever fails here fails a test")]

mod clients;
mod commands;
mod configuration;
mod connections;
mod differential;
mod fields;
mod flags;
mod frame;
mod interop;
mod killed;
mod libraries;
mod limits;
mod loading;
mod minio;
mod notifications;
mod protocol;
mod pubsub;
mod rdb;
mod resp;
mod s3;
mod saving;
mod scan;
mod script;
mod server;
mod shutdown;
mod slow;
mod together;
mod transactions;
