//! `dbfilename`: a name with macros for the time of the cut.

use std::fmt;

use chrono::{Datelike, NaiveDateTime, Timelike};

/// Longest name of a snapshot, so that its files' names fit any file system.
pub const SNAPSHOT_NAME_BYTES_MAX: usize = 200;

/// A `dbfilename`: literal text with the macros `{timestamp}`, `{Y}`, `{m}` and `{d}`, which
/// become the local time of the cut. Everything else, `%` included, stands for itself.
///
/// # Examples
///
/// ```
/// use chrono::NaiveDate;
/// use exuvia_snapshot_format::NameTemplate;
///
/// let template = NameTemplate::parse("dump-{timestamp}")?;
/// let cut = NaiveDate::from_ymd_opt(2026, 1, 31).and_then(|day| day.and_hms_opt(23, 59, 58));
/// let cut = cut.expect("a time that exists");
/// assert_eq!(template.expand(&cut), "dump-2026-01-31T23:59:58");
/// assert_eq!(template.expand_nth(&cut, 2), "dump-2026-01-31T23:59:58_02");
/// assert!(template.matches("dump-2025-12-31T00:00:00"));
/// assert!(!template.matches("dump-copy"));
/// # Ok::<(), exuvia_snapshot_format::NameError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NameTemplate {
    text: String,
    tokens: Vec<Token>,
}

/// One stretch of a template.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    Literal(String),
    Macro(Macro),
    /// Where `_02` goes if the name is taken: behind the last timestamp.
    Collision,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Macro {
    Timestamp,
    Year,
    Month,
    Day,
}

impl Macro {
    const ALL: [(&'static str, Self); 4] = [
        ("{timestamp}", Self::Timestamp),
        ("{Y}", Self::Year),
        ("{m}", Self::Month),
        ("{d}", Self::Day),
    ];

    /// What the macro becomes, with `0` for any digit.
    const fn shape(self) -> &'static str {
        match self {
            Self::Timestamp => "0000-00-00T00:00:00",
            Self::Year => "0000",
            Self::Month | Self::Day => "00",
        }
    }

    fn expand(self, at: &NaiveDateTime, name: &mut String) {
        let (year, month, day) = (at.year(), at.month(), at.day());
        let (hour, minute, second) = (at.hour(), at.minute(), at.second());
        match self {
            Self::Timestamp => push(
                name,
                format_args!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}"),
            ),
            Self::Year => push(name, format_args!("{year:04}")),
            Self::Month => push(name, format_args!("{month:02}")),
            Self::Day => push(name, format_args!("{day:02}")),
        }
    }
}

fn push(name: &mut String, text: fmt::Arguments<'_>) {
    fmt::Write::write_fmt(name, text).expect("a string takes any text");
}

/// Why a `dbfilename` is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NameError {
    /// There is no name.
    #[error("it is empty")]
    Empty,
    /// It names a directory.
    #[error("it has a directory separator; the directory is set by `dir`")]
    Separator,
    /// It begins with a quote.
    #[error("it begins with a quote (quotes in the flag file?)")]
    Quote,
    /// It has an extension, which page format adds by itself.
    #[error(
        "it has an extension; `.dfs` is added by itself, `.rdb` needs `--nodf_snapshot_format`"
    )]
    Extension,
    /// It holds NUL or another control character.
    #[error("it has a control character")]
    Control,
    /// It is a name with a meaning of its own, `.` or `..`, or a hidden file.
    #[error("it begins with a dot")]
    Dot,
    /// It would become too long for a file name.
    #[error("it becomes longer than {SNAPSHOT_NAME_BYTES_MAX} bytes")]
    TooLong,
}

impl NameTemplate {
    /// Parses a `dbfilename` for page format.
    ///
    /// # Errors
    ///
    /// A [`NameError`] that completes the sentence "this name is refused because ..".
    pub fn parse(text: &str) -> Result<Self, NameError> {
        Self::check(text)?;
        if text.contains('.') {
            return Err(NameError::Extension);
        }
        Self::build(text)
    }

    /// Parses a `dbfilename` for RDB format, which may, but need not, end in `.rdb`.
    ///
    /// # Errors
    ///
    /// As [`parse`](Self::parse), but dots are allowed.
    pub fn parse_rdb(text: &str) -> Result<Self, NameError> {
        Self::check(text)?;
        Self::build(text.strip_suffix(".rdb").unwrap_or(text))
    }

