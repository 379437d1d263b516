//! Where the combinations of sorted sets take their members from.

use exuvia::{Collection, Item, Set, SortedSet};

use crate::command::step::Step;
use crate::command::{Failure, Keys};
use crate::resp::Args;

/// One of the sets that are combined. The members of a plain set have the score one.
#[derive(Clone, Debug)]
pub(super) enum Source {
    Sorted(SortedSet),
    Plain(Set),
}

impl Source {
    fn new(item: Option<&Item>) -> Result<Self, Failure> {
        match item {
            None => Ok(Self::Plain(Set::new())),
            Some(Item::Collection(Collection::SortedSet(set))) => Ok(Self::Sorted(set.clone())),
            Some(Item::Collection(Collection::Set(set))) => Ok(Self::Plain(set.clone())),
            Some(_) => Err(Failure::WRONG_TYPE),
        }
    }

    pub(super) fn len(&self) -> u64 {
        match self {
            Self::Sorted(set) => set.len(),
            Self::Plain(set) => set.len(),
        }
    }

    pub(super) fn score(&self, member: &[u8]) -> Option<f64> {
        match self {
            Self::Sorted(set) => set.score(member),
            Self::Plain(set) => set.contains(member).then_some(1.0),
        }
    }

    /// The members with their scores.
    pub(super) fn iter(&self) -> Box<dyn Iterator<Item = (&[u8], f64)> + Send + '_> {
        match self {
            Self::Sorted(set) => Box::new(set.iter()),
            Self::Plain(set) => Box::new(set.iter().map(|member| (member, 1.0))),
        }
    }
}

/// All that is combined, as of one instant.
#[derive(Debug)]
pub(super) struct Sources {
    items: Vec<Option<Item>>,
}

impl Sources {
    /// Reads the keys within a step.
    pub(super) fn read(
        step: &mut dyn Step,
        database: u16,
        keys: Args<'_>,
    ) -> Result<Self, Failure> {
        let item = |key| Ok(step.item(database, key)?.map(|(item, _)| item));
        Ok(Self { items: keys.iter().map(item).collect::<Result<_, Failure>>()? })
    }

    /// Reads the keys as one step, or as part of the one that runs.
    pub(super) fn read_from(keys: &mut Keys<'_>, names: Args<'_>) -> Result<Self, Failure> {
        let database = keys.database.index();
        let sources = keys.atomically(|step| Self::read(step, database, names))?;
        for (name, is_there) in names.iter().zip(sources.looked_for()) {
            keys.looked_up(name, is_there);
        }
        Ok(sources)
    }

    /// Tells within the step which of the keys are not there.
    pub(super) fn tell_misses(&self, step: &mut dyn Step, database: u16, keys: Args<'_>) {
        for (key, is_there) in keys.iter().zip(self.looked_for()) {
            step.looked_up(database, key, is_there);
        }
    }

    /// Whether each of the keys is there, up to the first that holds something else: Redis looks
    /// for none behind that.
    fn looked_for(&self) -> impl Iterator<Item = bool> + '_ {
        let right = |item: &&Option<Item>| Source::new(item.as_ref()).is_ok();
        self.items.iter().take_while(right).map(Option::is_some)
    }

    /// The sets.
    ///
    /// # Errors
    ///
    /// [`Failure::WRONG_TYPE`] if one of the keys holds something else.
    pub(super) fn sets(&self) -> Result<Vec<Source>, Failure> {
        self.items.iter().map(|item| Source::new(item.as_ref())).collect()
    }
}
