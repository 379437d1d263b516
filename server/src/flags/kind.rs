//! Types of flags.

use std::fmt;

/// A flag's type.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    Bool,
    Integer {
        min: i64,
        max: i64,
    },
    /// A number of bytes, with an optional unit.
    Bytes {
        max: u64,
    },
    /// Permission bits, in octal.
    Mode,
    Text,
    /// One of these words.
    Choice(&'static [&'static str]),
}

/// A flag's value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum FlagValue {
    Bool(bool),
    Integer(i64),
    Bytes(u64),
    Mode(u32),
    Text(String),
}

impl fmt::Display for FlagValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool(value) => value.fmt(f),
            Self::Integer(value) => value.fmt(f),
            Self::Bytes(value) => value.fmt(f),
            Self::Mode(value) => write!(f, "{value:04o}"),
            Self::Text(value) => value.fmt(f),
        }
    }
}

impl Kind {
    /// Reads a value; `None` if it is not one of this kind.
    pub(crate) fn parse(self, text: &str) -> Option<FlagValue> {
        match self {
            Self::Bool => parse_bool(text).map(FlagValue::Bool),
            Self::Integer { min, max } => {
                let value = text.parse().ok()?;
                (min..=max).contains(&value).then_some(FlagValue::Integer(value))
            }
            Self::Bytes { max } => {
                parse_bytes(text).filter(|bytes| *bytes <= max).map(FlagValue::Bytes)
            }
            Self::Mode => {
                let octal = text.bytes().all(|byte| (b'0'..=b'7').contains(&byte));
                let mode = octal.then(|| u32::from_str_radix(text, 8).ok()).flatten()?;
                (mode <= 0o777).then_some(FlagValue::Mode(mode))
            }
            Self::Text => Some(FlagValue::Text(text.to_owned())),
            Self::Choice(words) => words.contains(&text).then(|| FlagValue::Text(text.to_owned())),
        }
    }

    /// What is accepted, for messages.
    pub(crate) fn accepted(self) -> String {
        match self {
            Self::Bool => "true or false".to_owned(),
            Self::Integer { min, max: i64::MAX } => format!("a whole number from {min} on"),
            Self::Integer { min, max } => format!("a whole number from {min} to {max}"),
            Self::Bytes { max: u64::MAX } => {
                "a number of bytes, as 1048576, 512mb, 1GiB".to_owned()
            }
            Self::Bytes { max } => {
                format!("a number of bytes up to {max}, as 1048576, 512mb, 1GiB")
            }
            Self::Mode => "permission bits in octal, as 0600".to_owned(),
            Self::Text => "text".to_owned(),
            Self::Choice(words) => words.join(", "),
        }
    }
}

/// Reads a truth value in the spellings of the command line and of Redis.
pub(crate) fn parse_bool(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "yes" | "on" | "1" | "t" | "y" => Some(true),
        "false" | "no" | "off" | "0" | "f" | "n" => Some(false),
        _ => None,
    }
}

/// Reads a size: `k`, `m`, `g` count in thousands, `kb`, `mb`, `gb` in 1024s, both as in Redis,
/// and `KiB`, `MiB`, `GiB` in 1024s too.
pub(crate) fn parse_bytes(text: &str) -> Option<u64> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let unit: u64 = match text[digits..].to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" => 1000,
        "kb" | "kib" => 1 << 10,
        "m" => 1_000_000,
        "mb" | "mib" => 1 << 20,
        "g" => 1_000_000_000,
        "gb" | "gib" => 1 << 30,
        "t" => 1_000_000_000_000,
        "tb" | "tib" => 1 << 40,
        _ => return None,
    };
    text[..digits].parse::<u64>().ok()?.checked_mul(unit)
}
