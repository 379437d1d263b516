//! Lists: plain, as one ziplist, as a list of ziplists, of listpacks and plain items.

use std::io::Read;

use super::value::{Key, Values};
use crate::encoding::{Listpack, Ziplist};
use crate::{Event, Fault, Shape, Sink};

/// A node is one item.
const PLAIN: u64 = 1;
/// A node is a listpack.
const PACKED: u64 = 2;

impl<R: Read> Values<R> {
    pub(super) fn plain_list<S: Sink>(
        &mut self,
        key: Key<'_>,
        sink: &mut S,
    ) -> Result<(), S::Error> {
        let items = self.input.length()?;
        key.begin(Shape::List { items, bytes: 0 }, sink)?;
        for _ in 0..items {
            self.input.string(&mut self.first)?;
            sink.event(Event::Item(&self.first))?;
        }
        sink.event(Event::End)
    }

    pub(super) fn ziplist_list<S: Sink>(
        &mut self,
        key: Key<'_>,
        sink: &mut S,
    ) -> Result<(), S::Error> {
        key.begin(Shape::List { items: 0, bytes: 0 }, sink)?;
        self.ziplist_node(sink)?;
        sink.event(Event::End)
    }

    pub(super) fn quicklist<S: Sink>(
        &mut self,
        key: Key<'_>,
        sink: &mut S,
    ) -> Result<(), S::Error> {
        let nodes = self.input.length()?;
        key.begin(Shape::List { items: 0, bytes: 0 }, sink)?;
        for _ in 0..nodes {
            self.ziplist_node(sink)?;
        }
        sink.event(Event::End)
    }

    pub(super) fn quicklist_2<S: Sink>(
        &mut self,
        key: Key<'_>,
        sink: &mut S,
    ) -> Result<(), S::Error> {
        let nodes = self.input.length()?;
        key.begin(Shape::List { items: 0, bytes: 0 }, sink)?;
        for _ in 0..nodes {
            match self.input.length()? {
                PLAIN => {
                    self.input.string(&mut self.first)?;
                    sink.event(Event::Item(&self.first))?;
                }
                PACKED => self.listpack_node(sink)?,
                _ => return Err(self.input.damaged(Fault::Quicklist).into()),
            }
        }
        sink.event(Event::End)
    }

    fn ziplist_node<S: Sink>(&mut self, sink: &mut S) -> Result<(), S::Error> {
        self.input.string(&mut self.compact)?;
        let damaged = |fault| self.input.damaged(fault);
        let mut ziplist = Ziplist::new(&self.compact).map_err(damaged)?;
        while let Some(item) = ziplist.next().map_err(damaged)? {
            sink.event(Event::Item(item.as_bytes()))?;
        }
        Ok(())
    }

    fn listpack_node<S: Sink>(&mut self, sink: &mut S) -> Result<(), S::Error> {
        self.input.string(&mut self.compact)?;
        let damaged = |fault| self.input.damaged(fault);
        let mut listpack = Listpack::new(&self.compact).map_err(damaged)?;
        while let Some(item) = listpack.next().map_err(damaged)? {
            sink.event(Event::Item(item.as_bytes()))?;
        }
        Ok(())
    }
}
