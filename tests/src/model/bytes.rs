//! Keys and values that a reader of a failed test can take in.

use std::fmt;
use std::ops::Deref;

/// Owned bytes, displayed as text with long runs of one byte counted.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Bytes(Vec<u8>);

impl Bytes {
    /// The same bytes with `tail` behind them.
    #[must_use]
    pub fn followed_by(&self, tail: &[u8]) -> Self {
        Self([&self.0, tail].concat())
    }
}

impl fmt::Debug for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.chunk_by(|a, b| a == b).next() {
            Some(run) if run.len() > 8 => {
                let rest = &self.0[run.len()..];
                write!(f, "\"{}\" x {}", run[..1].escape_ascii(), run.len())?;
                if rest.is_empty() { Ok(()) } else { write!(f, " + {:?}", Self(rest.to_vec())) }
            }
            _ => write!(f, "\"{}\"", self.0.escape_ascii()),
        }
    }
}

impl Deref for Bytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl From<Vec<u8>> for Bytes {
    fn from(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }
}

impl From<&[u8]> for Bytes {
    fn from(bytes: &[u8]) -> Self {
        Self(bytes.to_vec())
    }
}

impl From<String> for Bytes {
    fn from(text: String) -> Self {
        Self(text.into_bytes())
    }
}

impl From<exuvia::Value> for Bytes {
    fn from(value: exuvia::Value) -> Self {
        Self(value.into_vec())
    }
}

#[cfg(test)]
mod tests {
    use super::Bytes;

    #[test]
    fn long_runs_are_counted() {
        let bytes = Bytes::from(vec![b'k'; 300]).followed_by(b"+\n");
        assert_eq!(format!("{bytes:?}"), r#""k" x 300 + "+\n""#);
        assert_eq!(format!("{:?}", Bytes::default()), r#""""#);
    }
}
