//! Sets: plain, as an intset, as a listpack, with Dragonfly's expiries.

use std::io::Read;

use super::value::{Key, Values};
use crate::decimal::parse_integer;
use crate::encoding::{Intset, Listpack};
use crate::{Event, Fault, Shape, Sink};

impl<R: Read> Values<R> {
    pub(super) fn plain_set<S: Sink>(
        &mut self,
        key: Key<'_>,
        sink: &mut S,
    ) -> Result<(), S::Error> {
        let members = self.input.length()?;
        key.begin(Shape::Set { members }, sink)?;
        for _ in 0..members {
            self.input.string(&mut self.first)?;
            sink.event(Event::Member(&self.first))?;
        }
        sink.event(Event::End)
    }

    pub(super) fn intset<S: Sink>(&mut self, key: Key<'_>, sink: &mut S) -> Result<(), S::Error> {
        self.input.string(&mut self.compact)?;
        let damaged = |fault| self.input.damaged(fault);
        let mut intset = Intset::new(&self.compact).map_err(damaged)?;
        key.begin(Shape::Set { members: intset.len() as u64 }, sink)?;
        while let Some(member) = intset.next().map_err(damaged)? {
            sink.event(Event::Member(member.as_bytes()))?;
        }
        sink.event(Event::End)
    }

    pub(super) fn listpack_set<S: Sink>(
        &mut self,
        key: Key<'_>,
        sink: &mut S,
    ) -> Result<(), S::Error> {
        self.input.string(&mut self.compact)?;
        let damaged = |fault| self.input.damaged(fault);
        let mut listpack = Listpack::new(&self.compact).map_err(damaged)?;
        key.begin(Shape::Set { members: listpack.count_hint() }, sink)?;
        while let Some(member) = listpack.next().map_err(damaged)? {
            sink.event(Event::Member(member.as_bytes()))?;
        }
        sink.event(Event::End)
    }

    /// Pairs of a member and its expiry, `-1` if it has none. A member that expires is refused:
    /// there is no event for it, and without its expiry it would live for ever.
    pub(super) fn dragonfly_set<S: Sink>(
        &mut self,
        key: Key<'_>,
        sink: &mut S,
    ) -> Result<(), S::Error> {
        let members = self.input.length()?;
        key.begin(Shape::Set { members }, sink)?;
        for _ in 0..members {
            self.input.string(&mut self.first)?;
            self.input.string(&mut self.second)?;
            match parse_integer(&self.second) {
                Some(-1) => sink.event(Event::Member(&self.first))?,
                Some(_) => return Err(self.refused("a member of a set that expires", key).into()),
                None => return Err(self.input.damaged(Fault::Number).into()),
            }
        }
        sink.event(Event::End)
    }
}
