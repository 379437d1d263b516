//! Scheduling priority of snapshot threads.

use std::io;

/// How much nicer than the default a snapshot's threads are: about a tenth of a client's share of
/// a contended core, all of an idle one.
#[cfg(target_os = "linux")]
const NICENESS: i32 = 10;

/// Lowers the scheduling priority of the calling thread, so that clients go first.
///
/// Threads that it starts afterwards, as those of a writer it creates, inherit it. There is no way
/// back without privileges: call it on threads that end with the snapshot.
///
/// # Errors
///
/// What the system answered; the thread then runs on as it was. Outside of Linux, where niceness
/// belongs to the process, [`Unsupported`](io::ErrorKind::Unsupported).
pub fn lower_priority() -> io::Result<()> {
    #[cfg(target_os = "linux")]
    {
        // On Linux niceness belongs to a thread, and the calls on processes take its id.
        let thread = rustix::thread::gettid();
        let current = rustix::process::getpriority_process(Some(thread))?;
        rustix::process::setpriority_process(Some(thread), current.max(NICENESS))?;
        Ok(())
    }
    #[cfg(not(target_os = "linux"))]
    Err(io::Error::new(io::ErrorKind::Unsupported, "threads have no priority of their own"))
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn a_lowered_thread_leaves_the_others_alone() {
        let niceness =
            || rustix::process::getpriority_process(Some(rustix::thread::gettid())).unwrap();
        let before = niceness();
        let (lowered, child) = std::thread::spawn(move || {
            lower_priority().unwrap();
            (niceness(), std::thread::spawn(niceness).join().unwrap())
        })
        .join()
        .unwrap();
        assert_eq!((lowered, child), (before.max(NICENESS), before.max(NICENESS)));
        assert_eq!(niceness(), before);
    }
}
