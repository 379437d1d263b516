//! Scripts: random words read as operations, with cuts taken, read and dropped among them.

use std::collections::BTreeSet;
use std::fmt;

use exuvia::{Condition, Expiry, ExpiryChange, SetOptions, Snapshot};

use super::{Access, Bytes, Contents, Edit, Log, Op, Place, State, Subject};

/// Databases of a script's store.
pub const DATABASES: u16 = 3;

const START_UNIX_MS: u64 = 1_000;
const CUTS_MAX: u64 = 4;
const FILL_KEYS: u64 = 2_000;

/// One step of a script.
#[derive(Clone, Debug)]
pub enum Step {
    /// An operation, compared with the model's answer.
    Perform(Op),
    /// A round of maintenance, which changes nothing that can be seen.
    Maintain,
    /// A full scan of a database, which visits each of its keys.
    Scan(u16, usize),
    /// Takes a cut.
    Cut,
    /// Reads a key of the n-th open cut.
    GetAtCut(u64, Place),
    /// Compares everything that the n-th open cut shows.
    IterateCut(u64),
    /// Consumes the n-th open cut into walks and compares what they show.
    WalkCut(u64, u32),
    /// Consumes the n-th open cut into walks and drops each after some entries.
    AbandonWalks(u64, u32, usize),
    /// Drops the n-th open cut.
    DropCut(u64),
}

/// A script and the store it runs on. Displays as one step a line.
#[derive(Clone, Debug)]
pub struct Script {
    shards: u32,
    hash_seed: u64,
    steps: Vec<Step>,
}

/// Digits of a word in mixed radix: a smaller word makes a plainer step, so shrinking works.
struct Digits(u64);

impl Digits {
    fn below(&mut self, bound: u64) -> u64 {
        let digit = self.0 % bound;
        self.0 /= bound;
        digit
    }

    fn database(&mut self) -> u16 {
        self.below(u64::from(DATABASES)) as u16
    }

    /// A handful of keys, so that operations meet; among them the empty and a long one.
    fn place(&mut self) -> Place {
        let database = self.database();
        Place { database, key: self.key() }
    }

    fn key(&mut self) -> Bytes {
        match self.below(8) {
            0 => b"a".as_slice().into(),
            1 => b"b".as_slice().into(),
            2 => b"c".as_slice().into(),
            3 => Bytes::default(),
            4 => vec![b'k'; 300].into(),
            other => format!("fill:{:05}", other * 7).into(),
        }
    }

    /// Small, empty, medium and out of line.
    fn value(&mut self) -> Bytes {
        let bytes = [3, 40, 0, 700, 5_000][self.below(5) as usize];
        let fill = self.below(26) as u8;
        vec![b'a' + fill; bytes].into()
    }

    /// Soon, later, never, in the past, and the two ends of time.
    fn expiry(&mut self) -> Expiry {
        match self.below(8) {
            0 | 1 => Expiry::Never,
            2 => Expiry::At(START_UNIX_MS + self.below(100)),
            3 | 4 => Expiry::At(START_UNIX_MS + 100 + self.below(300)),
            5 => Expiry::At(START_UNIX_MS + 1_000_000),
            6 => Expiry::At(0),
            _ => Expiry::At(u64::MAX),
        }
    }

    fn expiry_change(&mut self) -> ExpiryChange {
        if self.below(2) == 0 { ExpiryChange::Keep } else { ExpiryChange::Set(self.expiry()) }
    }

    fn set_options(&mut self) -> SetOptions {
        let condition = match self.below(3) {
            0 => Condition::Always,
            1 => Condition::IfAbsent,
            _ => Condition::IfPresent,
        };
        SetOptions { condition, expiry: self.expiry_change(), return_old: self.below(2) == 1 }
    }

    fn edit(&mut self) -> Edit {
        match self.below(4) {
            0 => Edit::Keep,
            1 => Edit::Append(vec![b'+'].into(), self.expiry_change()),
            2 => Edit::Expire(self.expiry()),
            _ => Edit::Remove,
        }
    }

    fn access(&mut self) -> Access {
        let place = self.place();
        match self.below(3) {
            0 => Access::Get(place),
            1 => Access::Set(place, self.below(100).to_string().into(), self.expiry()),
            _ => Access::Remove(place),
        }
    }

