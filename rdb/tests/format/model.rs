//! What a file holds, in memory: to compare, to show, and to write again.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use exuvia_rdb::{
    Consumer, Dump, Event, FieldsBuf, Group, Head, Pending, RdbError, ReadOptions, Reader, Report,
    Shape, Sink, StreamCounters, StreamId, Version, WriteOptions, Writer,
};

pub(crate) type Bytes = Vec<u8>;

/// A score that can be compared.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Score(pub f64);

impl PartialEq for Score {
    fn eq(&self, other: &Self) -> bool {
        self.0.to_bits() == other.0.to_bits()
    }
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    String(Bytes),
    List(Vec<Bytes>),
    Set(BTreeSet<Bytes>),
    SortedSet(BTreeMap<Bytes, Score>),
    Hash(BTreeMap<Bytes, (Bytes, Option<u64>)>),
    Stream(Stream),
}

#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Stream {
    pub(crate) entries: BTreeMap<StreamId, Vec<(Bytes, Bytes)>>,
    pub(crate) last_id: StreamId,
    pub(crate) max_deleted_id: StreamId,
    pub(crate) entries_added: u64,
    pub(crate) groups: BTreeMap<Bytes, StreamGroup>,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct StreamGroup {
    pub(crate) last_delivered_id: StreamId,
    pub(crate) entries_read: Option<u64>,
    /// Time of delivery and number of deliveries.
    pub(crate) pending: BTreeMap<StreamId, (u64, u64)>,
    pub(crate) consumers: BTreeMap<Bytes, StreamConsumer>,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct StreamConsumer {
    pub(crate) seen_at: u64,
    pub(crate) active_at: Option<u64>,
    pub(crate) owned: BTreeSet<StreamId>,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Entry {
    pub(crate) expires_at: Option<u64>,
    pub(crate) value: Value,
}

/// What a file holds.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Model {
    pub(crate) keys: BTreeMap<(u32, Bytes), Entry>,
    database: u32,
    open: Option<(Bytes, Entry)>,
    group: Bytes,
    consumer: Bytes,
}

impl Model {
    pub(crate) fn of(keys: BTreeMap<(u32, Bytes), Entry>) -> Self {
        Self { keys, ..Self::default() }
    }

    pub(crate) fn read(file: &[u8]) -> Result<(Self, Report), RdbError> {
        let mut model = Self::default();
        let report = Reader::new(file, ReadOptions::default()).read(&mut model)?;
        model.forget_place();
        Ok((model, report))
    }

    pub(crate) fn insert(
        &mut self,
        database: u32,
        key: &str,
        expires_at: Option<u64>,
        value: Value,
    ) {
        let key = key.as_bytes().to_vec();
        self.keys.insert((database, key), Entry { expires_at, value });
    }

    /// Where the last reading was says nothing about what is held.
    pub(crate) fn forget_place(&mut self) {
        assert!(self.open.is_none(), "a key without an end");
        *self = Self { keys: std::mem::take(&mut self.keys), ..Self::default() };
    }

    fn value(&mut self) -> &mut Value {
        &mut self.open.as_mut().expect("an event inside of a key").1.value
    }

    fn stream(&mut self) -> &mut Stream {
        let Value::Stream(stream) = self.value() else { panic!("an event of a stream") };
        stream
    }

    fn group(&mut self) -> &mut StreamGroup {
        let name = self.group.clone();
        self.stream().groups.get_mut(&name).expect("a group")
    }

    pub(crate) fn write(&self, options: WriteOptions) -> Result<Bytes, RdbError> {
        let mut writer = Writer::begin(Vec::new(), options)?;
        let (name, value): (&[u8], &[u8]) = (b"ctime", b"1700000000");
        writer.event(Event::Aux { name, value })?;
        let mut database = 0;
        for ((number, key), entry) in &self.keys {
            if *number != database {
                database = *number;
                writer.event(Event::Database(database))?;
                writer.event(Event::SizeHint { keys: 1, expiring: 0 })?;
            }
            entry.events(key, &mut |event| writer.event(event))?;
        }
        writer.finish()
    }

    /// The events of one key.
    pub(crate) fn dump(&self, key: &(u32, Bytes), version: Version) -> Result<Bytes, RdbError> {
        let mut dump = Dump::begin(WriteOptions::new(version))?;
        self.keys[key].events(&key.1, &mut |event| dump.event(event))?;
        dump.finish()
    }
}

type Take<'t> = &'t mut dyn FnMut(Event<'_>) -> Result<(), RdbError>;

impl Entry {
    fn events(&self, key: &[u8], take: Take<'_>) -> Result<(), RdbError> {
        let shape = match &self.value {
            Value::String(_) => Shape::String,
            Value::List(items) => Shape::List {
                items: items.len() as u64,
                bytes: items.iter().map(|item| item.len() as u64).sum(),
            },
            Value::Set(members) => Shape::Set { members: members.len() as u64 },
            Value::SortedSet(members) => Shape::SortedSet { members: members.len() as u64 },
            Value::Hash(fields) => Shape::Hash {
                fields: fields.len() as u64,
                expiry_floor_unix_ms: fields.values().filter_map(|(_, expiry)| *expiry).min(),
            },
            Value::Stream(stream) => {
                Shape::Stream { entries: stream.entries.len() as u64, bytes: 0 }
            }
        };
        take(Event::Begin(Head { key, expires_at_unix_ms: self.expires_at, shape }))?;
        match &self.value {
            Value::String(text) => take(Event::Text(text))?,
            Value::List(items) => items.iter().try_for_each(|item| take(Event::Item(item)))?,
            Value::Set(members) => members.iter().try_for_each(|item| take(Event::Member(item)))?,
            Value::SortedSet(members) => members
                .iter()
                .try_for_each(|(member, score)| take(Event::Scored { member, score: score.0 }))?,
            Value::Hash(fields) => fields.iter().try_for_each(|(field, (value, expiry))| {
                take(Event::Field { field, value, expires_at_unix_ms: *expiry })
            })?,
            Value::Stream(stream) => stream.events(take)?,
        }
        take(Event::End)
    }
}

impl Stream {
    fn events(&self, take: Take<'_>) -> Result<(), RdbError> {
        let mut buffer = FieldsBuf::new();
        for (&id, fields) in &self.entries {
            buffer.clear();
            for (name, value) in fields {
                buffer.push(name, value);
            }
            take(Event::Entry { id, fields: buffer.as_fields() })?;
        }
        take(Event::Counters(StreamCounters {
            last_id: self.last_id,
            max_deleted_id: self.max_deleted_id,
            entries_added: self.entries_added,
            groups: self.groups.len() as u64,
        }))?;
        for (name, group) in &self.groups {
            take(Event::Group(Group {
                name,
                last_delivered_id: group.last_delivered_id,
                entries_read: group.entries_read,
                pending: group.pending.len() as u64,
            }))?;
            for (&id, &(delivered_at_unix_ms, deliveries)) in &group.pending {
                take(Event::Pending(Pending { id, delivered_at_unix_ms, deliveries }))?;
            }
            take(Event::Consumers(group.consumers.len() as u64))?;
            for (name, consumer) in &group.consumers {
                take(Event::Consumer(Consumer {
                    name,
                    seen_at_unix_ms: consumer.seen_at,
                    active_at_unix_ms: consumer.active_at,
                    pending: consumer.owned.len() as u64,
                }))?;
                consumer.owned.iter().try_for_each(|&id| take(Event::Owned(id)))?;
            }
        }
        Ok(())
    }
}

impl Sink for Model {
    type Error = RdbError;

    fn event(&mut self, event: Event<'_>) -> Result<(), RdbError> {
        match event {
            Event::Aux { .. } | Event::SizeHint { .. } | Event::Consumers(_) => {}
            Event::Database(number) => self.database = number,
            Event::Begin(head) => {
                assert!(self.open.is_none(), "a key inside of a key");
                let value = match head.shape {
                    Shape::String => Value::String(Vec::new()),
                    Shape::List { .. } => Value::List(Vec::new()),
                    Shape::Set { .. } => Value::Set(BTreeSet::new()),
                    Shape::SortedSet { .. } => Value::SortedSet(BTreeMap::new()),
                    Shape::Hash { .. } => Value::Hash(BTreeMap::new()),
                    Shape::Stream { .. } => Value::Stream(Stream::default()),
                    other => panic!("{other:?}"),
                };
                let entry = Entry { expires_at: head.expires_at_unix_ms, value };
                self.open = Some((head.key.to_vec(), entry));
            }
            Event::End => {
                let (key, entry) = self.open.take().expect("an end inside of a key");
                self.keys.insert((self.database, key), entry);
            }
            event => self.element(event),
        }
        Ok(())
    }
}

impl Model {
    fn element(&mut self, event: Event<'_>) {
        match (self.value(), event) {
            (Value::String(text), Event::Text(bytes)) => *text = bytes.to_vec(),
            (Value::List(items), Event::Item(item)) => items.push(item.to_vec()),
            (Value::Set(members), Event::Member(member)) => {
                members.insert(member.to_vec());
            }
            (Value::SortedSet(members), Event::Scored { member, score }) => {
                members.insert(member.to_vec(), Score(score));
            }
            (Value::Hash(fields), Event::Field { field, value, expires_at_unix_ms }) => {
                fields.insert(field.to_vec(), (value.to_vec(), expires_at_unix_ms));
            }
            (Value::Stream(_), event) => self.stream_element(event),
            (value, event) => panic!("{event:?} in {value:?}"),
        }
    }

    fn stream_element(&mut self, event: Event<'_>) {
        match event {
            Event::Entry { id, fields } => {
                let fields = fields.iter().map(|(name, value)| (name.to_vec(), value.to_vec()));
                let fields = fields.collect();
                self.stream().entries.insert(id, fields);
            }
            Event::Counters(counters) => {
                let stream = self.stream();
                stream.last_id = counters.last_id;
                stream.max_deleted_id = counters.max_deleted_id;
                stream.entries_added = counters.entries_added;
            }
            Event::Group(group) => {
                self.group = group.name.to_vec();
                let new = StreamGroup {
                    last_delivered_id: group.last_delivered_id,
                    entries_read: group.entries_read,
                    ..StreamGroup::default()
                };
                self.stream().groups.insert(group.name.to_vec(), new);
            }
            Event::Pending(entry) => {
                let times = (entry.delivered_at_unix_ms, entry.deliveries);
                self.group().pending.insert(entry.id, times);
            }
            Event::Consumer(consumer) => {
                self.consumer = consumer.name.to_vec();
                let new = StreamConsumer {
                    seen_at: consumer.seen_at_unix_ms,
                    active_at: consumer.active_at_unix_ms,
                    owned: BTreeSet::new(),
                };
                self.group().consumers.insert(consumer.name.to_vec(), new);
            }
            Event::Owned(id) => {
                let name = self.consumer.clone();
                self.group().consumers.get_mut(&name).unwrap().owned.insert(id);
            }
            other => panic!("{other:?} in a stream"),
        }
    }

    /// What is held, as text: the form of `contents.txt`.
    pub(crate) fn show(&self) -> String {
        let mut text = String::new();
        for ((database, key), entry) in &self.keys {
            let expiry = entry.expires_at.map_or("-".to_owned(), |at| at.to_string());
            let (kind, lines) = entry.value.show();
            writeln!(text, "{database} {} {kind} {expiry}", quoted(key)).unwrap();
            for line in lines {
                writeln!(text, "  {line}").unwrap();
            }
        }
        text
    }
}

fn quoted(bytes: &[u8]) -> String {
    format!("\"{}\"", bytes.escape_ascii())
}

impl Value {
    fn show(&self) -> (&'static str, Vec<String>) {
        match self {
            Self::String(text) => ("string", vec![quoted(text)]),
            Self::List(items) => ("list", items.iter().map(|item| quoted(item)).collect()),
            Self::Set(members) => ("set", members.iter().map(|member| quoted(member)).collect()),
            Self::SortedSet(members) => {
                let mut sorted: Vec<_> = members.iter().collect();
                sorted.sort_by(|(_, left), (_, right)| left.0.total_cmp(&right.0));
                let line =
                    |(member, score): (&Bytes, &Score)| format!("{} {}", quoted(member), score.0);
                ("zset", sorted.into_iter().map(line).collect())
            }
            Self::Hash(fields) => {
                let line = |(field, (value, expiry)): (&Bytes, &(Bytes, Option<u64>))| {
                    let expiry = expiry.map_or(String::new(), |at| format!(" @{at}"));
                    format!("{} {}{expiry}", quoted(field), quoted(value))
                };
                ("hash", fields.iter().map(line).collect())
            }
            Self::Stream(stream) => ("stream", stream.show()),
        }
    }
}

impl Stream {
    fn show(&self) -> Vec<String> {
        let mut lines = Vec::new();
        for (id, fields) in &self.entries {
            let fields: Vec<String> = fields
                .iter()
                .map(|(name, value)| format!(" {} {}", quoted(name), quoted(value)))
                .collect();
            lines.push(format!("entry {id}{}", fields.concat()));
        }
        for (name, group) in &self.groups {
            let read = group.entries_read.map_or("-".to_owned(), |read| read.to_string());
            let (last, consumers) = (group.last_delivered_id, group.consumers.len());
            lines.push(format!(
                "group {} last={last} read={read} consumers={consumers}",
                quoted(name)
            ));
            for (id, (_, deliveries)) in &group.pending {
                let owner = group.consumers.iter().find(|(_, one)| one.owned.contains(id));
                let owner = quoted(owner.expect("an owner").0);
                lines.push(format!("pending {id} {owner} {deliveries}"));
            }
        }
        lines
    }
}
