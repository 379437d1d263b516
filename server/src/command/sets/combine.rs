//! Intersections, unions and differences.
//!
//! The sets are taken as of one instant, which costs nothing however large they are. What they
//! make together is worked out in turns with other clients, and stored only if the sets are still
//! those.

use std::future::Future;
use std::pin::Pin;

use exuvia::{Item, Set};

use crate::command::call::{integer, is, non_negative};
use crate::command::elements::{self, members};
use crate::command::keys::collection_at;
use crate::command::spec::{Group, Spec};
use crate::command::step::Step;
use crate::command::{Call, Failure, Keys, LongCall, Outcome};
use crate::gate::Reasons;
use crate::resp::{Args, Output};

pub(super) const COMMANDS: &[Spec] = &[
    shown("sinter", "Returns the members that all sets have."),
    stored("sinterstore", "Stores the members that all sets have.", "RW"),
    Spec::now(Group::Set, "sintercard", -3, now)
        .long(0, later)
        .reads()
        .numbered_keys(1)
        .access(&[&["RO", "access"]])
        .doc("7.0.0", COMPLEXITY, "Counts the members that all sets have."),
    shown("sunion", "Returns the members that any of the sets has."),
    stored("sunionstore", "Stores the members that any of the sets has.", "OW"),
    shown("sdiff", "Returns the members of the first set that no other has."),
    stored("sdiffstore", "Stores the members of the first set that no other has.", "OW"),
];

const COMPLEXITY: &str = "O(N) where N is the number of members looked at";

const fn shown(name: &'static str, summary: &'static str) -> Spec {
    Spec::now(Group::Set, name, -2, now)
        .long(0, later)
        .reads()
        .keys(1, -1, 1)
        .access(&[&["RO", "access"]])
        .doc("1.0.0", COMPLEXITY, summary)
}

const fn stored(name: &'static str, summary: &'static str, target: &'static str) -> Spec {
    let spec = Spec::now(Group::Set, name, -3, now).long(0, later).writes().grows();
    let spec = spec.keys(1, -1, 1).doc("1.0.0", COMPLEXITY, summary);
    match target.as_bytes() {
        b"OW" => spec.access(&[&["OW", "update"], &["RO", "access"]]),
        _ => spec.access(&[&["RW", "update"], &["RO", "access"]]),
    }
}

/// Members looked at before other clients get a turn.
const TURN_MEMBERS: usize = 1024;
/// How often a result that is outdated when it could be stored is worked out anew in turns;
/// after that nobody else gets in between.
const ATTEMPTS: usize = 3;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operation {
    Intersection,
    Union,
    Difference,
}

/// What becomes of the result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Purpose<'a> {
    Show,
    Store(&'a [u8]),
    /// Its members are counted, up to a limit.
    Count(u64),
}

/// A command as it was given.
#[derive(Clone, Copy, Debug)]
struct Plan<'a> {
    operation: Operation,
    purpose: Purpose<'a>,
    args: Args<'a>,
    /// Where the keys are.
    first: usize,
    keys: usize,
}

impl<'a> Plan<'a> {
    fn parse(args: Args<'a>) -> Result<Self, Failure> {
        let name = args.at(0);
        let operation = match name.get(1).map(u8::to_ascii_lowercase) {
            Some(b'i') => Operation::Intersection,
            Some(b'u') => Operation::Union,
            _ => Operation::Difference,
        };
        if is(name, "sintercard") {
            return Self::count(args);
        }
        let store = name.len() >= 5 && is(&name[name.len() - 5..], "store");
        let purpose = if store { Purpose::Store(args.at(1)) } else { Purpose::Show };
        let first = if store { 2 } else { 1 };
        Ok(Self { operation, purpose, args, first, keys: args.len() - first })
    }

    fn count(args: Args<'a>) -> Result<Self, Failure> {
        let keys = integer(args, 1).ok().filter(|keys| *keys > 0);
        let keys = keys.ok_or(Failure::new("ERR numkeys should be greater than 0"))?;
        let keys = usize::try_from(keys).ok().filter(|keys| *keys <= args.len() - 2);
        let keys =
            keys.ok_or(Failure::new("ERR Number of keys can't be greater than number of args"))?;
        let mut limit = 0;
        let mut next = 2 + keys;
        while let Some(word) = args.get(next) {
            if !is(word, "limit") || args.get(next + 1).is_none() {
                return Err(Failure::SYNTAX);
            }
            limit = non_negative(args, next + 1)
                .map_err(|_| Failure::new("ERR LIMIT can't be negative"))?;
            next += 2;
        }
        let limit = if limit == 0 { u64::MAX } else { limit as u64 };
        let (operation, purpose) = (Operation::Intersection, Purpose::Count(limit));
        Ok(Self { operation, purpose, args, first: 2, keys })
    }