    fn walks(&mut self) -> u32 {
        1 << self.below(4)
    }

    fn step(&mut self) -> Step {
        match self.below(32) {
            0..=4 => Step::Perform(Op::Set(self.place(), self.value(), self.expiry())),
            5 => Step::Perform(Op::SetWith(self.place(), self.value(), self.set_options())),
            6 | 7 => Step::Perform(Op::Remove(self.place())),
            8 => Step::Perform(Op::Take(self.place())),
            9 | 10 => Step::Perform(Op::Update(self.place(), self.edit())),
            11 => Step::Perform(Op::Get(self.place())),
            12 => Step::Perform(Op::Expiry(self.place())),
            13 => Step::Perform(self.get_many()),
            14 => Step::Perform(Op::Fill {
                database: self.database(),
                first: self.below(FILL_KEYS) as u32,
                count: self.below(700) as u32,
                tag: self.below(1_000),
            }),
            15 => Step::Perform(Op::Drain {
                database: self.database(),
                first: self.below(FILL_KEYS) as u32,
                count: self.below(900) as u32,
            }),
            16 => Step::Perform(self.whole_databases()),
            17 | 18 => {
                let fails = self.below(4) == 3;
                let accesses = (0..=self.below(4)).map(|_| self.access()).collect();
                Step::Perform(Op::Transaction(accesses, fails))
            }
            19 | 20 => Step::Perform(Op::Advance(self.below(80))),
            21 => Step::Maintain,
            22 => Step::Scan(self.database(), self.below(300) as usize),
            23 | 24 => Step::Cut,
            25 | 26 => Step::GetAtCut(self.below(CUTS_MAX), self.place()),
            27 => Step::IterateCut(self.below(CUTS_MAX)),
            28 | 29 => Step::WalkCut(self.below(CUTS_MAX), self.walks()),
            30 => Step::AbandonWalks(self.below(CUTS_MAX), self.walks(), self.below(800) as usize),
            _ => Step::DropCut(self.below(CUTS_MAX)),
        }
    }

    fn get_many(&mut self) -> Op {
        let atomic = self.below(2) == 1;
        let database = self.database();
        let count = self.below(20);
        let places = (0..count).map(|_| Place { database, key: self.key() }).collect();
        Op::GetMany(places, atomic)
    }

    fn whole_databases(&mut self) -> Op {
        match self.below(4) {
            0 | 1 => Op::Swap(self.database(), self.database()),
            2 => Op::Clear(self.database()),
            _ => Op::ClearAll,
        }
    }
}

impl fmt::Display for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} shards, hash seed {}", self.shards, self.hash_seed)?;
        for (index, step) in self.steps.iter().enumerate() {
            writeln!(f, "{index}: {step:?}")?;
        }
        Ok(())
    }
}

impl Script {
    /// Reads words as a script: one chooses the store, each further one a step.
    pub fn from_words(store: u64, words: &[u64]) -> Self {
        let mut digits = Digits(store);
        let shards = 1 << digits.below(4);
        let steps = words.iter().map(|&word| Digits(word).step()).collect();
        Self { shards, hash_seed: digits.0, steps }
    }

    /// Runs the script against a fresh store and the model.
    ///
    /// # Errors
    ///
    /// Tells the first step at which the two differ, and how.
    pub fn run(&self) -> Result<(), String> {
        let subject = Subject::new(DATABASES, self.shards, START_UNIX_MS, self.hash_seed);
        let mut run = Run { subject, log: Log::new(START_UNIX_MS), cuts: Vec::new() };
        for (index, step) in self.steps.iter().enumerate() {
            run.step(step).map_err(|why| format!("step {index}, {step:?}: {why}"))?;
        }
        run.finish().map_err(|why| format!("at the end: {why}"))
    }
}

/// A script under way: the open cuts and their positions in the log.
struct Run {
    subject: Subject,
    log: Log,
    cuts: Vec<(Snapshot, usize)>,
}

