//! The names in the directory: what is durable, what is visible, and what lies between.

use std::collections::BTreeMap;

use super::random::Random;

/// A file, whatever it is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct FileId(pub(super) u64);

/// A change of a name that is not durable yet.
#[derive(Clone, Debug)]
enum Change {
    Add { name: String, file: FileId },
    Rename { from: String, to: String, file: FileId },
    Remove { name: String },
}

/// The names in the directory.
#[derive(Clone, Debug, Default)]
pub(super) struct Names {
    durable: BTreeMap<String, FileId>,
    visible: BTreeMap<String, FileId>,
    pending: Vec<Change>,
}

impl Names {
    /// Names that are durable.
    pub(super) fn settled(names: BTreeMap<String, FileId>) -> Self {
        Self { durable: names.clone(), visible: names, pending: Vec::new() }
    }

    /// What a reader sees.
    pub(super) fn visible(&self) -> &BTreeMap<String, FileId> {
        &self.visible
    }

    /// Adds a name that is durable at once.
    pub(super) fn plant(&mut self, name: &str, file: FileId) {
        self.durable.insert(name.to_owned(), file);
        self.visible.insert(name.to_owned(), file);
    }

    /// Gives `file` a name.
    pub(super) fn add(&mut self, name: &str, file: FileId) {
        self.change(Change::Add { name: name.to_owned(), file });
    }

    /// Gives the file called `from`, which exists, the name `to`, whoever had that.
    pub(super) fn rename(&mut self, from: &str, to: &str, file: FileId) {
        self.change(Change::Rename { from: from.to_owned(), to: to.to_owned(), file });
    }

    /// Takes a name away.
    pub(super) fn remove(&mut self, name: &str) {
        self.change(Change::Remove { name: name.to_owned() });
    }

    fn change(&mut self, change: Change) {
        apply(&mut self.visible, &change);
        self.pending.push(change);
    }

    /// Makes all changes durable.
    pub(super) fn sync(&mut self) {
        self.pending.clear();
        self.durable = self.visible.clone();
    }

    /// What a power cut may leave.
    pub(super) fn survivor(&self, random: &mut Random) -> BTreeMap<String, FileId> {
        let mut names = self.durable.clone();
        let kept = random.survivors(self.pending.len());
        for (change, _) in self.pending.iter().zip(kept).filter(|(_, kept)| *kept) {
            apply(&mut names, change);
        }
        names
    }
}

/// Applies one change, also to names that an earlier change, now lost, would have made.
fn apply(names: &mut BTreeMap<String, FileId>, change: &Change) {
    match change {
        Change::Add { name, file } => {
            names.insert(name.clone(), *file);
        }
        Change::Rename { from, to, file } => {
            if names.get(from) == Some(file) {
                names.remove(from);
            }
            names.insert(to.clone(), *file);
        }
        Change::Remove { name } => {
            names.remove(name);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rename_over_a_name_leaves_the_old_or_the_new_file() {
        let (mut old, mut new) = (false, false);
        for seed in 0..100 {
            let mut names = Names::settled(BTreeMap::from([("a".to_owned(), FileId(0))]));
            names.add("a.tmp", FileId(1));
            names.rename("a.tmp", "a", FileId(1));
            match names.survivor(&mut Random::new(seed))["a"] {
                FileId(0) => old = true,
                FileId(_) => new = true,
            }
            names.sync();
            let left = names.survivor(&mut Random::new(seed));
            assert_eq!(left, BTreeMap::from([("a".to_owned(), FileId(1))]));
        }
        assert!(old && new);
    }
}