    fn keys(&self) -> impl Iterator<Item = &'a [u8]> {
        let args = self.args;
        (self.first..self.first + self.keys).map(move |index| args.at(index))
    }

    /// The sets as they are at one instant; an absent one is empty.
    fn load(&self, step: &mut dyn Step, database: u16) -> Result<Vec<Set>, Failure> {
        let set = |key| {
            let found = collection_at::<Set>(step, database, key)?;
            step.looked_up(database, key, found.is_some());
            Ok(found.unwrap_or_default().0)
        };
        self.keys().map(set).collect()
    }

    /// Whether the sets are what they were when they were loaded.
    fn is_current(
        &self,
        step: &mut dyn Step,
        database: u16,
        loaded: &[Set],
    ) -> Result<bool, Failure> {
        let mut now = Vec::with_capacity(loaded.len());
        for key in self.keys() {
            now.push(collection_at::<Set>(step, database, key)?.unwrap_or_default().0);
        }
        Ok(is_same(&now, loaded))
    }

    fn work(&self, sets: Vec<Set>, out: &Output) -> Work {
        let limit = match self.purpose {
            Purpose::Count(limit) => limit,
            Purpose::Show | Purpose::Store(_) => u64::MAX,
        };
        Work::new(self.operation, sets, limit, Found::new(self.purpose, out))
    }
}

/// The members of the result.
enum Found {
    /// Written as replies, since their number is sent first.
    Shown(Output, u64),
    Stored(Set),
    Counted(u64),
}

impl Found {
    fn new(purpose: Purpose<'_>, out: &Output) -> Self {
        match purpose {
            Purpose::Show => {
                let mut members = Output::new();
                members.set_protocol(out.protocol());
                Self::Shown(members, 0)
            }
            Purpose::Store(_) => Self::Stored(Set::new()),
            Purpose::Count(_) => Self::Counted(0),
        }
    }

    fn add(&mut self, member: &[u8]) {
        match self {
            Self::Shown(members, count) => {
                members.bulk(member);
                *count += 1;
            }
            Self::Stored(set) => {
                set.insert(member);
            }
            Self::Counted(count) => *count += 1,
        }
    }

    fn count(&self) -> u64 {
        match self {
            Self::Shown(_, count) | Self::Counted(count) => *count,
            Self::Stored(set) => set.len(),
        }
    }
}

/// An operation on its way.
struct Work {
    method: Method,
    /// All sets but the one that is gone through or started from.
    others: Vec<Set>,
    limit: u64,
    found: Found,
}

/// How a result is worked out.
enum Method {
    /// Goes through one set and takes those members that all other sets have, or none.
    Filter { set: Set, next: u64, in_others: bool },
    /// Begins with one set, and inserts or removes the members of the others.
    Change { set: Set, other: usize, next: u64, insert: bool },
}

impl Work {
    fn new(operation: Operation, mut sets: Vec<Set>, limit: u64, found: Found) -> Self {
        let method = match operation {
            Operation::Intersection => {
                let smallest = (0..sets.len()).min_by_key(|index| sets[*index].len());
                let set = sets.swap_remove(smallest.unwrap_or(0));
                // The others from the smallest on: it is the likeliest to lack a member.
                sets.sort_by_key(Set::len);
                Method::Filter { set, next: 0, in_others: true }
            }
            Operation::Union => {
                let largest = (0..sets.len()).max_by_key(|index| sets[*index].len());
                let set = sets.swap_remove(largest.unwrap_or(0));
                Method::Change { set, other: 0, next: 0, insert: true }
            }
            Operation::Difference => {
                let set = sets.remove(0);
                let in_others: u64 = sets.iter().map(Set::len).sum();
                if in_others < set.len() {
                    Method::Change { set, other: 0, next: 0, insert: false }
                } else {
                    // The others from the largest on: it is the likeliest to have a member.
                    sets.sort_by_key(|set| std::cmp::Reverse(set.len()));
                    Method::Filter { set, next: 0, in_others: false }
                }
            }
        };
        Self { method, others: sets, limit, found }
    }

