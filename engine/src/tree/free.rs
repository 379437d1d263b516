//! Freeing trees without making anybody wait.
//!
//! Whoever lets go of a tree frees what he alone had, as an old version's few nodes, at once. Of a
//! large tree he leaves most to a list that maintenance empties.

use std::sync::{Mutex, PoisonError};

use super::link::{Child, Link, clone_child, only_owned};
use super::state::State;

/// Trees of at most so many elements are freed at once.
const AT_ONCE_LEN_MAX: u64 = 2048;
/// Inner nodes that are freed at once of a larger tree. A version that was replaced has as many as
/// there are levels, and after a change of a hundred elements some hundred and fifty; what is left
/// to the background takes memory until it is freed there.
const AT_ONCE_INNER_MAX: usize = 192;

/// What waits to be freed.
static BURIED: Mutex<Vec<Box<dyn Send>>> = Mutex::new(Vec::new());

/// Lets go of a tree.
pub(super) fn free<B: Send + Sync + 'static>(root: Child<B>) {
    if root.len <= AT_ONCE_LEN_MAX || root.node.is_lent() {
        return;
    }
    let Some(inner) = root.node.as_inner() else { return };
    if inner.state().has(State::MOVED) && !inner.state().has(State::KEEPS_MUCH) {
        // What it has not handed over is, but for what was counted instead, the paths that a few
        // edits have replaced.
        return;
    }
    free_inner(root.node);
}

/// Lets go of an inner node.
pub(super) fn free_inner<B: Send + Sync + 'static>(node: Link<B>) {
    let mut stack = vec![node];
    let mut freed = 0;
    while let Some(link) = stack.pop() {
        // The count can grow only through somebody who has the node. If it falls meanwhile, the
        // last to let go frees all below in one go, which costs time and nothing else.
        let Some(inner) = link.as_inner().filter(|_| link.has_owners(1)) else { continue };
        if freed == AT_ONCE_INNER_MAX {
            stack.push(link);
            bury(stack);
            return;
        }
        freed += 1;
        let below = (0..inner.len()).filter(|slot| only_owned(inner, *slot).is_some());
        stack.extend(below.map(|slot| clone_child(inner, slot)));
    }
}

fn bury<B: Send + Sync + 'static>(nodes: Vec<Link<B>>) {
    BURIED.lock().unwrap_or_else(PoisonError::into_inner).push(Box::new(nodes));
}

/// Frees everything that was left to be freed.
pub(crate) fn free_buried() {
    loop {
        // One at a time, outside the lock: freeing takes milliseconds for a million elements.
        let buried = BURIED.lock().unwrap_or_else(PoisonError::into_inner).pop();
        if buried.is_none() {
            return;
        }
    }
}
