//! What is known of a command besides its code.

use std::ops::Range;

use super::call::is;
use super::{LaterFn, NowFn};
use crate::number::parse_i64;
use crate::resp::Args;

/// Properties of a command, one bit each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Flags(u32);

impl Flags {
    pub(crate) const NONE: Self = Self(0);
    /// May change data.
    pub(crate) const WRITE: Self = Self(1);
    /// Reads data.
    pub(crate) const READONLY: Self = Self(1 << 1);
    /// Is refused when memory is short.
    pub(crate) const DENYOOM: Self = Self(1 << 2);
    pub(crate) const ADMIN: Self = Self(1 << 3);
    pub(crate) const PUBSUB: Self = Self(1 << 4);
    pub(crate) const NOSCRIPT: Self = Self(1 << 5);
    /// Is served while data is loaded.
    pub(crate) const LOADING: Self = Self(1 << 6);
    pub(crate) const STALE: Self = Self(1 << 7);
    /// Takes constant or logarithmic time.
    pub(crate) const FAST: Self = Self(1 << 8);
    /// Is served before authentication.
    pub(crate) const NO_AUTH: Self = Self(1 << 9);
    /// Is refused between `MULTI` and `EXEC`.
    pub(crate) const NO_MULTI: Self = Self(1 << 10);
    /// Touches data through [`Keys`](super::Keys) alone, so that `EXEC` can run it as part of one
    /// atomic step, several times if need be.
    pub(crate) const STEP: Self = Self(1 << 11);
    /// Runs at once between `MULTI` and `EXEC` instead of being queued.
    pub(crate) const UNQUEUED: Self = Self(1 << 12);
    /// Is served to a subscriber that speaks RESP2.
    pub(crate) const SUBSCRIBER: Self = Self(1 << 13);
    /// May wait for what others write. It does not here, but that is how clients know it.
    pub(crate) const BLOCKING: Self = Self(1 << 16);
    /// Has keys whose places depend on other arguments.
    pub(crate) const MOVABLE_KEYS: Self = Self(1 << 15);
    /// Belongs to Redis's category of dangerous commands.
    pub(crate) const DANGEROUS: Self = Self(1 << 14);

    /// Does nothing but change the collection that its first argument is the key of, so that
    /// several can be run as one update.
    pub(crate) const TOGETHER: Self = Self(1 << 17);

    pub(crate) const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether all of `other` are among these.
    #[inline]
    pub(crate) const fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// The names that `COMMAND` shows.
    pub(crate) fn names(self) -> impl Iterator<Item = &'static str> {
        const NAMES: [(Flags, &str); 13] = [
            (Flags::WRITE, "write"),
            (Flags::READONLY, "readonly"),
            (Flags::DENYOOM, "denyoom"),
            (Flags::ADMIN, "admin"),
            (Flags::PUBSUB, "pubsub"),
            (Flags::NOSCRIPT, "noscript"),
            (Flags::BLOCKING, "blocking"),
            (Flags::LOADING, "loading"),
            (Flags::STALE, "stale"),
            (Flags::FAST, "fast"),
            (Flags::NO_AUTH, "no_auth"),
            (Flags::NO_MULTI, "no_multi"),
            (Flags::MOVABLE_KEYS, "movablekeys"),
        ];
        NAMES.into_iter().filter(move |(flag, _)| self.has(*flag)).map(|(_, name)| name)
    }
}

/// The family a command belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Group {
    Bitmap,
    Connection,
    Generic,
    Hash,
    List,
    PubSub,
    Server,
    Set,
    SortedSet,
    Stream,
    String,
    Transactions,
}

impl Group {
    /// The name that `COMMAND DOCS` shows.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Bitmap => "bitmap",
            Self::Connection => "connection",
            Self::Generic => "generic",
            Self::Hash => "hash",
            Self::List => "list",
            Self::Set => "set",
            Self::PubSub => "pubsub",
            Self::Server => "server",
            Self::SortedSet => "sorted-set",
            Self::Stream => "stream",
            Self::String => "string",
            Self::Transactions => "transactions",
        }
    }

    /// Redis's category for the whole family, if there is one.
    fn category(self) -> Option<&'static str> {
        match self {
            Self::Bitmap => Some("@bitmap"),
            Self::Connection => Some("@connection"),
            Self::Generic => Some("@keyspace"),
            Self::Hash => Some("@hash"),
            Self::List => Some("@list"),
            Self::Set => Some("@set"),
            Self::PubSub => Some("@pubsub"),
            Self::Server => None,
            Self::SortedSet => Some("@sortedset"),
            Self::Stream => Some("@stream"),
            Self::String => Some("@string"),
            Self::Transactions => Some("@transaction"),
        }
    }
}

