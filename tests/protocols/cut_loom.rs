//! Cuts and writers of one key, under loom.

mod checker {
    pub(super) use loom::sync::Mutex;
    pub(super) use loom::thread::yield_now;

    pub(super) use crate::ordered::Word;
}

#[path = "chain.rs"]
#[expect(clippy::duplicate_mod, reason = "it is compiled once for each checker")]
mod chain;

use chain::{Key, Rule};
use loom::sync::Arc;
use loom::thread;

fn explore(preemptions: impl Into<Option<usize>>, execution: impl Fn() + Sync + Send + 'static) {
    let mut explorer = loom::model::Builder::new();
    explorer.preemption_bound = preemptions.into();
    explorer.check(execution);
}

/// A cut among the writes of another thread shows the same whenever it is read: nothing older
/// than what its own thread had read before, nothing that its own thread wrote after.
fn a_cut_among_writes(broken: Option<Rule>, preemptions: usize, writes: usize) {
    explore(preemptions, move || {
        let key = Arc::new(Key::new(broken, writes + 1, 2, 1));
        let writer = {
            let key = Arc::clone(&key);
            thread::spawn(move || (1..=writes).for_each(|entry| key.write(0, entry)))
        };
        let read = key.get();
        let version = key.cut(0);
        let shown = key.get_at(version).expect("a cut lost the key");
        let own = writes + 1;
        key.write(1, own);
        assert_eq!(key.get_at(version), Some(shown), "a cut changed");
        assert_eq!(key.walk(0, version), Some(shown), "a walk shows something else");
        key.end(0, true);
        writer.join().unwrap();
        assert!(key.position(shown) >= key.position(read), "a cut is older than a read before it");
        assert!(key.position(shown) < key.position(own), "a cut shows a later write");
        key.assert_tidy();
    });
}

/// A walk passes while another thread writes the key once: neither may leave history behind,
/// though the end of the cut cleans nothing up.
fn a_walk_among_writes(broken: Option<Rule>) {
    explore(3, move || {
        let key = Arc::new(Key::new(broken, 1, 1, 1));
        let version = key.cut(0);
        let writer = {
            let key = Arc::clone(&key);
            thread::spawn(move || key.write(0, 1))
        };
        assert_eq!(key.walk(0, version), Some(0), "a cut shows a later write");
        writer.join().unwrap();
        key.assert_tidy();
        key.end(0, false);
    });
}

/// A writer comes while a cut has waited and not advanced the version yet. What is read before it
/// advances is in the cut, stamped or not, and what the cut shows stays.
fn a_write_before_the_version_advances(broken: Option<Rule>) {
    explore(3, move || {
        let key = Arc::new(Key::new(broken, 1, 1, 1));
        let version = key.register(0);
        let writer = {
            let key = Arc::clone(&key);
            thread::spawn(move || key.write(0, 1))
        };
        let read = key.get();
        key.bump(0, version);
        let shown = key.get_at(version).expect("a cut lost the key");
        assert!(shown >= read, "a value was read before a cut and is not in it");
        assert_eq!(key.get_at(version), Some(shown), "a cut changed");
        writer.join().unwrap();
        assert_eq!(key.walk(0, version), Some(shown), "a cut changed");
        key.end(0, true);
        key.assert_tidy();
    });
}

#[test]
fn a_cut_loses_nothing_and_leaves_nothing() {
    a_cut_among_writes(None, 3, 1);
    a_cut_among_writes(None, 2, 2);
}

#[test]
#[should_panic = "a cut"]
fn without_the_grace_period_a_cut_fails() {
    a_cut_among_writes(Some(Rule::GracePeriod), 3, 1);
}

#[test]
fn writer_and_walk_leave_no_history() {
    a_walk_among_writes(None);
}

#[test]
#[should_panic = "history is left behind"]
fn without_the_second_look_history_stays() {
    a_walk_among_writes(Some(Rule::SecondLook));
}

#[test]
#[should_panic = "history is left behind"]
fn trimming_before_the_cursor_moves_leaves_history() {
    a_walk_among_writes(Some(Rule::CursorBeforeTrim));
}

#[test]
fn a_cut_shows_what_was_read_before_it_and_does_not_change() {
    a_write_before_the_version_advances(None);
}

#[test]
#[should_panic = "read before a cut"]
fn without_stamping_reads_a_cut_misses_what_was_read() {
    a_write_before_the_version_advances(Some(Rule::ReaderStamps));
}

#[test]
#[should_panic = "a cut changed"]
fn stamping_before_publishing_changes_a_cut() {
    a_write_before_the_version_advances(Some(Rule::PublishBeforeStamp));
}

#[test]
#[should_panic = "a cut"]
fn a_cut_registered_before_its_version_is_final_loses_the_key() {
    a_cut_among_writes(Some(Rule::FinalVersion), 2, 2);
}
