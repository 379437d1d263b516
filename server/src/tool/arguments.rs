//! What was asked for on the command line.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

use crate::flags::{self, FlagValue};

/// What to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verb {
    List,
    Info,
    Verify,
    Get,
    Export,
    Prune,
}

impl Verb {
    const ALL: [(&'static str, Self); 6] = [
        ("list", Self::List),
        ("info", Self::Info),
        ("verify", Self::Verify),
        ("get", Self::Get),
        ("export", Self::Export),
        ("prune", Self::Prune),
    ];

    /// Options besides those that every verb has.
    fn options(self) -> &'static [&'static str] {
        match self {
            Self::List | Self::Info | Self::Verify | Self::Export => &[],
            Self::Get => &["db"],
            Self::Prune => &["keep", "dry-run"],
        }
    }
}

/// A request that makes sense.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Request {
    pub(super) verb: Verb,
    pub(super) path: PathBuf,
    /// Flags of S3, as a server takes them.
    pub(super) s3_flags: Vec<OsString>,
    /// The key to get.
    pub(super) key: Vec<u8>,
    pub(super) database: u16,
    pub(super) dbfilename: Option<String>,
    pub(super) keep: u32,
    pub(super) dry_run: bool,
    pub(super) json: bool,
}

/// Reads the words behind `exuvia snapshot`; `None` if help is wanted.
///
/// # Errors
///
/// What is wrong with them, in one line.
pub(super) fn parse(words: Vec<OsString>) -> Result<Option<Request>, String> {
    let mut words = words.into_iter();
    let Some(verb) = words.next() else {
        return Err("a verb is missing; there are list, info, verify, get, export, prune".into());
    };
    if is_help(&verb) || verb == "help" {
        return Ok(None);
    }
    let known = Verb::ALL.iter().find(|(name, _)| verb == *name);
    let (name, verb) = *known.ok_or_else(|| {
        format!("'{}' is no verb; there are list, info, verify, get, export, prune", verb.display())
    })?;
    let mut given = Given { name, verb, ..Given::default() };
    while let Some(word) = words.next() {
        if is_help(&word) && !given.options_ended {
            return Ok(None);
        }
        given.take(word, &mut words)?;
    }
    given.finish().map(Some)
}

/// Whether `flag`, negated or not, is complete without a value.
fn is_boolean(flag: &str) -> bool {
    let flag = flags::find(flag).or_else(|| flags::find(flag.strip_prefix("no")?));
    flag.is_some_and(|flag| matches!(flag.kind.parse("true"), Some(FlagValue::Bool(_))))
}

fn is_help(word: &OsStr) -> bool {
    word == "--help" || word == "-h"
}

/// What was given so far.
#[derive(Debug)]
struct Given {
    name: &'static str,
    verb: Verb,
    places: Vec<OsString>,
    options_ended: bool,
    database: u16,
    dbfilename: Option<String>,
    keep: Option<u32>,
    dry_run: bool,
    json: bool,
    s3_flags: Vec<OsString>,
}

impl Default for Given {
    fn default() -> Self {
        Self {
            name: "",
            verb: Verb::List,
            places: Vec::new(),
            options_ended: false,
            database: 0,
            dbfilename: None,
            keep: None,
            dry_run: false,
            json: false,
            s3_flags: Vec::new(),
        }
    }
}

impl Given {
    fn take(
        &mut self,
        word: OsString,
        rest: &mut impl Iterator<Item = OsString>,
    ) -> Result<(), String> {
        let option = word.to_str().and_then(|word| word.strip_prefix("--"));
        let Some(option) = option.filter(|_| !self.options_ended) else {
            self.places.push(word);
            return Ok(());
        };
        if option.starts_with("s3_") || option.starts_with("nos3_") {
            // Read by the flags' own reader, in all their spellings.
            let is_switch = option.contains('=') || is_boolean(option);
            self.s3_flags.push(word);
            if !is_switch {
                self.s3_flags.extend(rest.next());
            }
            return Ok(());
        }
        let (option, value) = match option.split_once('=') {
            Some((option, value)) => (option, Some(value.to_owned())),
            None => (option, None),
        };
        let option = option.replace('_', "-");
        let everywhere = ["", "json", "dbfilename"];
        if !everywhere.contains(&&*option) && !self.verb.options().contains(&&*option) {
            return Err(format!("'{}' has no option --{option}", self.name));
        }
        if value.is_some() && ["", "json", "dry-run"].contains(&&*option) {
            return Err(format!("--{option} takes no value"));
        }
        match &*option {
            "" => self.options_ended = true,
            "json" => self.json = true,
            "dry-run" => self.dry_run = true,
            _ => {
                let value = match value {
                    Some(value) => value,
                    None => rest
                        .next()
                        .and_then(|value| value.into_string().ok())
                        .ok_or_else(|| format!("--{option} needs a value"))?,
                };
                self.set(&option, value)?;
            }
        }
        Ok(())
    }

