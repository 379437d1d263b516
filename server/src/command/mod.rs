//! Commands: one table that drives lookup, arity, key positions, flags, categories and
//! `COMMAND`, and one file for each family.
//!
//! A new command is a function in its family's file and a line in that file's `COMMANDS`.

#![expect(clippy::unnecessary_wraps, reason = "every command has the signature of the table")]

mod call;
mod failure;
mod keys;
mod spec;
mod step;
mod table;
mod tell;

mod acl;
mod admin;
mod bitfield;
mod bitop;
mod bits;
mod client;
mod clients;
mod cluster;
mod command_info;
mod config;
mod connection;
mod counter;
mod database;
mod debug;
mod dump;
mod elements;
mod elements_scan;
mod expire;
mod expiry;
mod function;
mod generic;
mod hash;
mod info;
mod latency;
mod lcs;
mod list;
mod load;
mod many;
mod memory;
mod object;
mod persistence;
mod picks;
mod pubsub;
mod range;
mod rename;
mod scan;
mod set;
mod sets;
mod slowlog;
mod snapshot;
mod sorted_set;
mod stream;
mod string;
mod transaction;

pub(crate) use call::{Call, LaterFn, LongCall, NowFn, Outcome};
pub(crate) use failure::{Failure, describe};
pub(crate) use keys::Keys;
pub(crate) use spec::{Flags, Group, Handler, Spec};
pub(crate) use table::{CommandId, LastFound, Table};

/// Every command by family.
static FAMILIES: [&[Spec]; 61] = [
    connection::COMMANDS,
    set::COMMANDS,
    string::COMMANDS,
    counter::COMMANDS,
    range::COMMANDS,
    lcs::COMMANDS,
    bits::COMMANDS,
    bitop::COMMANDS,
    bitfield::COMMANDS,
    generic::COMMANDS,
    hash::FIELD,
    hash::READ,
    hash::NUMBER,
    hash::RANDOM,
    hash::EXPIRE,
    hash::TTL,
    hash::EXTENDED,
    sets::MEMBER,
    sets::RANDOM,
    sets::COMBINE,
    list::PUSH,
    list::READ,
    list::POP,
    list::EDIT,
    expire::COMMANDS,
    rename::COMMANDS,
    dump::COMMANDS,
    scan::COMMANDS,
    database::COMMANDS,
    transaction::COMMANDS,
    pubsub::COMMANDS,
    client::COMMANDS,
    config::COMMANDS,
    command_info::COMMANDS,
    object::COMMANDS,
    memory::COMMANDS,
    info::COMMANDS,
    persistence::COMMANDS,
    load::COMMANDS,
    snapshot::COMMANDS,
    admin::COMMANDS,
    acl::COMMANDS,
    function::COMMANDS,
    cluster::COMMANDS,
    slowlog::COMMANDS,
    latency::COMMANDS,
    sorted_set::ADD,
    sorted_set::LOOKUP,
    sorted_set::RANGE,
    sorted_set::REMOVE,
    sorted_set::POP,
    sorted_set::SCAN,
    sorted_set::ALGEBRA,
    sorted_set::RANDOM,
    stream::ADD,
    stream::ENTRIES,
    stream::READ,
    stream::GROUP,
    stream::PENDING,
    stream::CLAIM,
    stream::INFO,
];
