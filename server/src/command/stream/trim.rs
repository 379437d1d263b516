//! Keeping streams short.

use exuvia::{Stream, StreamId};

use super::id;
use crate::command::Failure;
use crate::command::call::{integer, is};
use crate::resp::Args;

/// Nodes that trimming about so far removes at most, unless it is told how many entries.
const NODES_MAX: u64 = 100;
/// Entries that it removes at most where the nodes have no limit.
const ENTRIES_MAX: u64 = 10_000;

/// What is kept.
#[derive(Clone, Copy, Debug)]
enum Kept {
    Newest(u64),
    From(StreamId),
}

/// How a stream is trimmed.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Trim {
    kept: Option<Kept>,
    about: bool,
    limit: Option<u64>,
}

impl Trim {
    /// Reads the option at `index`, if it is about trimming; returns the position behind it.
    pub(super) fn option(
        &mut self,
        args: Args<'_>,
        index: usize,
    ) -> Result<Option<usize>, Failure> {
        let word = args.at(index);
        let behind = args.len() - index - 1;
        if behind == 0 {
            return Ok(None);
        }
        if is(word, "limit") {
            let limit = u64::try_from(integer(args, index + 1)?);
            let negative = |_| Failure::new("ERR The LIMIT argument must be >= 0.");
            self.limit = Some(limit.map_err(negative)?);
            return Ok(Some(index + 2));
        }
        if !is(word, "maxlen") && !is(word, "minid") {
            return Ok(None);
        }
        if self.kept.is_some() {
            return Err(Failure::new(
                "ERR syntax error, MAXLEN and MINID options at the same time are not compatible",
            ));
        }
        let marked = behind >= 2 && matches!(args.at(index + 1), b"~" | b"=");
        self.about = marked && args.at(index + 1) == b"~";
        let threshold = index + 1 + usize::from(marked);
        self.kept = Some(if is(word, "minid") {
            Kept::From(id::parse(args.at(threshold))?)
        } else {
            let negative = |_| Failure::new("ERR The MAXLEN argument must be >= 0.");
            Kept::Newest(u64::try_from(integer(args, threshold)?).map_err(negative)?)
        });
        Ok(Some(threshold + 1))
    }

    /// Checks that the options go together.
    pub(super) fn check(&self) -> Result<(), Failure> {
        match self.limit {
            Some(limit) if limit > 0 && self.kept.is_none() => Err(Failure::new(
                "ERR syntax error, LIMIT cannot be used without specifying a trimming strategy",
            )),
            Some(_) if !self.about => Err(Failure::new(
                "ERR syntax error, LIMIT cannot be used without the special ~ option",
            )),
            _ => Ok(()),
        }
    }

    pub(super) fn is_none(&self) -> bool {
        self.kept.is_none()
    }

    /// Removes what is not kept; returns how many entries that were. Trimming about so far removes
    /// whole nodes of `node_entries` entries each.
    pub(super) fn apply(&self, stream: &mut Stream, node_entries: u64) -> u64 {
        let surplus = match self.kept {
            None => 0,
            Some(Kept::Newest(len)) => stream.len().saturating_sub(len),
            Some(Kept::From(id)) => stream.count_below(id),
        };
        let removed =
            if self.about { self.whole_nodes(stream, surplus, node_entries) } else { surplus };
        stream.trim_first(removed);
        removed
    }

    /// How many of the first `surplus` entries fill nodes of Redis.
    fn whole_nodes(&self, stream: &Stream, surplus: u64, node_entries: u64) -> u64 {
        let most = match self.limit {
            None if node_entries == 0 => ENTRIES_MAX,
            None => node_entries.saturating_mul(NODES_MAX).min(100 * ENTRIES_MAX),
            Some(0) => u64::MAX,
            Some(limit) => limit,
        };
        // Without a limit to their entries nodes are as long as with the usual one.
        let node = if node_entries == 0 { NODES_MAX } else { node_entries };
        // Nodes are filled from the first entry there ever was.
        let before = stream.entries_added().saturating_sub(stream.len()) % node;
        let whole = |count: u64| before.saturating_add(count) / node * node;
        let removed = whole(surplus.min(most)).saturating_sub(before);
        if surplus == stream.len() && surplus <= most { surplus } else { removed }
    }
}