/// Where the keys are among the arguments.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct KeyPositions {
    /// The first key; zero if there is none.
    pub(crate) first: i32,
    /// The last key; negative counts from the end.
    pub(crate) last: i32,
    pub(crate) step: i32,
}

impl KeyPositions {
    /// The positions in a command of `args` arguments, its name included.
    pub(crate) fn of(self, args: usize) -> impl Iterator<Item = usize> {
        let args = args as i32;
        let last = if self.last < 0 { args + self.last } else { self.last };
        let end = if self.first == 0 { 0 } else { last.min(args - 1) + 1 };
        (self.first..end).step_by(self.step.max(1) as usize).map(|position| position as usize)
    }
}

/// Keys whose places depend on other arguments.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Movable {
    #[default]
    None,
    /// Their number is the argument at this position, and they follow it.
    Numbered(usize),
    /// They are the first half of what follows the word `STREAMS`, which is not in front of this
    /// position.
    Streams(usize),
}

impl Movable {
    /// The positions among `args`, or `None` if those are not as the command wants them.
    fn of(self, args: Args<'_>) -> Option<Range<usize>> {
        match self {
            Self::None => Some(0..0),
            Self::Numbered(at) => {
                let keys = usize::try_from(parse_i64(args.get(at)?)?).ok()?;
                let end = (at + 1).checked_add(keys)?;
                (keys > 0 && end <= args.len()).then_some(at + 1..end)
            }
            Self::Streams(from) => {
                let word = (from..args.len()).find(|at| is(args.at(*at), "streams"))?;
                // An id too many or too few is not the keys' affair.
                let keys = (args.len() - word - 1) / 2;
                (keys > 0).then_some(word + 1..word + 1 + keys)
            }
        }
    }
}

/// The code of a command.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Handler {
    /// Runs to its end at once.
    Now(NowFn),
    /// May take long: it yields to other clients or waits.
    Later(LaterFn),
    /// Has subcommands only.
    Container,
}

/// A command or subcommand.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spec {
    /// In lower case; a subcommand's is `config|get`.
    pub(crate) name: &'static str,
    /// Number of arguments with the name; negative for at least so many.
    pub(crate) arity: i32,
    pub(crate) flags: Flags,
    pub(crate) keys: KeyPositions,
    pub(crate) movable: Movable,
    /// What is done with the keys, in Redis's terms: once for all of them, or for each.
    pub(crate) access: &'static [&'static [&'static str]],
    pub(crate) group: Group,
    pub(crate) since: &'static str,
    pub(crate) complexity: &'static str,
    pub(crate) summary: &'static str,
    pub(crate) handler: Handler,
    /// The form for this many arguments and more, which takes turns with other clients. Within
    /// an atomic step the short form runs, however many there are.
    pub(crate) long: Option<(usize, LaterFn)>,
    pub(crate) subcommands: &'static [Spec],
}

impl Spec {
    const fn bare(group: Group, name: &'static str, arity: i32, handler: Handler) -> Self {
        Self {
            name,
            arity,
            flags: Flags::NONE,
            keys: KeyPositions { first: 0, last: 0, step: 0 },
            movable: Movable::None,
            access: &[],
            group,
            since: "1.0.0",
            complexity: "O(1)",
            summary: "",
            handler,
            long: None,
            subcommands: &[],
        }
    }

    /// A command that runs to its end at once.
    pub(super) const fn now(group: Group, name: &'static str, arity: i32, run: NowFn) -> Self {
        Self::bare(group, name, arity, Handler::Now(run))
    }

    /// A command that may take long.
    pub(super) const fn later(group: Group, name: &'static str, arity: i32, run: LaterFn) -> Self {
        Self::bare(group, name, arity, Handler::Later(run))
    }

    /// A command that is known by its subcommands.
    pub(super) const fn container(
        group: Group,
        name: &'static str,
        subcommands: &'static [Spec],
    ) -> Self {
        Self { subcommands, ..Self::bare(group, name, -2, Handler::Container) }
    }