    fn check(text: &str) -> Result<(), NameError> {
        let error = match text.chars().next() {
            None => NameError::Empty,
            Some('"' | '\'') => NameError::Quote,
            Some('.') => NameError::Dot,
            Some(_) if text.contains(['/', '\\']) => NameError::Separator,
            Some(_) if text.contains(char::is_control) => NameError::Control,
            Some(_) => return Ok(()),
        };
        Err(error)
    }

    fn build(text: &str) -> Result<Self, NameError> {
        let mut tokens = Vec::new();
        let mut literal = String::new();
        let mut rest = text;
        while let Some(next) = rest.chars().next() {
            let found = Macro::ALL.iter().find(|(name, _)| rest.starts_with(name));
            if let Some(&(name, found)) = found {
                if !literal.is_empty() {
                    tokens.push(Token::Literal(std::mem::take(&mut literal)));
                }
                tokens.push(Token::Macro(found));
                rest = &rest[name.len()..];
            } else {
                literal.push(next);
                rest = &rest[next.len_utf8()..];
            }
        }
        if !literal.is_empty() {
            tokens.push(Token::Literal(literal));
        }
        let is_timestamp = |token: &Token| *token == Token::Macro(Macro::Timestamp);
        if let Some(last) = tokens.iter().rposition(is_timestamp) {
            tokens.insert(last + 1, Token::Collision);
        }
        let template = Self { text: text.to_owned(), tokens };
        if template.expand_nth(&NaiveDateTime::default(), u32::MAX).len() > SNAPSHOT_NAME_BYTES_MAX
        {
            return Err(NameError::TooLong);
        }
        Ok(template)
    }

    /// The template's text.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether a taken name is avoided by a suffix; otherwise it is replaced.
    pub fn has_timestamp(&self) -> bool {
        self.tokens.contains(&Token::Collision)
    }

    /// The snapshot's name at the local time `at`.
    pub fn expand(&self, at: &NaiveDateTime) -> String {
        self.expand_nth(at, 1)
    }

    /// The `nth` name at the local time `at`: from the second on, the timestamp is followed by
    /// `_02`, `_03` and so on, which sort behind it. Without a timestamp all are the same.
    pub fn expand_nth(&self, at: &NaiveDateTime, nth: u32) -> String {
        let mut name = String::new();
        for token in &self.tokens {
            match token {
                Token::Literal(text) => name.push_str(text),
                Token::Macro(found) => found.expand(at, &mut name),
                Token::Collision if nth > 1 => push(&mut name, format_args!("_{nth:02}")),
                Token::Collision => {}
            }
        }
        name
    }

    /// Whether `base` is the name of a snapshot that this template can have made: literal text
    /// exactly, macros by their digits.
    pub fn matches(&self, base: &str) -> bool {
        matches_tokens(&self.tokens, base)
    }
}

fn matches_tokens(tokens: &[Token], rest: &str) -> bool {
    let Some((token, tokens)) = tokens.split_first() else {
        return rest.is_empty();
    };
    match token {
        Token::Literal(text) => {
            rest.strip_prefix(text.as_str()).is_some_and(|rest| matches_tokens(tokens, rest))
        }
        Token::Macro(found) => {
            strip_shape(found.shape(), rest).is_some_and(|rest| matches_tokens(tokens, rest))
        }
        // Occurs once in a template, so that trying both ways costs nothing.
        Token::Collision => {
            matches_tokens(tokens, rest)
                || collision_ends(rest).any(|end| matches_tokens(tokens, &rest[end..]))
        }
    }
}

/// Strips what has the shape of an expanded macro, with any digit for `0`.
fn strip_shape<'a>(shape: &str, text: &'a str) -> Option<&'a str> {
    let (head, rest) = text.split_at_checked(shape.len())?;
    let is_alike = |(expected, found): (u8, u8)| match expected {
        b'0' => found.is_ascii_digit(),
        _ => found == expected,
    };
    shape.bytes().zip(head.bytes()).all(is_alike).then_some(rest)
}

/// The ends of all suffixes `_02` to `_4294967295` that `text` may begin with.
fn collision_ends(text: &str) -> impl Iterator<Item = usize> + '_ {
    let digits = text.strip_prefix('_').unwrap_or("");
    let count = digits.bytes().take(10).take_while(u8::is_ascii_digit).count();
    (2..=count)
        .filter(|&count| {
            let number: u64 = digits[..count].parse().unwrap_or(0);
            (2..=u64::from(u32::MAX)).contains(&number) && (count == 2 || !digits.starts_with('0'))
        })
        .map(|count| 1 + count)
}