    /// Looks at some members; returns whether these were the last.
    fn advance(&mut self) -> bool {
        let Self { method, others, limit, found } = self;
        match method {
            Method::Filter { set, next, in_others } => {
                let end = set.len().min(*next + TURN_MEMBERS as u64);
                for member in set.range(*next..end) {
                    let wanted = if *in_others {
                        others.iter().all(|other| other.contains(member))
                    } else {
                        !others.iter().any(|other| other.contains(member))
                    };
                    if wanted {
                        found.add(member);
                        if found.count() >= *limit {
                            return true;
                        }
                    }
                }
                *next = end;
                end == set.len()
            }
            Method::Change { set, other, next, insert } => {
                let Some(from) = others.get(*other) else { return true };
                let end = from.len().min(*next + TURN_MEMBERS as u64);
                for member in from.range(*next..end) {
                    if *insert {
                        set.insert(member);
                    } else {
                        set.remove(member);
                    }
                }
                *next = end;
                if end == from.len() {
                    (*other, *next) = (*other + 1, 0);
                }
                *other == others.len()
            }
        }
    }

    /// The result as a set.
    fn into_set(self) -> Set {
        match (self.method, self.found) {
            (Method::Change { set, .. }, _) | (Method::Filter { .. }, Found::Stored(set)) => set,
            (Method::Filter { .. }, Found::Shown(..) | Found::Counted(_)) => Set::new(),
        }
    }

    /// Writes the result that is not to be stored.
    fn reply(self, out: &mut Output) {
        match (self.method, self.found) {
            (Method::Filter { .. }, Found::Shown(members, count)) => {
                out.set(count as usize);
                out.append(members);
            }
            (Method::Filter { .. }, found) => out.count(found.count()),
            (Method::Change { set, .. }, _) => {
                out.set(set.len() as usize);
                elements::list(out, &set, 0..set.len(), members);
            }
        }
    }
}

/// Whether none of the sets was written between the one time and the other.
fn is_same(left: &[Set], right: &[Set]) -> bool {
    let unchanged = |(left, right): (&Set, &Set)| {
        Item::from(left.clone()).is_unchanged(&Item::from(right.clone()))
    };
    left.iter().zip(right).all(unchanged)
}

/// Stores a result; an empty one removes the key.
fn store(step: &mut dyn Step, database: u16, key: &[u8], set: Set) -> Result<u64, Failure> {
    let len = set.len();
    step.put_result(database, key, set)?;
    Ok(len)
}

/// The whole of it at once, as part of an atomic step.
fn now(call: &mut Call<'_>) -> Outcome {
    let plan = Plan::parse(call.args)?;
    let database = call.keys.database.index();
    let Purpose::Store(target) = plan.purpose else {
        let sets = call.keys.atomically(|step| plan.load(step, database))?;
        let mut work = plan.work(sets, call.out);
        while !work.advance() {}
        work.reply(call.out);
        return Ok(());
    };
    let stored = call.keys.atomically(|step| {
        let mut work = plan.work(plan.load(step, database)?, call.out);
        while !work.advance() {}
        store(step, database, target, work.into_set())
    })?;
    call.out.count(stored);
    Ok(())
}

/// In turns with other clients.
fn later<'a>(call: LongCall<'a>) -> Pin<Box<dyn Future<Output = Outcome> + Send + 'a>> {
    Box::pin(async move {
        let LongCall { spec, args, out, database, server, stats, session } = call;
        let plan = Plan::parse(args)?;
        let index = database.index();
        for _ in 0..ATTEMPTS {
            let sets = Keys::live(database, server, stats, spec)
                .atomically(|step| plan.load(step, index))?;
            let mut work = plan.work(sets.clone(), out);
            while !work.advance() {
                tokio::task::yield_now().await;
            }
            let Purpose::Store(target) = plan.purpose else {
                work.reply(out);
                return Ok(());
            };
            // Writes may have been held meanwhile, as for the cut of a shutdown.
            server.gate.wait_while(|reasons| reasons.any(Reasons::HOLD_WRITES)).await;
            let result = work.into_set();
            let stored = Keys::live(database, server, stats, spec).atomically(|step| {
                if !plan.is_current(step, index, &sets)? {
                    return Ok(None);
                }
                store(step, index, target, result.clone()).map(Some)
            })?;
            if let Some(stored) = stored {
                out.count(stored);
                return Ok(());
            }
        }
        let keys = Keys::live(database, server, stats, spec);
        now(&mut Call { spec, args, out, keys, session, server })
    })
}
