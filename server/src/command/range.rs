//! Parts of strings.

use exuvia::{Change, ExpiryChange, Value};

use super::spec::{Group, Spec};
use super::{Call, Failure, Outcome};

pub(super) const COMMANDS: &[Spec] = &[
    Spec::now(Group::String, "append", 3, append)
        .writes()
        .grows()
        .fast()
        .key()
        .access(&[&["RW", "insert"]])
        .doc(
            "2.0.0",
            "O(N) where N is the length of the string.",
            "Appends a string to the value of a key. Creates the key if it doesn't exist.",
        ),
    Spec::now(Group::String, "getrange", 4, getrange)
        .reads()
        .key()
        .access(&[&["RO", "access"]])
        .doc(
            "2.4.0",
            "O(N) where N is the length of the returned string.",
            "Returns a substring of the string stored at a key.",
        ),
    Spec::now(Group::String, "substr", 4, getrange).reads().key().access(&[&["RO", "access"]]).doc(
        "1.0.0",
        "O(N) where N is the length of the returned string.",
        "Returns a substring from a string value.",
    ),
    Spec::now(Group::String, "setrange", 4, setrange)
        .writes()
        .grows()
        .key()
        .access(&[&["RW", "update"]])
        .doc(
            "2.2.0",
            "O(N) where N is the length of the string.",
            "Overwrites a part of a string value with another by an offset. Creates the key if it \
         doesn't exist.",
        ),
];

fn append(call: &mut Call<'_>) -> Outcome {
    let bytes_max = call.server.string_bytes_max();
    let suffix = call.args.at(2);
    let length = call.keys.update(call.args.at(1), |entry| {
        let old = entry.map_or(&[][..], |entry| entry.value);
        let length = old.len() + suffix.len();
        if length > bytes_max {
            return (Change::Keep, Err(Failure::TOO_LARGE));
        }
        (Change::Set(Value::from([old, suffix].concat()), ExpiryChange::Keep), Ok(length))
    })??;
    call.out.count(length as u64);
    Ok(())
}

fn getrange(call: &mut Call<'_>) -> Outcome {
    let (start, end) = (call.integer(2)?, call.integer(3)?);
    let Call { args, out, keys, .. } = call;
    let found = keys.with(args.at(1), |entry| {
        let range = bounds(start, end, entry.value.len());
        out.bulk(&entry.value[range]);
    })?;
    if found.is_none() {
        out.bulk(b"");
    }
    Ok(())
}

/// The bytes from `start` to `end`, both included, negative ones counted from the end.
fn bounds(start: i64, end: i64, length: usize) -> std::ops::Range<usize> {
    if start < 0 && end < 0 && start > end {
        return 0..0;
    }
    let length = length as i64;
    let absolute = |at: i64| if at < 0 { at.saturating_add(length).max(0) } else { at };
    let (start, end) = (absolute(start), absolute(end).min(length - 1));
    if start > end { 0..0 } else { start as usize..end as usize + 1 }
}

fn setrange(call: &mut Call<'_>) -> Outcome {
    let offset = call.integer(2)?;
    let offset = usize::try_from(offset).map_err(|_| Failure::new("ERR offset is out of range"))?;
    let bytes_max = call.server.string_bytes_max();
    let patch = call.args.at(3);
    let length = call.keys.update(call.args.at(1), |entry| {
        let old = entry.map_or(&[][..], |entry| entry.value);
        if patch.is_empty() {
            return (Change::Keep, Ok(old.len()));
        }
        match offset.checked_add(patch.len()).filter(|end| *end <= bytes_max) {
            None => (Change::Keep, Err(Failure::TOO_LARGE)),
            Some(end) => {
                let mut new = Vec::with_capacity(end.max(old.len()));
                new.extend_from_slice(old);
                new.resize(end.max(old.len()), 0);
                new[offset..end].copy_from_slice(patch);
                let length = new.len();
                (Change::Set(Value::from(new), ExpiryChange::Keep), Ok(length))
            }
        }
    })??;
    call.out.count(length as u64);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::bounds;

    #[test]
    fn bounds_are_clipped_as_in_redis() {
        for (start, end, length, expected) in [
            (0, 3, 11, 0..4),
            (0, -1, 11, 0..11),
            (-4, -1, 11, 7..11),
            (5, 3, 11, 0..0),
            (5, 5000, 11, 5..11),
            (-5000, 10000, 11, 0..11),
            (-1, -5, 11, 0..0),
            (0, -100, 4, 0..1),
            (11, 12, 11, 0..0),
            (0, -1, 0, 0..0),
            (i64::MIN, i64::MAX, 3, 0..3),
        ] {
            assert_eq!(bounds(start, end, length), expected, "{start} {end} {length}");
        }
    }
}
