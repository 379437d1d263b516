//! Getting at the directory that snapshots are kept in.

use std::fs;
use std::path::Path;
use std::thread;
use std::time::Instant;

use super::patience::Patience;
use crate::disk::LocalDisk;
use crate::{Error, Options};

/// Opens the directory `dir`, and creates it if there is none.
///
/// One that is there and cannot be read is tried again for as long as the options have patience:
/// a mount that comes late must not look like a directory without snapshots.
///
/// # Errors
///
/// [`Error::Storage`] with what the system answered last.
pub(crate) fn open(dir: &Path, options: &Options) -> Result<LocalDisk, Error> {
    let missing = !dir.exists();
    LocalDisk::create_dir(dir)?;
    if missing {
        tracing::warn!("{} was missing and has been created", dir.display());
    }
    let mut patience = Patience::new(options.load_patience);
    while let Err(error) = fs::read_dir(dir) {
        let Some(pause) = patience.next_pause(Instant::now()) else { break };
        tracing::warn!("{} cannot be read, trying again: {error}", dir.display());
        thread::sleep(pause);
    }
    LocalDisk::open(dir, options.io, options.file_mode)
}
