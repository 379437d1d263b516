//! Going through the members: `ZSCAN`.

use exuvia::SortedSet;

use crate::command::elements_scan;
use crate::command::spec::{Group, Spec};

pub(in crate::command) const COMMANDS: &[Spec] = &[Spec::now(
    Group::SortedSet,
    "zscan",
    -3,
    elements_scan::now::<SortedSet>,
)
.long(0, elements_scan::later::<SortedSet>)
.reads()
.key()
.access(&[&["RO", "access"]])
.doc(
    "2.8.0",
    "O(1) for every call. O(N) for a complete iteration, including enough command calls for \
             the cursor to return back to 0. N is the number of elements inside the collection.",
    "Iterates over members and scores of a sorted set.",
)];
