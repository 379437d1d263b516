//! Events: what has happened to a key.

use super::Classes;
use crate::command::{Group, Spec};

/// Something that has happened to a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Event {
    pub(crate) class: Classes,
    pub(crate) name: &'static str,
}

const fn event(class: Classes, name: &'static str) -> Event {
    Event { class, name }
}

const fn generic(name: &'static str) -> Event {
    event(Classes::GENERIC, name)
}

impl Event {
    pub(crate) const DEL: Self = generic("del");
    pub(crate) const EXPIRE: Self = generic("expire");
    pub(crate) const PERSIST: Self = generic("persist");
    pub(crate) const RENAME_FROM: Self = generic("rename_from");
    pub(crate) const RENAME_TO: Self = generic("rename_to");
    pub(crate) const MOVE_FROM: Self = generic("move_from");
    pub(crate) const MOVE_TO: Self = generic("move_to");
    pub(crate) const COPY_TO: Self = generic("copy_to");

    pub(crate) const EXPIRED: Self = event(Classes::EXPIRED, "expired");
    pub(crate) const NEW: Self = event(Classes::NEW, "new");
    pub(crate) const KEY_MISS: Self = event(Classes::KEY_MISS, "keymiss");

    pub(crate) const LPUSH: Self = event(Classes::LIST, "lpush");
    pub(crate) const RPUSH: Self = event(Classes::LIST, "rpush");
    pub(crate) const LPOP: Self = event(Classes::LIST, "lpop");
    pub(crate) const RPOP: Self = event(Classes::LIST, "rpop");
    pub(crate) const LTRIM: Self = event(Classes::LIST, "ltrim");

    pub(crate) const SADD: Self = event(Classes::SET, "sadd");
    pub(crate) const SREM: Self = event(Classes::SET, "srem");

    pub(crate) const HSET: Self = event(Classes::HASH, "hset");
    pub(crate) const HDEL: Self = event(Classes::HASH, "hdel");
    pub(crate) const HEXPIRE: Self = event(Classes::HASH, "hexpire");
    pub(crate) const HPERSIST: Self = event(Classes::HASH, "hpersist");
    pub(crate) const HEXPIRED: Self = event(Classes::HASH, "hexpired");

    pub(crate) const ZINCR: Self = event(Classes::SORTED_SET, "zincr");
    pub(crate) const ZPOPMIN: Self = event(Classes::SORTED_SET, "zpopmin");
    pub(crate) const ZPOPMAX: Self = event(Classes::SORTED_SET, "zpopmax");

    pub(crate) const XADD: Self = event(Classes::STREAM, "xadd");
    pub(crate) const XTRIM: Self = event(Classes::STREAM, "xtrim");
    pub(crate) const XSETID: Self = event(Classes::STREAM, "xsetid");
    pub(crate) const XGROUP_SETID: Self = event(Classes::STREAM, "xgroup-setid");
    pub(crate) const XGROUP_CREATECONSUMER: Self = event(Classes::STREAM, "xgroup-createconsumer");
    pub(crate) const XGROUP_DELCONSUMER: Self = event(Classes::STREAM, "xgroup-delconsumer");

    /// The event of a write by this command, unless it names another.
    pub(crate) fn of(spec: &Spec) -> Option<Self> {
        let class = match spec.group {
            Group::Generic => Classes::GENERIC,
            Group::String | Group::Bitmap => Classes::STRING,
            Group::List => Classes::LIST,
            Group::Set => Classes::SET,
            Group::Hash => Classes::HASH,
            Group::SortedSet => Classes::SORTED_SET,
            Group::Stream => Classes::STREAM,
            Group::Connection | Group::PubSub | Group::Server | Group::Transactions => return None,
        };
        let name = match spec.name {
            "setnx" | "setex" | "psetex" | "getset" | "mset" | "msetnx" | "bitop" => "set",
            "incr" | "decr" | "decrby" => "incrby",
            "bitfield" => "setbit",
            "lpushx" => "lpush",
            "rpushx" => "rpush",
            "hmset" | "hsetnx" => "hset",
            "hgetdel" => "hdel",
            "xgroup|create" => "xgroup-create",
            "xgroup|destroy" => "xgroup-destroy",
            // What they change is not what others would act on.
            "xack" | "xclaim" | "xautoclaim" | "xreadgroup" => return None,
            name => name,
        };
        Some(event(class, name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::Table;

    #[test]
    fn an_event_is_named_after_its_command_or_by_the_exceptions() {
        let table = Table::shared();
        let event_of = |name: &str| Event::of(table.spec(table.find(name.as_bytes()).unwrap()));
        assert_eq!(event_of("set"), Some(event(Classes::STRING, "set")));
        assert_eq!(event_of("decr"), Some(event(Classes::STRING, "incrby")));
        assert_eq!(event_of("zunionstore"), Some(event(Classes::SORTED_SET, "zunionstore")));
        assert_eq!(event_of("restore"), Some(generic("restore")));
        assert_eq!(event_of("xack"), None);
        assert_eq!(event_of("debug"), None);
    }
}
