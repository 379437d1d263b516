//! One key, its chain of versions, its writers and its cuts.
//!
//! This file is compiled once for each checker: the module that includes it provides `checker`
//! with its atomic words, locks and threads.

use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicU32, AtomicUsize};

use super::checker::{Mutex, Word, yield_now};

/// A rule that a run leaves out, to show that it is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rule {
    /// A cut waits for announced writers (R1).
    GracePeriod,
    /// A cut's version is final before writers may see it (R1b).
    FinalVersion,
    /// A walk moves its cursor before it trims (R4).
    CursorBeforeTrim,
    /// A writer looks again after it has published (R4).
    SecondLook,
    /// An entry is stamped after it is published (R5b).
    PublishBeforeStamp,
    /// Whoever returns an entry stamps it first (R5c).
    ReaderStamps,
}

const UNSTAMPED: usize = usize::MAX;
/// Of an entry written while no cut was open: older than every cut.
const OLD: usize = 0;
const NO_CUT: usize = 0;
const NO_LINK: usize = usize::MAX;
const CHAIN: usize = 1;

struct Entry {
    version: Word,
    link: Word,
    /// How often it was retired, and what it replaced: kept outside the checker's memory model.
    retired: AtomicU32,
    replaced: AtomicUsize,
}

struct Cut {
    version: Word,
    /// Zero before the key, one behind it.
    cursor: Word,
}

pub(super) struct Key {
    broken: Option<Rule>,
    global: Word,
    mode: Word,
    /// Index of the head, and in the lowest bit whether its link may be followed.
    word: Word,
    entries: Vec<Entry>,
    cuts: Vec<Cut>,
    announcements: Vec<Word>,
    starts: Mutex<()>,
}

impl Key {
    /// A key with entry 0, and room for so many more; each writer brings its own.
    pub(super) fn new(broken: Option<Rule>, writes: usize, writers: usize, cuts: usize) -> Self {
        let entry = |index| Entry {
            version: Word::new(if index == 0 { OLD } else { UNSTAMPED }),
            link: Word::new(NO_LINK),
            retired: AtomicU32::new(0),
            replaced: AtomicUsize::new(NO_LINK),
        };
        let cut = |_| Cut { version: Word::new(NO_CUT), cursor: Word::new(0) };
        Self {
            broken,
            global: Word::new(1),
            mode: Word::new(0),
            word: Word::new(0),
            entries: (0..=writes).map(entry).collect(),
            cuts: (0..cuts).map(cut).collect(),
            announcements: (0..writers).map(|_| Word::new(0)).collect(),
            starts: Mutex::new(()),
        }
    }

    fn is_broken(&self, rule: Rule) -> bool {
        self.broken == Some(rule)
    }

    /// Reads the key: the index of its entry.
    pub(super) fn get(&self) -> usize {
        let head = self.word.load() >> 1;
        if !self.is_broken(Rule::ReaderStamps) {
            self.stamp(head);
        }
        head
    }

    fn stamp(&self, entry: usize) -> usize {
        let version = &self.entries[entry].version;
        let seen = version.load();
        if seen != UNSTAMPED {
            return seen;
        }
        let global = self.global.load();
        version.replace(UNSTAMPED, global).map_or_else(|earlier| earlier, |_| global)
    }

    fn is_needed(&self, from: usize, until: usize) -> bool {
        self.cuts.iter().any(|cut| {
            let version = cut.version.load();
            version != NO_CUT && from <= version && version < until && cut.cursor.load() == 0
        })
    }

    /// The words that `word` owns, newest first.
    fn nodes(&self, word: usize) -> impl Iterator<Item = usize> {
        std::iter::successors(Some(word), |&word| {
            let link = || self.entries[word >> 1].link.load_acquire();
            (word & CHAIN != 0).then(link)
        })
    }

    fn link_to_needed(&self, word: usize, superseded_at: usize) -> usize {
        let mut until = superseded_at;
        let mut first = NO_LINK;
        for node in self.nodes(word) {
            let from = self.stamp(node >> 1);
            if self.is_needed(from, until) {
                if first != NO_LINK {
                    return first | CHAIN;
                }
                first = node & !CHAIN;
            }
            until = from;
        }
        first
    }

    fn retire_difference(&self, before: usize, after: usize) {
        let kept: Vec<usize> = if after == NO_LINK {
            Vec::new()
        } else {
            self.nodes(after).map(|node| node >> 1).collect()
        };
        for node in self.nodes(before) {
            if !kept.contains(&(node >> 1)) {
                self.entries[node >> 1].retired.fetch_add(1, Relaxed);
            }
        }
    }