impl Run {
    fn step(&mut self, step: &Step) -> Result<(), String> {
        match step {
            Step::Perform(op) => {
                let answer = self.subject.apply(op);
                same(&answer, &self.log.push(op.clone()))
            }
            Step::Maintain => {
                self.subject.store().maintain();
                Ok(())
            }
            Step::Scan(database, count) => self.scan(*database, *count),
            Step::Cut => self.cut(),
            Step::GetAtCut(which, place) => {
                let Some(index) = self.find(*which) else { return Ok(()) };
                let (cut, position) = &self.cuts[index];
                let found = cut.get(place.database, &place.key).map(Bytes::from);
                let visible = self.log.state_at(*position).visible();
                same(&found, &visible.get(place).map(|item| item.value.clone()))
            }
            Step::IterateCut(which) => {
                let Some(index) = self.find(*which) else { return Ok(()) };
                let (cut, position) = &self.cuts[index];
                same_contents(&self.subject.contents(cut), &self.log.state_at(*position))
            }
            Step::WalkCut(which, walks) => {
                let Some(index) = self.find(*which) else { return Ok(()) };
                let (cut, position) = self.cuts.swap_remove(index);
                let contents = self.subject.drain(cut.into_walks(*walks));
                same_contents(&contents, &self.log.state_at(position))
            }
            Step::AbandonWalks(which, walks, after) => {
                let Some(index) = self.find(*which) else { return Ok(()) };
                let (cut, _) = self.cuts.swap_remove(index);
                for mut walk in cut.into_walks(*walks) {
                    walk.by_ref().take(*after).for_each(drop);
                }
                Ok(())
            }
            Step::DropCut(which) => {
                let Some(index) = self.find(*which) else { return Ok(()) };
                self.cuts.swap_remove(index);
                Ok(())
            }
        }
    }

    fn find(&self, which: u64) -> Option<usize> {
        (which as usize).checked_rem(self.cuts.len())
    }

    fn cut(&mut self) -> Result<(), String> {
        if self.cuts.len() as u64 == CUTS_MAX {
            return Ok(());
        }
        let cut = self.subject.store().snapshot().map_err(|error| error.to_string())?;
        let cut_unix_ms = cut.cut_unix_ms();
        self.cuts.push((cut, self.log.cut()));
        same(&cut_unix_ms, &self.log.head().now_unix_ms())
    }

    fn scan(&self, database: u16, count: usize) -> Result<(), String> {
        let mut scanned = BTreeSet::new();
        let mut cursor = 0;
        loop {
            cursor = self.subject.database(database).scan(cursor, count, |entry| {
                scanned.insert(Bytes::from(entry.key));
            });
            if cursor == 0 {
                break;
            }
        }
        let visible = self.log.head().visible().into_keys();
        let of_database = visible.filter(|place| place.database == database);
        same(&scanned, &of_database.map(|place| place.key).collect())
    }

    /// What must hold after any script: the contents, the lengths, and no history left.
    fn finish(self) -> Result<(), String> {
        let Self { subject, log, cuts } = self;
        drop(cuts);
        let cut = subject.store().snapshot().map_err(|error| error.to_string())?;
        same_contents(&subject.contents(&cut), log.head())?;
        drop(cut);
        for index in 0..DATABASES {
            let (least, most) = log.head().len_bounds(index);
            let len = subject.database(index).len();
            if !(least..=most).contains(&len) {
                return Err(format!("{len} keys in database {index}, not {least} to {most}"));
            }
        }
        subject.store().maintain();
        let stats = subject.store().stats();
        if (stats.snapshots_open, stats.superseded_entries, stats.superseded_bytes) != (0, 0, 0) {
            return Err(format!("history is left behind without a cut: {stats:?}"));
        }
        Ok(())
    }
}

fn same<T: PartialEq + fmt::Debug>(found: &T, expected: &T) -> Result<(), String> {
    if found == expected {
        return Ok(());
    }
    Err(format!("\n   found {found:?}\nexpected {expected:?}"))
}

/// Compares everything, and tells the first few places that differ.
fn same_contents(found: &Contents, expected: &State) -> Result<(), String> {
    let expected = expected.visible();
    let places: BTreeSet<_> = found.keys().chain(expected.keys()).collect();
    let different: Vec<_> = places
        .into_iter()
        .filter(|place| found.get(place) != expected.get(place))
        .map(|place| format!("{place:?}: {:?}, not {:?}", found.get(place), expected.get(place)))
        .collect();
    if different.is_empty() {
        return Ok(());
    }
    let first = &different[..different.len().min(5)];
    Err(format!("{} keys differ\n{}", different.len(), first.join("\n")))
}
