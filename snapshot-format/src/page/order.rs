//! The order of keys whose hashes are equal.

/// Bytes of a key that are kept to compare it with the next one of the same hash.
///
/// Keys that are equal that far may follow each other in any order: judging them would take
/// memory for whole keys of any length.
const KEY_START_BYTES: usize = 256 << 10;

/// As much of `key` as is kept to compare it with the next.
pub(crate) fn start_of_key(key: &[u8]) -> &[u8] {
    &key[..key.len().min(KEY_START_BYTES)]
}

/// Whether `key` may follow `last`, a key or the start of one, of the same database and hash.
///
/// `key_is_whole` tells whether `key` is all of its key, or only a start. What the known bytes
/// cannot decide is allowed.
pub(crate) fn ascends(last: &[u8], key: &[u8], key_is_whole: bool) -> bool {
    let common = last.len().min(key.len());
    match last[..common].cmp(&key[..common]) {
        std::cmp::Ordering::Less => true,
        std::cmp::Ordering::Equal => key.len() > last.len() || !key_is_whole,
        std::cmp::Ordering::Greater => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_keys_ascend_strictly() {
        assert!(ascends(b"a", b"b", true));
        assert!(ascends(b"a", b"aa", true));
        assert!(ascends(b"", b"a", true));
        assert!(!ascends(b"a", b"a", true));
        assert!(!ascends(b"aa", b"a", true));
        assert!(!ascends(b"b", b"a", true));
    }

    #[test]
    fn a_start_of_a_key_is_refused_only_where_it_decides() {
        assert!(ascends(b"aa", b"a", false), "the key may go on with more than an a");
        assert!(ascends(b"aa", b"aa", false));
        assert!(!ascends(b"ab", b"aa", false));
    }
}