    /// Overwrites the key with `entry`.
    pub(super) fn write(&self, writer: usize, entry: usize) {
        loop {
            let before = self.word.load();
            self.stamp(before >> 1);
            let announcement = &self.announcements[writer];
            let closed = announcement.load_acquire();
            announcement.store(closed + 1);
            let quiet = self.mode.load() == 0;
            let link = if quiet { NO_LINK } else { self.link_to_needed(before, usize::MAX) };
            let new = &self.entries[entry];
            new.version.store_release(if quiet { OLD } else { UNSTAMPED });
            new.link.store_release(link);
            if self.is_broken(Rule::PublishBeforeStamp) {
                self.stamp(entry);
            }
            let after = entry << 1 | usize::from(link != NO_LINK);
            new.replaced.store(before >> 1, Relaxed);
            let published = self.word.replace(before, after);
            if published.is_ok() {
                self.stamp(entry);
            }
            announcement.store_release(closed + 2);
            if published.is_ok() {
                self.retire_difference(before, link);
                if link != NO_LINK && !self.is_broken(Rule::SecondLook) {
                    self.trim();
                }
                return;
            }
        }
    }

    fn trim(&self) {
        let word = self.word.load();
        if word & CHAIN == 0 {
            return;
        }
        let head = word >> 1;
        let superseded_at = self.stamp(head);
        let link = self.entries[head].link.load_acquire();
        if self.link_to_needed(link, superseded_at) != NO_LINK {
            return;
        }
        if self.word.replace(word, word & !CHAIN).is_ok() {
            self.retire_difference(link, NO_LINK);
        }
    }

    /// Takes cut number `cut`; returns its version.
    pub(super) fn cut(&self, cut: usize) -> usize {
        let _one_at_a_time = self.starts.lock();
        let version = self.register(cut);
        self.bump(cut, version);
        version
    }

    /// The first half of taking a cut: registers it and waits for announced writers.
    pub(super) fn register(&self, cut: usize) -> usize {
        let version = self.global.load();
        let early = self.is_broken(Rule::FinalVersion);
        let place = &self.cuts[cut];
        place.cursor.store(0);
        place.version.store(if early { UNSTAMPED - 1 } else { version });
        self.mode.add(1);
        if !self.is_broken(Rule::GracePeriod) {
            for announcement in &self.announcements {
                let seen = announcement.load_acquire();
                while seen % 2 == 1 && announcement.load_acquire() == seen {
                    yield_now();
                }
            }
        }
        version
    }

    /// The second half: from here on writes belong to the next version.
    pub(super) fn bump(&self, cut: usize, version: usize) {
        self.global.add(1);
        if self.is_broken(Rule::FinalVersion) {
            self.cuts[cut].version.store(version);
        }
    }

    /// The entry that a cut shows.
    pub(super) fn get_at(&self, version: usize) -> Option<usize> {
        let word = self.word.load();
        self.nodes(word).map(|node| node >> 1).find(|&entry| self.stamp(entry) <= version)
    }

    /// Passes the key with cut number `cut`; returns what it shows.
    pub(super) fn walk(&self, cut: usize, version: usize) -> Option<usize> {
        let shown = self.get_at(version);
        let trims_first = self.is_broken(Rule::CursorBeforeTrim);
        if trims_first {
            // Trimmed as if the cursor had moved, which no writer can see yet.
            self.trim();
        }
        self.cuts[cut].cursor.store(1);
        if !trims_first {
            self.trim();
        }
        shown
    }

    /// Ends cut number `cut`. With `trims` false what it held must be gone already.
    pub(super) fn end(&self, cut: usize, trims: bool) {
        self.cuts[cut].version.store(NO_CUT);
        if trims {
            self.trim();
        }
        self.mode.add(-1);
    }

    /// How many writes came before `entry`'s.
    pub(super) fn position(&self, entry: usize) -> usize {
        let replaced = self.entries[entry].replaced.load(Relaxed);
        if replaced == NO_LINK { 0 } else { 1 + self.position(replaced) }
    }

    /// What must hold when everybody has finished: no history, and each superseded entry retired
    /// once.
    pub(super) fn assert_tidy(&self) {
        let word = self.word.load();
        assert_eq!(word & CHAIN, 0, "history is left behind");
        for (index, entry) in self.entries.iter().enumerate() {
            let expected = u32::from(index != word >> 1);
            let retired = entry.retired.load(Relaxed);
            assert_eq!(retired, expected, "entry {index} was retired {retired} times");
        }
    }
}
