//! The `exuvia` server binary.

mod allocator;

use std::process::ExitCode;

use exuvia_server::CollectMemory;

#[global_allocator]
static ALLOCATOR: allocator::Allocator = allocator::Allocator;

fn main() -> ExitCode {
    exuvia_server::run(std::env::args_os().skip(1), std::env::vars_os(), COLLECT_MEMORY)
}

const COLLECT_MEMORY: CollectMemory =
    CollectMemory { own: || collect_memory(false), all: || collect_memory(true) };

#[expect(unsafe_code, reason = "a function of the allocator that its safe wrapper lacks")]
fn collect_memory(thorough: bool) {
    // SAFETY: mimalloc is this process's allocator, and may be asked on any thread at any time.
    unsafe { libmimalloc_sys::mi_collect(thorough) };
}
