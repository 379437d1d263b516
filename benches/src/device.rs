//! What the device under a directory does without any of our code in between.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;
use std::thread;

use exuvia::format::storage::Buffer;

/// Bytes of each read and write.
const BLOCK_BYTES: usize = 1 << 20;
/// How many are in flight, one on each thread.
const IN_FLIGHT: u64 = 4;

/// Opens past the page cache where the file system allows it, as tmpfs may not.
fn open(options: &OpenOptions, path: &Path) -> io::Result<File> {
    let mut direct = options.clone();
    direct.custom_flags(libc::O_DIRECT);
    direct.open(path).or_else(|_| options.open(path))
}

fn on_each_block(
    bytes: u64,
    access: impl Fn(&mut Buffer, u64) -> io::Result<()> + Sync,
) -> io::Result<()> {
    let blocks = bytes / BLOCK_BYTES as u64;
    thread::scope(|scope| {
        let every_fourth = |first: u64| {
            let access = &access;
            move || {
                let mut buffer = Buffer::new(BLOCK_BYTES);
                // Random bytes: a device that compresses must not look fast.
                fastrand::Rng::with_seed(first).fill(buffer.all_mut());
                let mut blocks = (first..blocks).step_by(IN_FLIGHT as usize);
                blocks.try_for_each(|block| access(&mut buffer, block * BLOCK_BYTES as u64))
            }
        };
        let threads: Vec<_> =
            (0..IN_FLIGHT).map(|first| scope.spawn(every_fourth(first))).collect();
        threads.into_iter().try_for_each(|thread| thread.join().expect("accesses do not panic"))
    })
}

/// Writes so many bytes, rounded down to whole mebibytes, and syncs them.
///
/// # Errors
///
/// Whatever the file system reports.
pub fn write(path: &Path, bytes: u64) -> io::Result<()> {
    let file = open(OpenOptions::new().write(true).create(true).truncate(true), path)?;
    on_each_block(bytes, |buffer, offset| file.write_all_at(buffer.all(), offset))?;
    file.sync_all()
}

/// Reads so many bytes, rounded down to whole mebibytes.
///
/// # Errors
///
/// Whatever the file system reports.
pub fn read(path: &Path, bytes: u64) -> io::Result<()> {
    let file = open(OpenOptions::new().read(true), path)?;
    on_each_block(bytes, |buffer, offset| file.read_exact_at(buffer.all_mut(), offset))
}
