//! `BITFIELD`: integers of any width at any bit of a string.

use exuvia::{Change, ExpiryChange, Value};

use super::bits::{grown, offset};
use super::call::is;
use super::spec::{Group, Spec};
use super::{Call, Failure, Outcome};
use crate::number::parse_i64;

pub(super) const COMMANDS: &[Spec] = &[
    Spec::now(Group::Bitmap, "bitfield", -2, bitfield)
        .writes()
        .grows()
        .key()
        .access(&[&["RW", "access", "update", "variable_flags"]])
        .doc(
            "3.2.0",
            "O(1) for each subcommand specified",
            "Performs arbitrary bitfield integer operations on strings.",
        ),
    Spec::now(Group::Bitmap, "bitfield_ro", -2, bitfield_ro)
        .reads()
        .fast()
        .key()
        .access(&[&["RO", "access"]])
        .doc(
            "6.0.0",
            "O(1) for each subcommand specified",
            "Performs arbitrary read-only bitfield integer operations on strings.",
        ),
];

/// What happens to a number that does not fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Overflow {
    Wrap,
    Saturate,
    Fail,
}

impl Overflow {
    fn parse(word: &[u8]) -> Result<Self, Failure> {
        let known = [("wrap", Self::Wrap), ("sat", Self::Saturate), ("fail", Self::Fail)];
        let found = known.into_iter().find(|(name, _)| is(word, name));
        found
            .map(|(_, overflow)| overflow)
            .ok_or(Failure::new("ERR Invalid OVERFLOW type specified"))
    }
}

/// An integer somewhere in a string.
#[derive(Clone, Copy, Debug)]
struct Field {
    signed: bool,
    /// From 1 to 64, or to 63 without a sign.
    width: u32,
    /// Its highest bit.
    at: usize,
}

impl Field {
    fn parse(kind: &[u8], at: &[u8], bytes_max: usize) -> Result<Self, Failure> {
        const WRONG: Failure = Failure::new(
            "ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported \
             but i64 is.",
        );
        let (signed, width) = match kind {
            [b'i', width @ ..] => (true, width),
            [b'u', width @ ..] => (false, width),
            _ => return Err(WRONG),
        };
        let widest = if signed { 64 } else { 63 };
        let width = parse_i64(width).filter(|width| (1..=widest).contains(width)).ok_or(WRONG)?;
        let width = width as u32;
        Ok(Self { signed, width, at: offset(at, Some(width), bytes_max)? })
    }

    /// Bytes of a string that holds the field.
    fn bytes_end(self) -> usize {
        (self.at + self.width as usize).div_ceil(8)
    }

    /// The bytes that the field touches, at most nine, as one number, and how far the field is
    /// from that number's low end.
    fn window(self, bytes: &[u8]) -> (u128, usize) {
        let first = self.at / 8;
        let mut window = 0;
        for at in first..self.bytes_end() {
            window = window << 8 | u128::from(bytes.get(at).copied().unwrap_or(0));
        }
        (window, self.bytes_end() * 8 - self.at - self.width as usize)
    }

    fn mask(self) -> u128 {
        (1 << self.width) - 1
    }

    /// The number in the field; bits behind the string's end are zeros.
    fn get(self, bytes: &[u8]) -> i64 {
        let (window, shift) = self.window(bytes);
        self.narrow(window >> shift)
    }

    /// Writes the low bits of `number` into the field, which the string holds whole.
    fn set(self, bytes: &mut [u8], number: i64) {
        let (window, shift) = self.window(bytes);
        let kept = window & !(self.mask() << shift);
        let window = kept | (number as u128 & self.mask()) << shift;
        let range = self.at / 8..self.bytes_end();
        let significant = range.len();
        bytes[range].copy_from_slice(&window.to_be_bytes()[16 - significant..]);
    }

    /// The low bits of `number`, as the field shows them.
    fn narrow(self, number: u128) -> i64 {
        let unused = 128 - self.width;
        let top = number << unused;
        (if self.signed { top as i128 >> unused } else { (top >> unused) as i128 }) as i64
    }

    /// `number` as the field can hold it, or none if it does not fit and must not be changed.
    fn fit(self, number: i128, overflow: Overflow) -> Option<i64> {
        let (least, most) = if self.signed {
            (-(1_i128 << (self.width - 1)), (1_i128 << (self.width - 1)) - 1)
        } else {
            (0, (1_i128 << self.width) - 1)
        };
        match overflow {
            _ if (least..=most).contains(&number) => Some(number as i64),
            Overflow::Wrap => Some(self.narrow(number as u128)),
            Overflow::Saturate => Some(number.clamp(least, most) as i64),
            Overflow::Fail => None,
        }
    }
}

/// What is done with a field.
#[derive(Clone, Copy, Debug)]
enum Action {
    Get,
    Set(i64, Overflow),
    Add(i64, Overflow),
}

#[derive(Clone, Copy, Debug)]
struct Operation {
    field: Field,
    action: Action,
}

impl Operation {
    fn writes(self) -> bool {
        !matches!(self.action, Action::Get)
    }