    /// Has another form for `args` arguments and more.
    pub(super) const fn long(self, args: usize, run: LaterFn) -> Self {
        Self { long: Some((args, run)), ..self }
    }

    /// Whether it does something itself, and is not only known by its subcommands.
    pub(crate) fn is_runnable(&self) -> bool {
        !matches!(self.handler, Handler::Container)
    }

    /// The code that runs a command of `args` arguments by itself.
    #[inline]
    pub(crate) fn handler_for(&self, args: usize) -> Handler {
        match self.long {
            Some((long, run)) if args >= long => Handler::Later(run),
            _ => self.handler,
        }
    }

    pub(super) const fn flags(self, flags: Flags) -> Self {
        Self { flags: self.flags.and(flags), ..self }
    }

    /// Reads data, in an atomic step too.
    pub(super) const fn reads(self) -> Self {
        self.flags(Flags::READONLY.and(Flags::STEP))
    }

    /// Changes data, in an atomic step too.
    pub(super) const fn writes(self) -> Self {
        self.flags(Flags::WRITE.and(Flags::STEP))
    }

    /// Changes one collection, and can do so together with other commands.
    pub(super) const fn together(self) -> Self {
        self.flags(Flags::TOGETHER)
    }

    pub(super) const fn grows(self) -> Self {
        self.flags(Flags::DENYOOM)
    }

    pub(super) const fn fast(self) -> Self {
        self.flags(Flags::FAST)
    }

    /// Is about the server, not its data: served while loading too.
    pub(super) const fn admin(self) -> Self {
        self.flags(Flags::ADMIN.and(Flags::NOSCRIPT).and(Flags::LOADING).and(Flags::STALE))
    }

    /// One key, the first argument.
    pub(super) const fn key(self) -> Self {
        self.keys(1, 1, 1)
    }

    pub(super) const fn keys(self, first: i32, last: i32, step: i32) -> Self {
        Self { keys: KeyPositions { first, last, step }, ..self }
    }

    /// Keys behind the argument at position `at`, which says how many.
    pub(super) const fn numbered_keys(self, at: usize) -> Self {
        Self { movable: Movable::Numbered(at), ..self }.flags(Flags::MOVABLE_KEYS)
    }

    /// Keys behind the word `STREAMS`, which is looked for from position `from` on.
    pub(super) const fn stream_keys(self, from: usize) -> Self {
        Self { movable: Movable::Streams(from), ..self }.flags(Flags::MOVABLE_KEYS)
    }

    /// The positions of the keys among the arguments of a command, its name included, or `None` if
    /// these are not as the command wants them.
    pub(crate) fn key_positions(&self, args: Args<'_>) -> Option<Vec<usize>> {
        Some(self.keys.of(args.len()).chain(self.movable.of(args)?).collect())
    }

    /// What is done with the keys.
    pub(super) const fn access(self, access: &'static [&'static [&'static str]]) -> Self {
        Self { access, ..self }
    }

    /// What is done with the key number `index` of the command.
    pub(crate) fn access_of(&self, index: usize) -> &'static [&'static str] {
        self.access.get(index).or(self.access.last()).copied().unwrap_or_default()
    }

    pub(super) const fn doc(
        self,
        since: &'static str,
        complexity: &'static str,
        summary: &'static str,
    ) -> Self {
        Self { since, complexity, summary, ..self }
    }

    /// Whether a command of `args` arguments, its name included, has enough and not too many.
    #[inline]
    pub(crate) fn accepts(&self, args: usize) -> bool {
        if self.arity >= 0 {
            args == self.arity as usize
        } else {
            args >= self.arity.unsigned_abs() as usize
        }
    }

    /// The categories that Redis would put it in.
    pub(crate) fn categories(&self) -> Vec<&'static str> {
        let has = |flag| self.flags.has(flag);
        let admin = has(Flags::ADMIN);
        let by_flag = [
            (has(Flags::WRITE), "@write"),
            (has(Flags::READONLY), "@read"),
            (admin, "@admin"),
            (admin || has(Flags::DANGEROUS), "@dangerous"),
            (has(Flags::FAST), "@fast"),
            (!has(Flags::FAST), "@slow"),
            (has(Flags::BLOCKING), "@blocking"),
        ];
        let mut names: Vec<_> =
            by_flag.into_iter().filter(|(has, _)| *has).map(|(_, name)| name).collect();
        names.extend(self.group.category());
        names
    }
}