    fn set(&mut self, option: &str, value: String) -> Result<(), String> {
        let number = |max: u32| {
            let number = value.parse::<u32>().ok().filter(|number| *number <= max);
            number.ok_or_else(|| format!("--{option} takes a number up to {max}, not '{value}'"))
        };
        match option {
            "db" => self.database = number(u32::from(u16::MAX))? as u16,
            "keep" => self.keep = Some(number(u32::MAX)?),
            _ => self.dbfilename = Some(value),
        }
        Ok(())
    }

    fn finish(self) -> Result<Request, String> {
        let name = self.name;
        let expected = usize::from(self.verb == Verb::Get) + 1;
        if self.places.len() != expected {
            let wanted = if expected == 2 { "a path and a key" } else { "one path" };
            return Err(format!("'{name}' takes {wanted}, {} given", self.places.len()));
        }
        let keep = match (self.verb, self.keep) {
            (Verb::Prune, None) => {
                return Err("'prune' needs --keep: how many snapshots stay".to_owned());
            }
            (Verb::Prune, Some(0)) => {
                return Err("--keep takes 1 or more; prune never removes the last one".to_owned());
            }
            (_, keep) => keep.unwrap_or(0),
        };
        let mut places = self.places.into_iter();
        Ok(Request {
            verb: self.verb,
            path: places.next().map(PathBuf::from).unwrap_or_default(),
            key: places.next().map(OsString::into_vec).unwrap_or_default(),
            database: self.database,
            dbfilename: self.dbfilename,
            keep,
            dry_run: self.dry_run,
            json: self.json,
            s3_flags: self.s3_flags,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStrExt;

    use super::*;

    fn read(words: &[&str]) -> Result<Option<Request>, String> {
        parse(words.iter().map(OsString::from).collect())
    }

    #[test]
    fn options_stand_anywhere_and_dashes_end_them() {
        let request = read(&["get", "--db=3", "data", "--json", "--", "--key"]).unwrap().unwrap();
        assert_eq!((request.verb, request.database, request.json), (Verb::Get, 3, true));
        assert_eq!((request.path, request.key), (PathBuf::from("data"), b"--key".to_vec()));
        let request = read(&["prune", "data", "--keep", "2", "--dry_run"]).unwrap().unwrap();
        assert_eq!((request.keep, request.dry_run), (2, true));
        let words = ["list", "s3://b", "--s3_endpoint", "h:1", "--s3_use_https", "--json"];
        let request = read(&words).unwrap().unwrap();
        assert_eq!(request.s3_flags, ["--s3_endpoint", "h:1", "--s3_use_https"]);
        assert!(request.json);
    }

    #[test]
    fn bytes_that_are_not_utf8_are_a_key() {
        let key = OsStr::from_bytes(&[0xff, 0x00, 0x2d]).to_owned();
        let request = parse(vec!["get".into(), "data".into(), key]).unwrap().unwrap();
        assert_eq!(request.key, [0xff, 0x00, 0x2d]);
    }

    #[test]
    fn a_mistake_is_named() {
        for (words, expected) in [
            (&[][..], "verb is missing"),
            (&["frobnicate", "data"], "'frobnicate' is no verb"),
            (&["list"], "takes one path, 0 given"),
            (&["list", "a", "b"], "takes one path, 2 given"),
            (&["get", "data"], "a path and a key"),
            (&["list", "data", "--json=no"], "--json takes no value"),
            (&["list", "data", "--db", "1"], "'list' has no option --db"),
            (&["get", "data", "k", "--db"], "--db needs a value"),
            (&["get", "data", "k", "--db", "65536"], "'65536'"),
            (&["prune", "data"], "needs --keep"),
            (&["prune", "data", "--keep", "0"], "1 or more"),
            (&["prune", "data", "--keep", "-1"], "'-1'"),
        ] {
            let message = read(words).unwrap_err();
            assert!(message.contains(expected), "{message:?} for {words:?}");
        }
        assert_eq!(read(&["--help"]), Ok(None));
        assert_eq!(read(&["get", "--help"]), Ok(None));
    }
}
