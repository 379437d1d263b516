//! A transaction over two keys, readers and a cut, under loom.

use loom::sync::Arc;
use loom::thread;

use crate::ordered::Word;

/// A rule that a run leaves out, to show that it is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rule {
    /// Every entry is installed before the batch is committed.
    InstallBeforeCommit,
    /// The entries of a batch share its stamp.
    OneStamp,
    /// Whoever reads a committed entry stamps its batch first.
    ReaderStamps,
}

const PENDING: usize = 1;
const UNSTAMPED: usize = 2;
const FIRST_VERSION: usize = 16;

struct Pair {
    broken: Option<Rule>,
    global: Word,
    /// Fate of the batch; the second one is used by the second key if stamps are not shared.
    fates: [Word; 2],
    /// Whether a key's head is the batch's entry, which links the old one.
    installed: [Word; 2],
}

impl Pair {
    fn new(broken: Option<Rule>) -> Self {
        Self {
            broken,
            global: Word::new(FIRST_VERSION),
            fates: [PENDING, PENDING].map(Word::new),
            installed: [0, 0].map(Word::new),
        }
    }

    fn transact(&self) {
        let commits_early = self.broken == Some(Rule::InstallBeforeCommit);
        self.installed[0].store(1);
        if commits_early {
            self.commit();
        }
        self.installed[1].store(1);
        if !commits_early {
            self.commit();
        }
    }

    fn commit(&self) {
        for fate in &self.fates {
            fate.swap(UNSTAMPED);
        }
        self.version(0);
        self.version(1);
    }

    /// The version of a key's new entry, if it is committed.
    fn version(&self, key: usize) -> Option<usize> {
        let shared = self.broken != Some(Rule::OneStamp);
        let fate = &self.fates[if shared { 0 } else { key }];
        match fate.load() {
            PENDING => None,
            UNSTAMPED => {
                let global = self.global.load();
                let stamped = fate.replace(UNSTAMPED, global);
                Some(stamped.map_or_else(|earlier| earlier, |_| global))
            }
            version => Some(version),
        }
    }

    /// Whether a reader finds the new value under a key.
    fn get(&self, key: usize) -> bool {
        if self.installed[key].load() == 0 {
            return false;
        }
        if self.broken == Some(Rule::ReaderStamps) {
            return self.fates[0].load() != PENDING;
        }
        self.version(key).is_some()
    }

    fn cut(&self) -> usize {
        let version = self.global.load();
        self.global.add(1);
        version
    }

    /// Whether a cut shows the new value under a key.
    fn get_at(&self, key: usize, cut: usize) -> bool {
        let installed = self.installed[key].load() == 1;
        installed && self.version(key).is_some_and(|version| version <= cut)
    }
}

fn explore(broken: Option<Rule>) {
    let mut explorer = loom::model::Builder::new();
    explorer.preemption_bound = Some(3);
    explorer.check(move || {
        let pair = Arc::new(Pair::new(broken));
        let writer = {
            let pair = Arc::clone(&pair);
            thread::spawn(move || pair.transact())
        };
        let reader = {
            let pair = Arc::clone(&pair);
            thread::spawn(move || {
                let first = pair.get(0);
                assert!(!first || pair.get(1), "one of two keys");
                let first = pair.get(1);
                assert!(!first || pair.get(0), "one of two keys");
            })
        };
        let read = pair.get(0);
        let cut = pair.cut();
        let shown = pair.get_at(0, cut);
        assert_eq!(pair.get_at(1, cut), shown, "a cut shows one of two keys");
        assert_eq!(pair.get_at(0, cut), shown, "a cut changed");
        assert!(shown || !read, "read before a cut, and not in it");
        writer.join().unwrap();
        reader.join().unwrap();
        assert_eq!(pair.get_at(0, cut), shown, "a cut changed");
    });
}

#[test]
fn two_keys_change_in_one_step_for_readers_and_cuts() {
    explore(None);
}

#[test]
#[should_panic = "one of two keys"]
fn committing_before_everything_is_installed_shows_one_key() {
    explore(Some(Rule::InstallBeforeCommit));
}

#[test]
#[should_panic = "one of two keys"]
fn stamps_of_their_own_tear_a_transaction() {
    explore(Some(Rule::OneStamp));
}

#[test]
#[should_panic = "not in it"]
fn without_stamping_reads_a_cut_misses_what_was_read() {
    explore(Some(Rule::ReaderStamps));
}