impl fmt::Display for NameTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use chrono::NaiveDate;

    use super::*;

    fn at() -> NaiveDateTime {
        NaiveDate::from_ymd_opt(2026, 3, 9).unwrap().and_hms_opt(4, 5, 6).unwrap()
    }

    #[test]
    fn macros_become_the_time_and_everything_else_stands_for_itself() {
        for (text, expanded) in [
            ("dump-{timestamp}", "dump-2026-03-09T04:05:06"),
            ("{Y}{m}{d}", "20260309"),
            ("a%Y{y}{timestamp", "a%Y{y}{timestamp"),
            ("{{Y}}", "{2026}"),
            ("dump", "dump"),
            ("größe-{d}", "größe-09"),
        ] {
            let template = NameTemplate::parse(text).unwrap();
            assert_eq!(template.expand(&at()), expanded);
            assert!(template.matches(expanded), "{expanded}");
            assert_eq!(template.to_string(), text);
        }
    }

    #[test]
    fn a_taken_timestamp_gets_a_suffix_that_sorts_behind_it() {
        let template = NameTemplate::parse("{timestamp}-{d}").unwrap();
        assert!(template.has_timestamp());
        let mut names: Vec<_> = [1, 2, 3, 10].map(|n| template.expand_nth(&at(), n)).into();
        assert_eq!(names[1], "2026-03-09T04:05:06_02-09");
        assert!(names.iter().all(|name| template.matches(name)));
        let expected = names.clone();
        names.sort();
        assert_eq!(names, expected);
        assert!(template.matches(&template.expand_nth(&at(), 100)));
        assert!(template.matches(&template.expand_nth(&at(), u32::MAX)));
    }

    #[test]
    fn without_a_timestamp_a_name_is_kept() {
        let template = NameTemplate::parse("dump-{Y}").unwrap();
        assert!(!template.has_timestamp());
        assert_eq!(template.expand_nth(&at(), 7), "dump-2026");
        assert!(!template.matches("dump-2026_02"));
    }

    #[test]
    fn a_suffix_is_told_from_what_follows_it() {
        let template = NameTemplate::parse("{timestamp}_{d}").unwrap();
        for name in ["2026-03-09T04:05:06_09", "2026-03-09T04:05:06_02_09"] {
            assert!(template.matches(name), "{name}");
        }
        let template = NameTemplate::parse("{timestamp}{d}").unwrap();
        assert!(template.matches("2026-03-09T04:05:06_0209"));
        assert!(template.matches("2026-03-09T04:05:0609"));
    }

    #[test]
    fn only_exact_names_match() {
        let template = NameTemplate::parse("dump").unwrap();
        for other in ["dump2", "dump-2026-03-09T04:05:06", "dum", "", "Dump"] {
            assert!(!template.matches(other), "{other}");
        }
        let template = NameTemplate::parse("dump-{timestamp}").unwrap();
        for other in [
            "dump-2026-03-09T04:05:0",
            "dump-2026-03-09T04:05:066",
            "dump-2026-03-09 04:05:06",
            "dump-2026-03-09T04:05:06_",
            "dump-2026-03-09T04:05:06_2",
            "dump-2026-03-09T04:05:06_01",
            "dump-2026-03-09T04:05:06_002",
            "dump-2026-03-09T04:05:06_4294967296",
            "dump-２026-03-09T04:05:06",
            "dump",
        ] {
            assert!(!template.matches(other), "{other}");
        }
    }

    #[test]
    fn names_that_would_surprise_are_refused() {
        let long = "x".repeat(SNAPSHOT_NAME_BYTES_MAX + 1);
        for (text, error) in [
            ("", NameError::Empty),
            ("a/b", NameError::Separator),
            ("a\\b", NameError::Separator),
            ("\"dump\"", NameError::Quote),
            ("'dump'", NameError::Quote),
            ("dump.rdb", NameError::Extension),
            ("dump-{timestamp}.dfs", NameError::Extension),
            ("..", NameError::Dot),
            ("a\0b", NameError::Control),
            ("a\nb", NameError::Control),
            (long.as_str(), NameError::TooLong),
        ] {
            assert_eq!(NameTemplate::parse(text), Err(error), "{text:?}");
        }
    }

    #[test]
    fn rdb_names_may_have_their_extension() {
        let template = NameTemplate::parse_rdb("dump-{Y}.rdb").unwrap();
        assert_eq!(template.expand(&at()), "dump-2026");
        assert_eq!(NameTemplate::parse_rdb("dump").unwrap().expand(&at()), "dump");
        assert_eq!(NameTemplate::parse_rdb("v1.2").unwrap().expand(&at()), "v1.2");
        assert_eq!(NameTemplate::parse_rdb(".rdb"), Err(NameError::Dot));
    }
}
