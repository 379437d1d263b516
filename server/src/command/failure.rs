//! Why a command failed, in Redis's words.

use std::borrow::Cow;
use std::fmt::Write;

use exuvia::Error;

/// What a client sent, as messages quote it: at most so many bytes, up to the first NUL, where
/// Redis's strings end.
pub(crate) fn quoted(bytes: &[u8], bytes_max: usize) -> Cow<'_, str> {
    let end = bytes.iter().take(bytes_max).position(|byte| *byte == 0);
    String::from_utf8_lossy(&bytes[..end.unwrap_or(bytes.len().min(bytes_max))])
}

/// Bytes of what a client sent that a message quotes, where Redis has no limit of its own.
pub(crate) const QUOTED_MAX: usize = 64 << 10;

/// An error reply: code, blank, message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failure(Cow<'static, str>);

impl Failure {
    pub(crate) const SYNTAX: Self = Self::new("ERR syntax error");
    pub(crate) const WRONG_TYPE: Self =
        Self::new("WRONGTYPE Operation against a key holding the wrong kind of value");
    pub(crate) const NOT_AN_INTEGER: Self =
        Self::new("ERR value is not an integer or out of range");
    pub(crate) const NOT_A_FLOAT: Self = Self::new("ERR value is not a valid float");
    pub(crate) const NOT_POSITIVE: Self = Self::new("ERR value is out of range, must be positive");
    pub(crate) const NO_SUCH_KEY: Self = Self::new("ERR no such key");
    pub(crate) const SAME_OBJECT: Self =
        Self::new("ERR source and destination objects are the same");
    pub(crate) const DATABASE_RANGE: Self = Self::new("ERR DB index is out of range");
    pub(crate) const TOO_LARGE: Self =
        Self::new("ERR string exceeds maximum allowed size (proto-max-bulk-len)");
    pub(crate) const OUT_OF_MEMORY: Self =
        Self::new("OOM command not allowed when used memory > 'maxmemory'.");
    pub(crate) const LOADING: Self = Self::new("LOADING Redis is loading the dataset in memory");
    pub(crate) const NO_AUTH: Self = Self::new("NOAUTH Authentication required.");
    pub(crate) const WRONG_PASSWORD: Self =
        Self::new("WRONGPASS invalid username-password pair or user is disabled.");
    pub(crate) const EXEC_ABORT: Self =
        Self::new("EXECABORT Transaction discarded because of previous errors.");
    pub(crate) const SAVE_IN_PROGRESS: Self = Self::new("ERR Background save already in progress");

    pub(crate) const fn new(text: &'static str) -> Self {
        Self(Cow::Borrowed(text))
    }

    pub(crate) fn text(&self) -> &str {
        &self.0
    }

    /// The same as the reason for which `EXEC` gives up a transaction.
    pub(crate) fn aborting(&self) -> Self {
        let reason = self.0.strip_prefix("ERR ").unwrap_or(&self.0);
        Self(format!("EXECABORT Transaction discarded because of: {reason}").into())
    }

    /// A wrong number of arguments for the command `name`.
    pub(crate) fn arity(name: &str) -> Self {
        Self(format!("ERR wrong number of arguments for '{name}' command").into())
    }

    /// A time that no key can expire at, given to the command `name`.
    pub(crate) fn expire_time(name: &str) -> Self {
        Self(format!("ERR invalid expire time in '{name}' command").into())
    }

    /// A command that is not in the table.
    pub(crate) fn unknown_command<'a>(name: &[u8], args: impl Iterator<Item = &'a [u8]>) -> Self {
        const SHOWN: usize = 128;
        let mut shown = String::new();
        for arg in args {
            if shown.len() >= SHOWN {
                break;
            }
            let _ = write!(shown, "'{}' ", quoted(arg, SHOWN - shown.len()));
        }
        let name = quoted(name, SHOWN);
        Self(format!("ERR unknown command '{name}', with args beginning with: {shown}").into())
    }

    /// A subcommand that the command `name` does not have.
    pub(crate) fn unknown_subcommand(name: &str, subcommand: &[u8]) -> Self {
        let subcommand = quoted(subcommand, 128);
        let name = name.to_uppercase();
        Self(format!("ERR unknown subcommand '{subcommand}'. Try {name} HELP.").into())
    }
}

impl Failure {
    /// Arguments that a subcommand of the command `name` does not take.
    pub(crate) fn wrong_form(name: &str, subcommand: &[u8]) -> Self {
        let subcommand = quoted(subcommand, 128);
        let name = name.to_uppercase();
        Self(
            format!(
                "ERR unknown subcommand or wrong number of arguments for '{subcommand}'. Try \
                 {name} HELP."
            )
            .into(),
        )
    }
}

impl From<String> for Failure {
    fn from(text: String) -> Self {
        Self(text.into())
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match error {
            Error::KeyTooLong { .. } | Error::ValueTooLong { .. } => Self::TOO_LARGE,
            Error::NoSuchDatabase { .. } => Self::DATABASE_RANGE,
            Error::SaveInProgress => Self::SAVE_IN_PROGRESS,
            Error::WrongType => Self::WRONG_TYPE,
            error => Self(format!("ERR {}", describe(&error)).into()),
        }
    }
}

/// An error together with everything that caused it, in one line.
pub(crate) fn describe(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let reason = error.to_string();
        // Some errors repeat their cause in their own text.
        if !text.ends_with(&reason) {
            text.push_str(": ");
            text.push_str(&reason);
        }
        cause = error.source();
    }
    text
}
