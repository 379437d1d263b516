//! Sorted sets: plain with scores as text or in binary, as a ziplist, as a listpack.

use std::io::Read;

use super::value::{Key, Values, parse_score, score_of};
use crate::encoding::{Listpack, Ziplist};
use crate::{Event, Fault, RdbError, Shape, Sink};

impl<R: Read> Values<R> {
    pub(super) fn zset_with_text<S: Sink>(
        &mut self,
        key: Key<'_>,
        sink: &mut S,
    ) -> Result<(), S::Error> {
        self.zset(key, sink, Self::text_score)
    }

    pub(super) fn zset_with_binary<S: Sink>(
        &mut self,
        key: Key<'_>,
        sink: &mut S,
    ) -> Result<(), S::Error> {
        self.zset(key, sink, Self::binary_score)
    }

    fn zset<S: Sink>(
        &mut self,
        key: Key<'_>,
        sink: &mut S,
        score: fn(&mut Self) -> Result<f64, RdbError>,
    ) -> Result<(), S::Error> {
        let members = self.input.length()?;
        key.begin(Shape::SortedSet { members }, sink)?;
        for _ in 0..members {
            self.input.string(&mut self.first)?;
            let score = score(self)?;
            sink.event(Event::Scored { member: &self.first, score })?;
        }
        sink.event(Event::End)
    }

    fn binary_score(&mut self) -> Result<f64, RdbError> {
        let score = f64::from_le_bytes(self.input.array()?);
        if score.is_nan() { Err(self.input.damaged(Fault::Score)) } else { Ok(score) }
    }

    /// One byte of length and the text, or one that stands for what is no number in text.
    fn text_score(&mut self) -> Result<f64, RdbError> {
        match self.input.byte()? {
            253 => Err(self.input.damaged(Fault::Score)),
            254 => Ok(f64::INFINITY),
            255 => Ok(f64::NEG_INFINITY),
            bytes => {
                self.second.clear();
                self.input.bytes(&mut self.second, u64::from(bytes))?;
                parse_score(&self.second).map_err(|fault| self.input.damaged(fault))
            }
        }
    }

    pub(super) fn ziplist_zset<S: Sink>(
        &mut self,
        key: Key<'_>,
        sink: &mut S,
    ) -> Result<(), S::Error> {
        self.input.string(&mut self.compact)?;
        let damaged = |fault| self.input.damaged(fault);
        let mut ziplist = Ziplist::new(&self.compact).map_err(damaged)?;
        key.begin(Shape::SortedSet { members: ziplist.count_hint() / 2 }, sink)?;
        while let Some(member) = ziplist.next().map_err(damaged)? {
            let score = ziplist.next().map_err(damaged)?;
            let score = score.ok_or(Fault::OddLength).map_err(damaged)?;
            let score = score_of(&score).map_err(damaged)?;
            sink.event(Event::Scored { member: member.as_bytes(), score })?;
        }
        sink.event(Event::End)
    }

    pub(super) fn listpack_zset<S: Sink>(
        &mut self,
        key: Key<'_>,
        sink: &mut S,
    ) -> Result<(), S::Error> {
        self.input.string(&mut self.compact)?;
        let damaged = |fault| self.input.damaged(fault);
        let mut listpack = Listpack::new(&self.compact).map_err(damaged)?;
        key.begin(Shape::SortedSet { members: listpack.count_hint() / 2 }, sink)?;
        while let Some(member) = listpack.next().map_err(damaged)? {
            let score = listpack.next().map_err(damaged)?;
            let score = score.ok_or(Fault::OddLength).map_err(damaged)?;
            let score = score_of(&score).map_err(damaged)?;
            sink.event(Event::Scored { member: member.as_bytes(), score })?;
        }
        sink.event(Event::End)
    }
}
