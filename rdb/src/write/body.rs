//! The value of a key: which event may follow, and what it becomes.

use std::io::Write;

use super::WriteOptions;
use super::list::ListNodes;
use super::output::Output;
use super::stream::StreamNodes;
use super::stream_groups::Groups;
use crate::error::shown;
use crate::opcode::kind;
use crate::{Event, Head, RdbError, Shape};

/// Where in a key the writer is.
///
/// | state | event | next |
/// |---|---|---|
/// | `Between` | `Begin` | by its shape |
/// | `Text` | `Text` | `Last` |
/// | `List`, `Set`, `SortedSet`, `Hash` | an element | the same |
/// | the same, with no element left | `End` | `Between` |
/// | `Entries` | `Entry` | `Entries` |
/// | `Entries`, with no entry left | `Counters` | `Groups` |
/// | `Groups` | those of a group | `Groups` |
/// | `Groups`, with nothing left; `Last` | `End` | `Between` |
/// | any | any other, or a failure | `Poisoned` |
#[derive(Debug)]
enum State {
    Between,
    Text,
    List(ListNodes),
    Set { left: u64 },
    SortedSet { left: u64 },
    Hash { left: u64, expiry_floor_unix_ms: Option<u64> },
    Entries(StreamNodes),
    Groups(Groups),
    Last,
    Poisoned,
}

/// Writes values.
#[derive(Debug)]
pub(super) struct Body {
    options: WriteOptions,
    state: State,
    /// The key, for messages.
    key: Vec<u8>,
    dropped_stream_counters: u64,
}

fn out_of_sequence<T>(what: &'static str) -> Result<T, RdbError> {
    Err(RdbError::OutOfSequence(what))
}

/// Takes one from what is left.
pub(super) fn count_down(left: &mut u64, what: &'static str) -> Result<(), RdbError> {
    *left = left.checked_sub(1).ok_or(RdbError::OutOfSequence(what))?;
    Ok(())
}

impl Body {
    pub(super) fn new(options: WriteOptions) -> Self {
        Self { options, state: State::Between, key: Vec::new(), dropped_stream_counters: 0 }
    }

    pub(super) fn is_between(&self) -> bool {
        matches!(self.state, State::Between)
    }

    pub(super) fn dropped_stream_counters(&self) -> u64 {
        self.dropped_stream_counters
    }

    pub(super) fn check_between(&self) -> Result<(), RdbError> {
        match self.state {
            State::Between => Ok(()),
            State::Poisoned => Err(RdbError::Poisoned),
            _ => out_of_sequence("the end in the middle of a key"),
        }
    }

    /// Begins a value, `with_key` behind its key.
    pub(super) fn begin<W: Write>(
        &mut self,
        output: &mut Output<W>,
        head: Head<'_>,
        with_key: bool,
    ) -> Result<(), RdbError> {
        self.check_between()?;
        self.state = State::Poisoned;
        self.key.clear();
        self.key.extend_from_slice(head.key);
        let type_byte = self.type_byte(head.shape)?;
        output.byte(type_byte)?;
        if with_key {
            output.string(head.key)?;
        }
        self.state = match head.shape {
            Shape::String => State::Text,
            Shape::List { items, bytes } => {
                let nodes = ListNodes::new(items, bytes);
                output.length(nodes.count())?;
                State::List(nodes)
            }
            Shape::Set { members } => {
                output.length(members)?;
                State::Set { left: members }
            }
            Shape::SortedSet { members } => {
                output.length(members)?;
                State::SortedSet { left: members }
            }
            Shape::Hash { fields, expiry_floor_unix_ms } => {
                if let Some(unix_ms) = expiry_floor_unix_ms {
                    output.time_ms(unix_ms)?;
                }
                output.length(fields)?;
                State::Hash { left: fields, expiry_floor_unix_ms }
            }
            Shape::Stream { entries, bytes } => {
                let nodes = StreamNodes::new(entries, bytes);
                output.length(nodes.count())?;
                State::Entries(nodes)
            }
        };
        Ok(())
    }

    /// The encoding of a value. Those of version 9 are kept as long as they hold it, since every
    /// reader knows them.
    fn type_byte(&self, shape: Shape) -> Result<u8, RdbError> {
        let version = self.options.version.number();
        Ok(match shape {
            Shape::String => kind::STRING,
            Shape::List { .. } => kind::LIST_QUICKLIST,
            Shape::Set { .. } => kind::SET,
            Shape::SortedSet { .. } => kind::ZSET_2,
            Shape::Hash { expiry_floor_unix_ms: None, .. } => kind::HASH,
            Shape::Hash { .. } if version >= 12 => kind::HASH_METADATA,
            Shape::Hash { .. } => return Err(self.needs(12, "the expiry of fields")),
            Shape::Stream { .. } => match version {
                ..=9 => kind::STREAM_LISTPACKS,
                10 => kind::STREAM_LISTPACKS_2,
                _ => kind::STREAM_LISTPACKS_3,
            },
        })
    }

