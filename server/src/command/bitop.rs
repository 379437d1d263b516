//! `BITOP`: whole strings combined bit by bit.

use exuvia::Value;

use super::call::is;
use super::spec::{Group, Spec};
use super::{Call, Failure, Outcome};
use crate::events::Event;

pub(super) const COMMANDS: &[Spec] = &[Spec::now(Group::Bitmap, "bitop", -4, bitop)
    .writes()
    .grows()
    .keys(2, -1, 1)
    .access(&[&["OW", "update"], &["RO", "access"]])
    .doc(
        "2.6.0",
        "O(N)",
        "Performs bitwise operations on multiple strings, and stores the result.",
    )];

/// How strings are combined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operation {
    And,
    Or,
    Xor,
    Not,
}

impl Operation {
    fn parse(word: &[u8]) -> Option<Self> {
        let known = [("and", Self::And), ("or", Self::Or), ("xor", Self::Xor), ("not", Self::Not)];
        known.into_iter().find(|(name, _)| is(word, name)).map(|(_, operation)| operation)
    }

    /// Combines `sources`, each with zeros behind it up to the length of the longest.
    fn apply(self, sources: &[Value]) -> Vec<u8> {
        let bytes = sources.iter().map(|source| source.len()).max().unwrap_or(0);
        let Some((first, others)) = sources.split_first() else { return Vec::new() };
        let mut result = Vec::with_capacity(bytes);
        result.extend_from_slice(first);
        result.resize(bytes, 0);
        if self == Self::Not {
            for byte in &mut result {
                *byte = !*byte;
            }
        }
        for source in others {
            let (covered, behind) = result.split_at_mut(source.len());
            for (byte, other) in covered.iter_mut().zip(source.iter()) {
                match self {
                    Self::And => *byte &= other,
                    Self::Or => *byte |= other,
                    Self::Xor => *byte ^= other,
                    // Has one source.
                    Self::Not => {}
                }
            }
            if self == Self::And {
                behind.fill(0);
            }
        }
        result
    }
}

fn bitop(call: &mut Call<'_>) -> Outcome {
    let Call { args, keys, .. } = call;
    let operation = Operation::parse(args.at(1)).ok_or(Failure::SYNTAX)?;
    if operation == Operation::Not && args.len() != 4 {
        return Err(Failure::new("ERR BITOP NOT must be called with a single source key."));
    }
    let database = keys.database.index();
    let target = args.at(2);
    let length = keys.atomically(|step| {
        let mut sources = Vec::with_capacity(args.len() - 3);
        for key in args.from(3).iter() {
            let found = step.item(database, key)?.map(|(item, _)| item.into_string());
            step.looked_up(database, key, found.is_some());
            sources.push(found.transpose()?.unwrap_or_else(|| Value::from(b"")));
        }
        let result = operation.apply(&sources);
        let length = result.len();
        if length == 0 {
            if step.remove(database, target)? {
                step.tell(database, target, Event::DEL);
            }
        } else {
            step.put_result(database, target, Value::from(result))?;
        }
        Ok(length)
    })?;
    call.out.count(length as u64);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shorter_strings_count_as_padded_with_zeros() {
        let sources = [Value::from(b"\xff\x0f\xaa"), Value::from(b"\x0f\xff")];
        assert_eq!(Operation::And.apply(&sources), b"\x0f\x0f\x00");
        assert_eq!(Operation::Or.apply(&sources), b"\xff\xff\xaa");
        assert_eq!(Operation::Xor.apply(&sources), b"\xf0\xf0\xaa");
        assert_eq!(Operation::Not.apply(&sources[..1]), b"\x00\xf0\x55");
        let reversed = [sources[1].clone(), sources[0].clone()];
        assert_eq!(Operation::And.apply(&reversed), b"\x0f\x0f\x00");
        assert_eq!(Operation::And.apply(&[Value::from(b""), Value::from(b"a")]), b"\x00");
    }
}
