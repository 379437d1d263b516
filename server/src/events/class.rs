//! Classes of events, as `notify-keyspace-events` names them.

use std::fmt;

/// A set of classes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Classes(u32);

/// Letters in the order in which Redis shows them. Those in front are left out if all of
/// [`Classes::ALL`] are there, which is one letter too.
const LETTERS: [(char, Classes); 15] = [
    ('g', Classes::GENERIC),
    ('$', Classes::STRING),
    ('l', Classes::LIST),
    ('s', Classes::SET),
    ('h', Classes::HASH),
    ('z', Classes::SORTED_SET),
    ('x', Classes::EXPIRED),
    ('e', Classes::EVICTED),
    ('t', Classes::STREAM),
    ('d', Classes::MODULE),
    ('n', Classes::NEW),
    ('K', Classes::KEYSPACE),
    ('E', Classes::KEYEVENT),
    ('m', Classes::KEY_MISS),
    ('A', Classes::ALL),
];

impl Classes {
    pub(crate) const NONE: Self = Self(0);
    /// Events go to the channel of the key.
    pub(crate) const KEYSPACE: Self = Self(1);
    /// Events go to the channel of the event.
    pub(crate) const KEYEVENT: Self = Self(1 << 1);
    pub(crate) const GENERIC: Self = Self(1 << 2);
    pub(crate) const STRING: Self = Self(1 << 3);
    pub(crate) const LIST: Self = Self(1 << 4);
    pub(crate) const SET: Self = Self(1 << 5);
    pub(crate) const HASH: Self = Self(1 << 6);
    pub(crate) const SORTED_SET: Self = Self(1 << 7);
    pub(crate) const EXPIRED: Self = Self(1 << 8);
    /// Nothing is ever evicted here; the letter is accepted.
    const EVICTED: Self = Self(1 << 9);
    pub(crate) const STREAM: Self = Self(1 << 10);
    /// A key was looked for and is not there.
    pub(crate) const KEY_MISS: Self = Self(1 << 11);
    /// There are no modules here; the letter is accepted.
    const MODULE: Self = Self(1 << 13);
    /// A key is there that was not.
    pub(crate) const NEW: Self = Self(1 << 14);
    /// What Redis's letter `A` stands for: neither misses nor new keys.
    const ALL: Self = Self(
        Self::GENERIC.0
            | Self::STRING.0
            | Self::LIST.0
            | Self::SET.0
            | Self::HASH.0
            | Self::SORTED_SET.0
            | Self::EXPIRED.0
            | Self::EVICTED.0
            | Self::STREAM.0
            | Self::MODULE.0,
    );

    /// The classes of these letters, in any order; `None` if a letter is not one.
    pub(crate) fn parse(letters: &str) -> Option<Self> {
        letters.chars().try_fold(Self::NONE, |classes, letter| {
            let (_, class) = LETTERS.iter().find(|(known, _)| *known == letter)?;
            Some(Self(classes.0 | class.0))
        })
    }

    /// Whether any of `others` is among these.
    #[inline]
    pub(crate) fn any(self, others: Self) -> bool {
        self.0 & others.0 != 0
    }

    fn has(self, others: Self) -> bool {
        self.0 & others.0 == others.0
    }

    /// Whether anything is published: there are channels, and events for them.
    pub(crate) fn publish(self) -> bool {
        let channels = Self::KEYSPACE.0 | Self::KEYEVENT.0;
        self.0 & channels != 0 && self.0 & !channels != 0
    }

    pub(super) fn bits(self) -> u32 {
        self.0
    }

    pub(super) fn from_bits(bits: u32) -> Self {
        Self(bits)
    }
}

impl fmt::Display for Classes {
    /// Shows them as Redis does, which is not always as they were given.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all = self.has(Self::ALL);
        if all {
            f.write_str("A")?;
        }
        for (letter, class) in LETTERS.iter().filter(|(letter, _)| *letter != 'A') {
            if self.has(*class) && !(all && Self::ALL.has(*class)) {
                write!(f, "{letter}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_are_shown_as_redis_shows_them() {
        for (given, shown) in [
            ("", ""),
            ("KA", "AK"),
            ("EA", "AE"),
            ("gKE", "gKE"),
            ("$lshzxeKE", "$lshzxeKE"),
            ("mEKtezhsl$gdx", "AKEm"),
            ("nnK", "nK"),
            ("KEm", "KEm"),
        ] {
            assert_eq!(Classes::parse(given).unwrap().to_string(), shown, "{given}");
        }
        assert_eq!(Classes::parse("Kq"), None);
        assert_eq!(Classes::parse("k"), None);
    }

    #[test]
    fn nothing_is_published_without_a_channel_or_without_events() {
        for (given, publish) in [("", false), ("A", false), ("KE", false), ("Kg", true)] {
            assert_eq!(Classes::parse(given).unwrap().publish(), publish, "{given}");
        }
    }
}