    fn needs(&self, needed: u16, what: &'static str) -> RdbError {
        let chosen = self.options.version.number();
        RdbError::NeedsVersion { key: shown(&self.key), what, needed, chosen }
    }

    /// Writes the next part of a value.
    pub(super) fn event<W: Write>(
        &mut self,
        output: &mut Output<W>,
        event: Event<'_>,
    ) -> Result<(), RdbError> {
        let state = std::mem::replace(&mut self.state, State::Poisoned);
        self.state = match state {
            State::Poisoned => return Err(RdbError::Poisoned),
            State::Between => return out_of_sequence("part of a value outside of a key"),
            state => self.next(state, output, event)?,
        };
        Ok(())
    }

    fn next<W: Write>(
        &mut self,
        mut state: State,
        output: &mut Output<W>,
        event: Event<'_>,
    ) -> Result<State, RdbError> {
        match (&mut state, event) {
            (State::Text, Event::Text(text)) => {
                output.string(text)?;
                return Ok(State::Last);
            }
            (State::List(nodes), Event::Item(item)) => {
                nodes.push(output, item).map_err(|error| self.name_key(error))?;
            }
            (State::Set { left }, Event::Member(member)) => {
                count_down(left, "more members than the set has")?;
                output.string(member)?;
            }
            (State::SortedSet { left }, Event::Scored { member, score }) => {
                count_down(left, "more members than the sorted set has")?;
                if score.is_nan() {
                    return out_of_sequence("a score that is not a number");
                }
                output.string(member)?;
                output.put(&score.to_le_bytes())?;
            }
            (
                State::Hash { left, expiry_floor_unix_ms },
                Event::Field { field, value, expires_at_unix_ms },
            ) => {
                count_down(left, "more fields than the hash has")?;
                put_expiry(output, *expiry_floor_unix_ms, expires_at_unix_ms)?;
                output.string(field)?;
                output.string(value)?;
            }
            (State::Entries(nodes), Event::Entry { id, fields }) => {
                nodes.push(output, id, fields).map_err(|error| self.name_key(error))?;
            }
            (State::Entries(nodes), Event::Counters(counters)) => {
                let lost = nodes.finish(output, counters, self.options.version)?;
                self.drop_counters(lost, true)?;
                return Ok(State::Groups(Groups::new(self.options.version, counters.groups)));
            }
            (State::Groups(groups), event) if event != Event::End => {
                let lost = groups.event(output, event)?;
                self.drop_counters(lost, false)?;
            }
            (state, Event::End) => {
                state.check_end()?;
                return Ok(State::Between);
            }
            _ => return out_of_sequence("an event of another kind of value"),
        }
        Ok(state)
    }

    /// Puts the key into an error that came without it.
    fn name_key(&self, error: RdbError) -> RdbError {
        match error {
            RdbError::Unwritable { what, .. } => {
                RdbError::Unwritable { key: shown(&self.key), what }
            }
            error => error,
        }
    }

    /// Refuses counters that the version has no place for, unless they may go.
    fn drop_counters(&mut self, lost: bool, of_stream: bool) -> Result<(), RdbError> {
        if !lost {
            return Ok(());
        }
        if !self.options.drop_stream_counters {
            let what = if of_stream { "a stream's counters" } else { "a group's counter" };
            return Err(self.needs(10, what));
        }
        self.dropped_stream_counters += 1;
        Ok(())
    }
}

impl State {
    fn check_end(&self) -> Result<(), RdbError> {
        match self {
            Self::Last
            | Self::Set { left: 0 }
            | Self::SortedSet { left: 0 }
            | Self::Hash { left: 0, .. } => Ok(()),
            Self::List(nodes) => nodes.finish(),
            Self::Groups(groups) => groups.finish(),
            _ => out_of_sequence("the end of a value that is not whole"),
        }
    }
}

/// When a field expires, as it stands before it: zero for never, else one more than how long
/// after the floor.
fn put_expiry<W: Write>(
    output: &mut Output<W>,
    floor_unix_ms: Option<u64>,
    expires_at_unix_ms: Option<u64>,
) -> Result<(), RdbError> {
    let expiry = match (floor_unix_ms, expires_at_unix_ms) {
        (None, None) => return Ok(()),
        (Some(_), None) => 0,
        (Some(floor), Some(at)) if at >= floor => (at - floor).saturating_add(1),
        _ => return out_of_sequence("a field that expires before the floor"),
    };
    output.length(expiry)
}
