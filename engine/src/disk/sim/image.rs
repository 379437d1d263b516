//! The content of one file: what is durable, what is visible, and what lies between.

use super::random::Random;
use crate::disk::file_system::FileStat;

/// What a device writes whole or not at all.
const SECTOR_BYTES: usize = 512;

/// A change of content that is not durable yet.
#[derive(Clone, Debug)]
enum Change {
    /// Bytes on their way to the device, or in its cache.
    Write {
        operation: u64,
        offset: usize,
        bytes: Vec<u8>,
        /// A sync covers only what was completed before it.
        completed: bool,
    },
    /// The length was set.
    Length(usize),
}

/// The content of one file.
#[derive(Clone, Debug, Default)]
pub(super) struct Image {
    durable: Vec<u8>,
    visible: Vec<u8>,
    pending: Vec<Change>,
    /// Time of the last change, in nanoseconds since the Unix epoch.
    pub(super) modified_unix_ns: i128,
}

impl Image {
    /// A file whose content is durable.
    pub(super) fn settled(content: Vec<u8>, modified_unix_ns: i128) -> Self {
        Self { durable: content.clone(), visible: content, pending: Vec::new(), modified_unix_ns }
    }

    /// What a reader sees.
    pub(super) fn visible(&self) -> &[u8] {
        &self.visible
    }

    /// What the file says of itself.
    pub(super) fn stat(&self) -> FileStat {
        FileStat { bytes: self.visible.len() as u64, modified_unix_ns: self.modified_unix_ns }
    }

    /// Bytes are on their way: they may reach the device from here on.
    pub(super) fn begin_write(&mut self, operation: u64, offset: usize, bytes: &[u8]) {
        let bytes = bytes.to_vec();
        self.pending.push(Change::Write { operation, offset, bytes, completed: false });
    }

    /// The write that `operation` began is complete, of which the first `moved` bytes count.
    pub(super) fn complete_write(&mut self, operation: u64, moved: usize) {
        for change in &mut self.pending {
            if let Change::Write { operation: of, offset, bytes, completed } = change
                && *of == operation
            {
                bytes.truncate(moved);
                *completed = true;
                overwrite(&mut self.visible, *offset, bytes);
            }
        }
    }

    /// Sets the length.
    pub(super) fn set_length(&mut self, bytes: usize) {
        self.visible.resize(bytes, 0);
        self.pending.push(Change::Length(bytes));
    }

    /// Makes everything completed durable.
    pub(super) fn sync(&mut self) {
        let durable = &mut self.durable;
        self.pending.retain(|change| match change {
            Change::Write { completed: false, .. } => true,
            Change::Write { offset, bytes, .. } => {
                overwrite(durable, *offset, bytes);
                false
            }
            Change::Length(bytes) => {
                durable.resize(*bytes, 0);
                false
            }
        });
    }

    /// Loses some of what a failed sync should have made durable, for good.
    pub(super) fn fail_sync(&mut self, random: &mut Random) {
        let mut kept = random.survivors(self.pending.len()).into_iter();
        self.pending.retain(|_| kept.next().unwrap_or(true));
    }

    /// What a power cut may leave.
    pub(super) fn survivor(&self, random: &mut Random) -> Vec<u8> {
        let mut content = self.durable.clone();
        let mut lengths = vec![content.len()];
        for change in &self.pending {
            match change {
                Change::Write { offset, bytes, .. } => {
                    write_torn(&mut content, *offset, bytes, random);
                }
                Change::Length(bytes) => content.resize(*bytes, 0),
            }
            lengths.push(content.len());
        }
        let length = lengths[random.below(lengths.len())];
        content.resize(length, 0);
        content
    }
}

/// Writes `bytes` at `offset`, growing the file as needed.
fn overwrite(content: &mut Vec<u8>, offset: usize, bytes: &[u8]) {
    let end = offset + bytes.len();
    if bytes.is_empty() {
        return;
    }
    content.resize(content.len().max(end), 0);
    content[offset..end].copy_from_slice(bytes);
}

/// Writes some sectors of `bytes`. Of a sector that is lost, the old content stays; where the file
/// grew that is nothing, and zeros or, now and then, garbage take its place.
fn write_torn(content: &mut Vec<u8>, offset: usize, bytes: &[u8], random: &mut Random) {
    let old_length = content.len();
    let sectors = bytes.len().div_ceil(SECTOR_BYTES);
    let kept = random.survivors(sectors);
    let garbage = random.one_in(4);
    for (index, sector) in bytes.chunks(SECTOR_BYTES).enumerate() {
        let at = offset + index * SECTOR_BYTES;
        if kept[index] {
            overwrite(content, at, sector);
        } else if garbage && at >= old_length {
            overwrite(content, at, &vec![random.next() as u8; sector.len()]);
        }
    }
    // Lost sectors at the end leave their place: the length is drawn separately.
    content.resize(content.len().max(offset + bytes.len()), 0);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An image with one durable sector and two pending ones.
    fn grown() -> Image {
        let mut image = Image::settled(vec![1; SECTOR_BYTES], 0);
        image.begin_write(0, SECTOR_BYTES, &[2; 2 * SECTOR_BYTES]);
        image.complete_write(0, 2 * SECTOR_BYTES);
        image
    }

    #[test]
    fn what_is_synced_survives_and_what_is_not_may_be_lost_torn_or_kept() {
        let (mut lost, mut kept, mut torn) = (false, false, false);
        for seed in 0..200 {
            let content = grown().survivor(&mut Random::new(seed));
            assert_eq!(content[..SECTOR_BYTES], [1; SECTOR_BYTES]);
            match &content[SECTOR_BYTES..] {
                [] => lost = true,
                rest if rest == [2; 2 * SECTOR_BYTES] => kept = true,
                _ => torn = true,
            }
            let mut image = grown();
            image.sync();
            assert_eq!(image.survivor(&mut Random::new(seed)), image.visible());
        }
        assert!(lost && kept && torn);
    }

    #[test]
    fn a_sync_does_not_cover_a_write_in_flight() {
        let lost = |seed| {
            let mut image = Image::default();
            image.begin_write(0, 0, &[3; SECTOR_BYTES]);
            image.sync();
            image.survivor(&mut Random::new(seed)).is_empty()
        };
        assert!((0..100).any(lost));
    }

    #[test]
    fn a_second_sync_does_not_bring_back_what_the_first_lost() {
        let lost = |seed| {
            let mut image = grown();
            image.fail_sync(&mut Random::new(seed));
            image.sync();
            assert_eq!(image.visible().len(), 3 * SECTOR_BYTES);
            image.survivor(&mut Random::new(seed)).len() < 3 * SECTOR_BYTES
        };
        assert!((0..100).any(lost));
    }
}