    /// Performs the operation; none if the new number would not fit.
    fn run(self, bytes: &mut [u8]) -> Option<i64> {
        let old = self.field.get(bytes);
        match self.action {
            Action::Get => Some(old),
            Action::Set(number, overflow) => {
                // Without a sign a negative number is a very large one.
                let wanted =
                    if self.field.signed { i128::from(number) } else { i128::from(number as u64) };
                self.field.set(bytes, self.field.fit(wanted, overflow)?);
                Some(old)
            }
            Action::Add(increment, overflow) => {
                let new = self.field.fit(i128::from(old) + i128::from(increment), overflow)?;
                self.field.set(bytes, new);
                Some(new)
            }
        }
    }
}

fn parse(call: &Call<'_>) -> Result<Vec<Operation>, Failure> {
    let bytes_max = call.server.string_bytes_max();
    let mut operations = Vec::new();
    let mut overflow = Overflow::Wrap;
    let mut rest = call.args.from(2);
    while let Some(word) = rest.get(0) {
        let given = rest.len() - 1;
        if is(word, "overflow") && given >= 1 {
            overflow = Overflow::parse(rest.at(1))?;
            rest = rest.from(2);
            continue;
        }
        let writes = is(word, "set") || is(word, "incrby");
        let reads = is(word, "get");
        if !(reads && given >= 2 || writes && given >= 3) {
            return Err(Failure::SYNTAX);
        }
        let field = Field::parse(rest.at(1), rest.at(2), bytes_max)?;
        let number = || parse_i64(rest.at(3)).ok_or(Failure::NOT_AN_INTEGER);
        let action = if reads {
            Action::Get
        } else if is(word, "set") {
            Action::Set(number()?, overflow)
        } else {
            Action::Add(number()?, overflow)
        };
        operations.push(Operation { field, action });
        rest = rest.from(if reads { 3 } else { 4 });
    }
    Ok(operations)
}

fn bitfield(call: &mut Call<'_>) -> Outcome {
    let operations = parse(call)?;
    let end = operations.iter().filter(|operation| operation.writes());
    let Some(bytes) = end.map(|operation| operation.field.bytes_end()).max() else {
        return read(call, &operations);
    };
    let results = call.keys.update(call.args.at(1), |entry| {
        let mut new = grown(entry, bytes);
        let results: Vec<_> = operations.iter().map(|operation| operation.run(&mut new)).collect();
        let changes = entry.is_none_or(|entry| entry.value != new);
        let change = Change::Set(Value::from(new), ExpiryChange::Keep);
        (if changes { change } else { Change::Keep }, results)
    })?;
    reply(call, &results);
    Ok(())
}

fn bitfield_ro(call: &mut Call<'_>) -> Outcome {
    let operations = parse(call)?;
    if operations.iter().any(|operation| operation.writes()) {
        return Err(Failure::new("ERR BITFIELD_RO only supports the GET subcommand"));
    }
    read(call, &operations)
}

fn read(call: &mut Call<'_>, operations: &[Operation]) -> Outcome {
    let get = |bytes: &[u8]| -> Vec<_> {
        operations.iter().map(|operation| Some(operation.field.get(bytes))).collect()
    };
    let found = call.keys.with(call.args.at(1), |entry| get(entry.value))?;
    let results = found.unwrap_or_else(|| get(&[]));
    reply(call, &results);
    Ok(())
}

fn reply(call: &mut Call<'_>, results: &[Option<i64>]) {
    call.out.array(results.len());
    for result in results {
        match result {
            Some(number) => call.out.integer(*number),
            None => call.out.null(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::test_seed;

    #[test]
    fn a_field_reads_back_and_its_neighbours_stay() {
        let mut random = fastrand::Rng::with_seed(test_seed());
        for _ in 0..5000 {
            let signed = random.bool();
            let width = random.u32(1..=if signed { 64 } else { 63 });
            let field = Field { signed, width, at: random.usize(..60) };
            let mut bytes: Vec<u8> = (0..16).map(|_| random.u8(..)).collect();
            let before = bytes.clone();
            let number = field.narrow(u128::from(random.u64(..)));
            field.set(&mut bytes, number);
            assert_eq!(field.get(&bytes), number, "{field:?}");
            field.set(&mut bytes, field.get(&before));
            assert_eq!(bytes, before, "{field:?}");
        }
    }

    #[test]
    fn numbers_that_do_not_fit_wrap_saturate_or_fail() {
        let signed = Field { signed: true, width: 8, at: 0 };
        let unsigned = Field { signed: false, ..signed };
        for (field, number, wrapped, saturated) in [
            (signed, 128, -128, 127),
            (signed, -129, 127, -128),
            (unsigned, 256, 0, 255),
            (unsigned, -1, 255, 0),
        ] {
            assert_eq!(field.fit(number, Overflow::Wrap), Some(wrapped));
            assert_eq!(field.fit(number, Overflow::Saturate), Some(saturated));
            assert_eq!(field.fit(number, Overflow::Fail), None);
        }
        let widest = Field { signed: true, width: 64, at: 3 };
        let most = i128::from(i64::MAX);
        assert_eq!(widest.fit(most, Overflow::Fail), Some(i64::MAX));
        assert_eq!(widest.fit(most + 1, Overflow::Wrap), Some(i64::MIN));
        assert_eq!(widest.fit(most + 1, Overflow::Saturate), Some(i64::MAX));
    }
}
