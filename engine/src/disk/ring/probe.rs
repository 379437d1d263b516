//! Whether `io_uring` works here.

#![expect(unsafe_code, reason = "pushing to a submission queue is a promise about memory")]

use std::io;

use io_uring::{IoUring, Probe, opcode};

/// Sets up a ring, asks for the operations that are used, and sends one operation through it.
///
/// Containers often forbid the system calls, and a policy may allow some of them and not others,
/// so only a round trip proves anything.
///
/// # Errors
///
/// What the kernel answered: `EPERM` or `ENOSYS` where a policy forbids `io_uring`, `ENOSYS`
/// on a kernel without it, [`Unsupported`](io::ErrorKind::Unsupported) if it lacks an operation.
pub(in crate::disk) fn probe() -> io::Result<()> {
    let mut ring = IoUring::new(2)?;
    let mut supported = Probe::new();
    ring.submitter().register_probe(&mut supported)?;
    let needed = [
        (opcode::Read::CODE, "read"),
        (opcode::Write::CODE, "write"),
        (opcode::AsyncCancel::CODE, "cancel"),
    ];
    for (code, name) in needed {
        if !supported.is_supported(code) {
            let reason = format!("the kernel's io_uring has no {name} operation");
            return Err(io::Error::new(io::ErrorKind::Unsupported, reason));
        }
    }
    let nop = opcode::Nop::new().build();
    // SAFETY: a no-op refers to no memory and no file, so nothing has to outlive it.
    unsafe { ring.submission().push(&nop) }
        .map_err(|_| io::Error::other("a new submission queue is full"))?;
    ring.submit_and_wait(1)?;
    let completed = ring.completion().next().ok_or_else(|| io::Error::other("no completion"))?;
    match completed.result() {
        error if error < 0 => Err(io::Error::from_raw_os_error(-error)),
        _ => Ok(()),
    }
}
