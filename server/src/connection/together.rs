//! Changes of one collection that follow each other in a pipeline, as one update of it.
//!
//! To others they happen at the same moment, behind which all replies are sent, as if the commands
//! had followed each other faster than anybody could look. What an update costs beside the change
//! itself (looking the key up, a new entry, the copies of the upper nodes) is paid once.
//!
//! What is done together is tried once. If a command fails, or another client changes the key
//! meanwhile, nothing has happened and each command runs by itself.

use std::any::Any;
use std::time::Instant;

use exuvia::{CollectionType, Error, Hash, List, Set, SortedSet};

use super::exchange::OUTPUT_BYTES_MAX;
use super::execute::{Resolved, resolve};
use super::task::Connection;
use crate::command::{Call, Flags, Group, Handler, Keys, LastFound, NowFn, Spec, Table};
use crate::resp::{Args, Command, Input};
use crate::server::Ran;

/// Commands at most, and arguments of all of them: nothing is reclaimed meanwhile, and what the
/// update replaces waits to be reclaimed as one. Commands with many elements save little by company.
const COMMANDS_MAX: usize = 32;
const ARGS_MAX: usize = 4 * COMMANDS_MAX;

/// What the commands have in common.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Common<'i> {
    group: Group,
    key: &'i [u8],
}

impl<'i> Common<'i> {
    /// What a command works on, if it does nothing but change a collection.
    fn of(spec: &Spec, args: Args<'i>) -> Option<Self> {
        spec.flags.has(Flags::TOGETHER).then(|| Self { group: spec.group, key: args.at(1) })
    }
}

/// A command that is run together with others.
#[derive(Clone, Copy)]
struct Change {
    command: Command,
    resolved: Resolved,
    run: NowFn,
}

/// Nothing has happened, and the commands are to be run by themselves.
struct Undone;

impl From<Error> for Undone {
    fn from(_: Error) -> Self {
        Self
    }
}

impl Connection {
    /// Runs the command number `next` together with those behind it that change the same
    /// collection. Returns how many that were; zero if they are to be run by themselves.
    pub(super) fn run_together(&mut self, next: usize, spec: &'static Spec) -> usize {
        let commands = &self.input.commands()[next..];
        let [first, second, ..] = commands else { return 0 };
        // Most commands are followed by one of another key.
        let Some(common) = Common::of(spec, self.input.args(*first)) else { return 0 };
        let other = self.input.args(*second);
        if next < self.apart_until || other.get(1) != Some(common.key) || self.server.watched.any()
        {
            return 0;
        }
        let changes = collect(self.table, &self.input, commands, common);
        if changes.len() < 2 {
            return 0;
        }
        let ran = match common.group {
            Group::Hash => self.change::<Hash>(&changes, Hash::is_empty),
            Group::List => self.change::<List>(&changes, List::is_empty),
            Group::Set => self.change::<Set>(&changes, Set::is_empty),
            Group::SortedSet => self.change::<SortedSet>(&changes, SortedSet::is_empty),
            _ => 0,
        };
        if ran < changes.len() {
            // They would end early again and again, and be collected for each time.
            self.apart_until = next + changes.len();
        }
        ran
    }

    /// Runs `changes` as one update; returns how many were run.
    fn change<C: CollectionType>(
        &mut self,
        changes: &[Change],
        is_empty: impl Fn(&C) -> bool,
    ) -> usize {
        let Self { input, out, session, database, server, .. } = self;
        let stats = &server.threads[session.entry.thread];
        let mark = out.mark();
        let key = input.args(changes[0].command).at(1);
        // The closure has the session's handle to work with; this is another of the same database.
        let target = database.clone();
        let mut tried = false;
        let done = target.update_collection(key, |collection: &mut C| {
            if std::mem::replace(&mut tried, true) {
                // Another client has changed the key.
                return Err(Undone);
            }
            for (before, change) in changes.iter().enumerate() {
                let spec = change.resolved.spec;
                let held: &mut dyn Any = collection;
                let keys = Keys::live(database, server, stats, spec).holding(held);
                let args = input.args(change.command);
                if (change.run)(&mut Call { spec, args, out, keys, session, server }).is_err() {
                    return Err(Undone);
                }
                // With its last element a key loses its expiry, before another element comes. Replies
                // that are as much as may wait are sent before there are more.
                if is_empty(collection) || out.pending_bytes() > OUTPUT_BYTES_MAX {
                    return Ok(before + 1);
                }
            }
            Ok(changes.len())
        });
        let Ok(ran) = done else {
            out.truncate(mark);
            return 0;
        };
        self.server.watched.touch(target.index(), key);
        self.account_together(&changes[..ran]);
        ran
    }

    /// Counts commands that ran together, each with its share of the time.
    fn account_together(&mut self, changes: &[Change]) {
        let now = Instant::now();
        let took = (now - self.lap) / changes.len().max(1) as u32;
        self.lap = now;
        let (entry, database) = (&self.session.entry, self.database.index());
        for Change { command, resolved: Resolved { id, spec }, .. } in changes {
            let args = self.input.args(*command);
            let ran = Ran { id: *id, spec, args, database, took };
            self.server.account(&ran, None, entry);
            self.last_command = id.index() as u32 + 1;
        }
    }
}

/// The commands that `commands` begin with and that have this in common.
fn collect(table: &Table, input: &Input, commands: &[Command], common: Common<'_>) -> Vec<Change> {
    let mut args_left = ARGS_MAX;
    let mut last = LastFound::default();
    let mut changes = Vec::new();
    for &command in commands.iter().take(COMMANDS_MAX) {
        let args = input.args(command);
        let Ok(resolved) = resolve(table, args, &mut last) else { break };
        let Handler::Now(run) = resolved.spec.handler_for(args.len()) else { break };
        if Common::of(resolved.spec, args) != Some(common) || args.len() > args_left {
            break;
        }
        args_left -= args.len();
        changes.push(Change { command, resolved, run });
    }
    changes
}
