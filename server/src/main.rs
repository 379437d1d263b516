//! The `exuvia` server binary.

use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    exuvia_server::run(std::env::args_os().skip(1), std::env::vars_os())
}
