//! Where in S3 the snapshots are: `s3://bucket/prefix`.

use std::fmt;

use crate::InvalidS3Option;

/// How such a place begins.
const SCHEME: &str = "s3://";
/// Longest key that S3 takes.
const KEY_BYTES_MAX: usize = 1024;
/// Longest name of an object below the prefix.
const NAME_BYTES_MAX: usize = 255;

/// A bucket and a prefix in it.
///
/// The prefix is taken literally: `%`, `+` and blanks mean themselves. A slash at the end is
/// allowed and means nothing.
///
/// # Examples
///
/// ```
/// use exuvia_storage_s3::S3Location;
///
/// let location = S3Location::parse("s3://acme-backups/nightly/")?;
/// assert_eq!((location.bucket(), location.prefix()), ("acme-backups", "nightly"));
/// assert_eq!(location.to_string(), "s3://acme-backups/nightly");
/// # Ok::<(), exuvia_storage_s3::InvalidS3Option>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct S3Location {
    bucket: String,
    prefix: String,
}

impl S3Location {
    /// Reads `s3://bucket`, `s3://bucket/prefix`, either with or without a slash at the end.
    ///
    /// # Errors
    ///
    /// What is wrong with it, and what is accepted.
    pub fn parse(text: &str) -> Result<Self, InvalidS3Option> {
        let refuse = |reason: &str| InvalidS3Option::new("location", text, reason);
        let Some(rest) = text.strip_prefix(SCHEME) else {
            return Err(refuse("is not of the form s3://bucket/prefix"));
        };
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        let fits = |c: char| c.is_ascii_alphanumeric() || "-._".contains(c);
        if bucket.is_empty() || bucket.len() > NAME_BYTES_MAX || !bucket.chars().all(fits) {
            return Err(refuse("names no bucket; accepted: s3://bucket or s3://bucket/prefix"));
        }
        let prefix = prefix.strip_suffix('/').unwrap_or(prefix);
        if prefix.contains(char::is_control) {
            return Err(refuse("has a control character in its prefix"));
        }
        // Services and proxies disagree about what such keys mean.
        if !prefix.is_empty() && prefix.split('/').any(|part| matches!(part, "" | "." | "..")) {
            return Err(refuse("has an empty step, or . or .., in its prefix"));
        }
        if prefix.len() + 1 + NAME_BYTES_MAX > KEY_BYTES_MAX {
            return Err(refuse("has a prefix that leaves no room for names; accepted: 768 bytes"));
        }
        Ok(Self { bucket: bucket.to_owned(), prefix: prefix.to_owned() })
    }

    /// The bucket.
    pub fn bucket(&self) -> &str {
        &self.bucket
    }

    /// The prefix, without a slash at its end; empty if there is none.
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// What all keys here begin with.
    pub(crate) fn key_prefix(&self) -> String {
        if self.prefix.is_empty() { String::new() } else { format!("{}/", self.prefix) }
    }

    /// The key of the object called `name`.
    pub(crate) fn key(&self, name: &str) -> String {
        self.key_prefix() + name
    }

    /// The name of the object with this key, if it is one of this place and not below it.
    pub(crate) fn name<'k>(&self, key: &'k str) -> Option<&'k str> {
        let name = key.strip_prefix(self.key_prefix().as_str())?;
        (!name.is_empty() && !name.contains('/')).then_some(name)
    }

    /// Whether `name` can be an object's.
    ///
    /// # Errors
    ///
    /// Why it cannot.
    pub(crate) fn check_name(name: &str) -> Result<(), &'static str> {
        if name.is_empty() || name == "." || name == ".." {
            Err("a name cannot be empty, nor . or ..")
        } else if name.contains(['/', '\\']) {
            Err("a name cannot contain a directory separator")
        } else if name.contains(char::is_control) {
            Err("a name cannot contain a control character")
        } else if name.len() > NAME_BYTES_MAX {
            Err("a name cannot be longer than 255 bytes")
        } else {
            Ok(())
        }
    }
}

impl fmt::Display for S3Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{SCHEME}{}", self.bucket)?;
        if self.prefix.is_empty() { Ok(()) } else { write!(f, "/{}", self.prefix) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bucket_and_prefix_are_taken_literally() {
        for (text, bucket, prefix, shown) in [
            ("s3://b", "b", "", "s3://b"),
            ("s3://b/", "b", "", "s3://b"),
            ("s3://acme.backups/x", "acme.backups", "x", "s3://acme.backups/x"),
            ("s3://b/a/b c+d%41/é/", "b", "a/b c+d%41/é", "s3://b/a/b c+d%41/é"),
            ("s3://b/?#", "b", "?#", "s3://b/?#"),
        ] {
            let location = S3Location::parse(text).unwrap();
            assert_eq!((location.bucket(), location.prefix()), (bucket, prefix), "{text}");
            assert_eq!(location.to_string(), shown);
            assert_eq!(location.name(&location.key("n")), Some("n"));
        }
    }

    #[test]
    fn what_is_no_place_is_refused() {
        for text in [
            "",
            "b",
            "/b",
            "S3://b",
            "s3:/b",
            "s3://",
            "s3:///p",
            "s3://b c/p",
            "s3://b//p",
            "s3://b/p//",
            "s3://b/../p",
            "s3://b/.",
            "s3://b/p\n",
            "s3://b/p\0",
            &format!("s3://b/{}", "p".repeat(800)),
        ] {
            let error = S3Location::parse(text).unwrap_err();
            assert_eq!(error.option(), "location", "{text:?}");
        }
    }

    #[test]
    fn only_what_lies_in_the_place_itself_has_a_name() {
        let location = S3Location::parse("s3://b/p").unwrap();
        for key in ["p", "p/", "p/x/y", "pq", "px/y", "x"] {
            assert_eq!(location.name(key), None, "{key}");
        }
        let root = S3Location::parse("s3://b").unwrap();
        assert_eq!(root.name("dump-summary.dfs"), Some("dump-summary.dfs"));
        assert_eq!(root.name("p/dump-summary.dfs"), None);
    }
}
