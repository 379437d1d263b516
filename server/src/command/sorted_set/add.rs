//! Adding members and changing their scores: `ZADD`, `ZINCRBY`.

use std::cmp::Ordering;

use exuvia::SortedSet;

use crate::command::call::is;
use crate::command::spec::{Group, Spec};
use crate::command::{Call, Failure, Outcome};
use crate::events::Event;
use crate::float::parse_f64;
use crate::resp::Args;

pub(in crate::command) const COMMANDS: &[Spec] = &[
    Spec::now(Group::SortedSet, "zadd", -4, zadd).writes().together().grows().fast().key().access(&[&["RW", "update"]]).doc(
        "1.2.0",
        "O(log(N)) for each item added, where N is the number of elements in the sorted set.",
        "Adds one or more members to a sorted set, or updates their scores. Creates the key if it \
         doesn't exist.",
    ),
    Spec::now(Group::SortedSet, "zincrby", 4, zincrby).writes().together().grows().fast().key().access(&[&["RW", "access", "update"]]).doc(
        "1.2.0",
        "O(log(N)) where N is the number of elements in the sorted set.",
        "Increments the score of a member in a sorted set.",
    ),
];

const NOT_A_SCORE: Failure = Failure::new("ERR resulting score is not a number (NaN)");

/// Which members are written, and what is answered.
#[derive(Clone, Copy, Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is an option that a client may give")]
struct Options {
    only_new: bool,
    only_existing: bool,
    only_greater: bool,
    only_less: bool,
    /// Changed members count in the reply, not only new ones.
    count_changed: bool,
    increment: bool,
}

impl Options {
    /// Reads the options in front of the scores; returns where those begin.
    fn parse(args: Args<'_>) -> (Self, usize) {
        let mut options = Self::default();
        for index in 2..args.len() {
            match args.at(index) {
                word if is(word, "nx") => options.only_new = true,
                word if is(word, "xx") => options.only_existing = true,
                word if is(word, "gt") => options.only_greater = true,
                word if is(word, "lt") => options.only_less = true,
                word if is(word, "ch") => options.count_changed = true,
                word if is(word, "incr") => options.increment = true,
                _ => return (options, index),
            }
        }
        (options, args.len())
    }

    /// Whether each member gets the score that is given, whatever it had.
    fn set_all(self) -> bool {
        let Self { only_new, only_existing, only_greater, only_less, increment, .. } = self;
        !(only_new || only_existing || only_greater || only_less || increment)
    }

    fn check(self, members: usize) -> Result<(), Failure> {
        let Self { only_new, only_existing, only_greater, only_less, .. } = self;
        if only_new && only_existing {
            return Err(Failure::new("ERR XX and NX options at the same time are not compatible"));
        }
        if only_new && (only_greater || only_less) || only_greater && only_less {
            return Err(Failure::new(
                "ERR GT, LT, and/or NX options at the same time are not compatible",
            ));
        }
        if self.increment && members > 1 {
            return Err(Failure::new("ERR INCR option supports a single increment-element pair"));
        }
        Ok(())
    }
}

/// What became of the members.
#[derive(Clone, Copy, Debug, Default)]
struct Added {
    new: u64,
    changed: u64,
    /// The last score written or found to be right; none if the options forbade it.
    score: Option<f64>,
}

impl Added {
    /// Adds a member as far as the options let it be.
    fn add(
        &mut self,
        set: &mut SortedSet,
        member: &[u8],
        score: f64,
        options: Options,
    ) -> Result<(), Failure> {
        if options.set_all() {
            // One search does, where others need the score before they know.
            match set.insert(member, score) {
                None => self.new += 1,
                Some(old) => self.changed += u64::from(differ(score, old)),
            }
            self.score = Some(score);
            return Ok(());
        }
        let Some(old) = set.score(member) else {
            if !options.only_existing {
                set.insert(member, score);
                self.new += 1;
                self.score = Some(score);
            }
            return Ok(());
        };
        if options.only_new {
            return Ok(());
        }
        let score = if options.increment { old + score } else { score };
        if score.is_nan() {
            return Err(NOT_A_SCORE);
        }
        if options.only_less && score >= old || options.only_greater && score <= old {
            return Ok(());
        }
        if differ(score, old) {
            set.insert(member, score);
            self.changed += 1;
        }
        self.score = Some(score);
        Ok(())
    }
}

fn differ(left: f64, right: f64) -> bool {
    left.partial_cmp(&right).is_some_and(Ordering::is_ne)
}

fn zadd(call: &mut Call<'_>) -> Outcome {
    add(call, false)
}

fn zincrby(call: &mut Call<'_>) -> Outcome {
    add(call, true)
}

fn add(call: &mut Call<'_>, increment: bool) -> Outcome {
    let Call { args, out, keys, .. } = call;
    let (mut options, first) = Options::parse(*args);
    options.increment |= increment;
    let pairs = args.from(first);
    if pairs.is_empty() || pairs.len() % 2 == 1 {
        return Err(Failure::SYNTAX);
    }
    options.check(pairs.len() / 2)?;
    let score = |index| parse_f64(pairs.at(index)).ok_or(Failure::NOT_A_FLOAT);
    let scores: Vec<f64> =
        (0..pairs.len()).step_by(2).map(score).collect::<Result<_, Failure>>()?;
    let add = |set: &mut SortedSet| {
        let mut added = Added::default();
        for (index, score) in scores.iter().enumerate() {
            added.add(set, pairs.at(index * 2 + 1), *score, options)?;
        }
        Ok(added)
    };
    let added = if options.increment {
        let event = |_: &Added, changed: bool| [changed.then_some(Event::ZINCR), None];
        keys.update_collection_telling(args.at(1), add, event)?
    } else {
        keys.update_collection(args.at(1), add)?
    };
    match (options.increment, added.score) {
        (true, Some(score)) => out.double(score),
        (true, None) => out.null(),
        (false, _) if options.count_changed => out.count(added.new + added.changed),
        (false, _) => out.count(added.new),
    }
    Ok(())
}
