//! Names of objects on disk.

use std::io;

/// Appended to a name while its file is being written.
pub(super) const TEMPORARY_SUFFIX: &str = ".tmp";

/// Files that begin so are the engine's own bookkeeping and never objects.
pub(super) const PRIVATE_PREFIX: &str = ".exuvia-";

/// Longest name, in bytes, that common file systems take.
const NAME_BYTES_MAX: usize = 255;

/// Checks that `name` stays inside the directory and leaves room for the temporary suffix.
pub(super) fn check(name: &str) -> io::Result<()> {
    let reason = if name.is_empty() {
        "a name cannot be empty"
    } else if name == "." || name == ".." {
        "a name cannot be a directory reference"
    } else if name.contains(['/', '\\']) {
        "a name cannot contain a directory separator"
    } else if name.contains('\0') {
        "a name cannot contain a NUL byte"
    } else if name.starts_with(PRIVATE_PREFIX) {
        "names beginning with .exuvia- are reserved"
    } else if name.len() > NAME_BYTES_MAX {
        "a name cannot be longer than 255 bytes"
    } else {
        return Ok(());
    };
    Err(io::Error::new(io::ErrorKind::InvalidInput, reason))
}

/// The name under which `name` is written before it is published.
pub(super) fn temporary(name: &str) -> String {
    format!("{name}{TEMPORARY_SUFFIX}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_could_leave_the_directory_is_refused() {
        for name in ["", ".", "..", "a/b", "/a", "a\\b", "a\0", ".exuvia-x", &"n".repeat(256)] {
            let error = check(name).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidInput, "{name:?}");
        }
    }

    #[test]
    fn ordinary_names_pass() {
        for name in ["dump-2026-01-02T03:04:05-summary.dfs", "..x", "a b", "dump.rdb", "é"] {
            assert!(check(name).is_ok(), "{name:?}");
        }
    }
}
