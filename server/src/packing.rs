//! Redis's parameters for how it packs collections.
//!
//! A collection has one form here, whatever its size, so these change nothing that is stored. What
//! clients see of them stays as in Redis: `OBJECT ENCODING` names an encoding by them, and streams
//! that are trimmed about so far lose whole nodes.

use std::sync::atomic::{AtomicI64, Ordering};

/// A parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Parameter {
    /// Fields of a hash that is a list pack.
    HashEntries,
    /// Bytes of the longest field or value in it.
    HashValue,
    /// Entries or, if negative, bytes of a node of a list. Lists are called the same in any case.
    ListSize,
    /// Nodes at the ends of lists that are not compressed.
    ListDepth,
    /// Members of a set of integers.
    SetIntegers,
    /// Bytes of a node of a stream. Only the number of its entries counts here.
    StreamBytes,
    /// Entries of a node of a stream.
    StreamEntries,
    /// Members of a sorted set that is a list pack.
    SortedSetEntries,
    /// Bytes of the longest member in it.
    SortedSetValue,
}

/// A parameter with what is said about it in the configuration.
struct Description {
    parameter: Parameter,
    /// Its name, and the one it had before Redis 7.
    names: &'static [&'static str],
    default: i64,
    min: i64,
}

const fn described(
    parameter: Parameter,
    names: &'static [&'static str],
    default: i64,
    min: i64,
) -> Description {
    Description { parameter, names, default, min }
}

/// All of them, in the order of [`Parameter`].
const DESCRIPTIONS: [Description; 9] = {
    use Parameter as P;
    [
        described(
            P::HashEntries,
            &["hash-max-listpack-entries", "hash-max-ziplist-entries"],
            128,
            0,
        ),
        described(P::HashValue, &["hash-max-listpack-value", "hash-max-ziplist-value"], 64, 0),
        described(P::ListSize, &["list-max-listpack-size", "list-max-ziplist-size"], -2, i64::MIN),
        described(P::ListDepth, &["list-compress-depth"], 0, 0),
        described(P::SetIntegers, &["set-max-intset-entries"], 512, 0),
        described(P::StreamBytes, &["stream-node-max-bytes"], 4096, 0),
        described(P::StreamEntries, &["stream-node-max-entries"], 100, 0),
        described(
            P::SortedSetEntries,
            &["zset-max-listpack-entries", "zset-max-ziplist-entries"],
            128,
            0,
        ),
        described(P::SortedSetValue, &["zset-max-listpack-value", "zset-max-ziplist-value"], 64, 0),
    ]
};

/// The parameters' values.
#[derive(Debug)]
pub(crate) struct Packing {
    values: [AtomicI64; DESCRIPTIONS.len()],
}

impl Default for Packing {
    fn default() -> Self {
        Self { values: std::array::from_fn(|index| AtomicI64::new(DESCRIPTIONS[index].default)) }
    }
}

impl Packing {
    /// The parameter that the configuration calls `name`.
    pub(crate) fn find(name: &str) -> Option<Parameter> {
        let description = DESCRIPTIONS.iter().find(|known| known.names.contains(&name))?;
        Some(description.parameter)
    }

    /// Reads a value for `parameter`.
    ///
    /// # Errors
    ///
    /// What is accepted, as the end of a sentence.
    pub(crate) fn parse(parameter: Parameter, text: &str) -> Result<i64, String> {
        let min = DESCRIPTIONS[parameter as usize].min;
        text.parse().ok().filter(|value| *value >= min).ok_or_else(|| {
            format!("'{text}' is not accepted; accepted: a whole number, {min} or above")
        })
    }

    pub(crate) fn set(&self, parameter: Parameter, value: i64) {
        // Relaxed: the value is a number by itself, nothing else is told by it.
        self.values[parameter as usize].store(value, Ordering::Relaxed);
    }

    pub(crate) fn get(&self, parameter: Parameter) -> i64 {
        // Relaxed: as in `set`.
        self.values[parameter as usize].load(Ordering::Relaxed)
    }

    /// A parameter that cannot be negative, as a length.
    pub(crate) fn len(&self, parameter: Parameter) -> u64 {
        self.get(parameter).unsigned_abs()
    }

    /// Every name with its value.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&'static str, i64)> + '_ {
        DESCRIPTIONS.iter().flat_map(|known| {
            let value = self.get(known.parameter);
            known.names.iter().map(move |name| (*name, value))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descriptions_stand_in_the_order_of_the_parameters() {
        for (index, known) in DESCRIPTIONS.iter().enumerate() {
            assert_eq!(known.parameter as usize, index, "{:?}", known.parameter);
        }
    }

    #[test]
    fn a_parameter_has_its_value_under_both_of_its_names() {
        let packing = Packing::default();
        let parameter = Packing::find("zset-max-ziplist-value").unwrap();
        assert_eq!(parameter, Parameter::SortedSetValue);
        packing.set(parameter, Packing::parse(parameter, "10").unwrap());
        let values: Vec<_> = packing.iter().filter(|(name, _)| name.starts_with("zset")).collect();
        assert!(values.contains(&("zset-max-listpack-value", 10)), "{values:?}");
        assert!(values.contains(&("zset-max-ziplist-value", 10)), "{values:?}");
        assert!(Packing::parse(parameter, "-1").is_err());
        assert_eq!(Packing::parse(Parameter::ListSize, "-5"), Ok(-5));
    }
}
