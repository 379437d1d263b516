//! Reading a whole part only to learn whether it is sound.

use super::{PartEntry, PartReader, ReadHint};
use crate::error::{DamagedPage, FormatError};
use crate::storage::SnapshotStorage;

/// What [`verify_part`] found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PartReport {
    /// Pages that are sound.
    pub pages_sound: u32,
    /// Pages that were reported as damaged.
    pub pages_damaged: u32,
    /// Records that begin in sound pages.
    pub records: u64,
}

/// Reads the part that `entry` lists, and tells `on_damage` of every page that is damaged.
///
/// # Errors
///
/// What [`PartReader`] returns apart from damaged pages: a part whose index is damaged is reported
/// as a whole.
pub fn verify_part(
    storage: &dyn SnapshotStorage,
    entry: &PartEntry,
    hint: ReadHint,
    mut on_damage: impl FnMut(&DamagedPage),
) -> Result<PartReport, FormatError> {
    let mut reader = PartReader::open(storage, entry, hint)?;
    let mut report = PartReport::default();
    loop {
        match reader.next_page() {
            Ok(Some(page)) => {
                report.pages_sound += 1;
                report.records += u64::from(page.records());
            }
            Ok(None) => return Ok(report),
            Err(FormatError::Page(damage)) => {
                report.pages_damaged += 1;
                on_damage(&damage);
            }
            Err(error) => return Err(error),
        }
    }
}
