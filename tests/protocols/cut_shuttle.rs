//! Cuts and writers of one key, under shuttle: more threads, overlapping cuts.

mod checker {
    use shuttle::sync::atomic::{AtomicUsize, Ordering::SeqCst};

    pub(super) use shuttle::sync::Mutex;
    pub(super) use shuttle::thread::yield_now;

    /// An atomic word. Shuttle knows no other ordering than a total one.
    pub(super) struct Word(AtomicUsize);

    impl Word {
        pub(super) fn new(value: usize) -> Self {
            Self(AtomicUsize::new(value))
        }

        pub(super) fn load(&self) -> usize {
            self.0.load(SeqCst)
        }

        pub(super) fn load_acquire(&self) -> usize {
            self.load()
        }

        pub(super) fn store(&self, value: usize) {
            self.0.store(value, SeqCst);
        }

        pub(super) fn store_release(&self, value: usize) {
            self.store(value);
        }

        pub(super) fn add(&self, increment: isize) {
            self.0.fetch_add(increment as usize, SeqCst);
        }

        pub(super) fn replace(&self, expected: usize, value: usize) -> Result<usize, usize> {
            self.0.compare_exchange(expected, value, SeqCst, SeqCst)
        }
    }
}

#[path = "chain.rs"]
#[expect(clippy::duplicate_mod, reason = "it is compiled once for each checker")]
mod chain;

use std::sync::Arc;

use chain::{Key, Rule};
use shuttle::thread;

const WRITERS: usize = 2;
const WRITES: usize = 3;

/// Two cuts, taken by different threads, overlap each other and the writes of two more.
fn overlapping_cuts(broken: Option<Rule>) {
    let key = Arc::new(Key::new(broken, WRITERS * WRITES, WRITERS, 2));
    let mut threads: Vec<_> = (0..WRITERS)
        .map(|writer| {
            let key = Arc::clone(&key);
            thread::spawn(move || {
                for write in 0..WRITES {
                    key.write(writer, 1 + writer * WRITES + write);
                }
            })
        })
        .collect();
    for cut in 0..2 {
        let key = Arc::clone(&key);
        threads.push(thread::spawn(move || {
            let before = key.get();
            let version = key.cut(cut);
            let shown = key.get_at(version).expect("a cut lost the key");
            assert_eq!(key.get_at(version), Some(shown), "a cut changed");
            let after = key.get();
            assert_eq!(key.walk(cut, version), Some(shown), "a cut changed while it was walked");
            key.end(cut, true);
            let [before, shown, after] = [before, shown, after].map(|entry| key.position(entry));
            assert!(before <= shown, "a cut changed the past: it is older than a read before it");
            assert!(shown <= after, "a cut changed the past: it is newer than a read after it");
        }));
    }
    for thread in threads {
        thread.join().unwrap();
    }
    key.assert_tidy();
}

/// Many schedules at random, and many with few but well-placed switches.
///
/// A broken rule ends the search at the first schedule that shows it, so it may be longer: the
/// schedules are random, and a test that expects to find one must not depend on luck.
fn explore(broken: Option<Rule>) {
    let schedules = if broken.is_some() { 60_000 } else { 1_500 };
    shuttle::check_pct(move || overlapping_cuts(broken), schedules, 4);
    shuttle::check_random(move || overlapping_cuts(broken), schedules);
}

#[test]
fn overlapping_cuts_lose_nothing_and_leave_nothing() {
    explore(None);
}

#[test]
#[should_panic = "a "]
fn without_the_grace_period_a_cut_fails() {
    explore(Some(Rule::GracePeriod));
}

#[test]
#[should_panic = "a cut changed"]
fn stamping_before_publishing_changes_a_cut() {
    explore(Some(Rule::PublishBeforeStamp));
}

#[test]
#[should_panic = "history is left behind"]
fn without_the_second_look_history_stays() {
    explore(Some(Rule::SecondLook));
}
