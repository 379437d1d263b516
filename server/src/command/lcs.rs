//! `LCS`: the longest common subsequence of two strings.

use std::future::Future;
use std::pin::Pin;

use exuvia::{Expiry, Item, Value};

use super::call::{blocking, is};
use super::spec::{Group, Spec};
use super::{Call, Failure, Keys, LongCall, Outcome};
use crate::number::parse_i64;
use crate::resp::{Args, Output};

pub(super) const COMMANDS: &[Spec] = &[Spec::now(Group::String, "lcs", -3, lcs)
    .long(0, lcs_aside)
    .reads()
    .keys(1, 2, 1)
    .access(&[&["RO", "access"]])
    .doc(
        "7.0.0",
        "O(N*M) where N and M are the lengths of s1 and s2, respectively",
        "Finds the longest common substring.",
    )];

/// Cells of the table from which on it is filled away from the connection thread.
const ASIDE_CELLS: usize = 1 << 16;

/// What is asked of the two strings.
#[derive(Clone, Copy, Debug, Default)]
struct Options {
    length: bool,
    ranges: bool,
    range_bytes_min: usize,
    range_lengths: bool,
}

impl Options {
    fn parse(args: Args<'_>) -> Result<Self, Failure> {
        let mut options = Self::default();
        let mut next = 3;
        while let Some(word) = args.get(next) {
            match word {
                word if is(word, "idx") => options.ranges = true,
                word if is(word, "len") => options.length = true,
                word if is(word, "withmatchlen") => options.range_lengths = true,
                word if is(word, "minmatchlen") && next + 1 < args.len() => {
                    next += 1;
                    let bytes = parse_i64(args.at(next)).ok_or(Failure::NOT_AN_INTEGER)?;
                    options.range_bytes_min = usize::try_from(bytes).unwrap_or(0);
                }
                _ => return Err(Failure::SYNTAX),
            }
            next += 1;
        }
        if options.length && options.ranges {
            return Err(Failure::new(
                "ERR If you want both the length and indexes, please just use IDX.",
            ));
        }
        Ok(options)
    }
}

/// A run of bytes that both strings have, on the way that was chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Run {
    a: usize,
    b: usize,
    bytes: usize,
}

/// The common subsequence: its bytes, and the runs that it is made of, last first.
#[derive(Debug, Default)]
struct Common {
    bytes: Vec<u8>,
    runs: Vec<Run>,
}

/// Finds a longest common subsequence by the usual table of lengths.
fn common(a: &[u8], b: &[u8]) -> Common {
    let width = b.len() + 1;
    // lengths[i * width + j] is that of the first i bytes of one and the first j of the other.
    let mut lengths = vec![0_u32; (a.len() + 1) * width];
    for i in 1..=a.len() {
        let (above, row) = lengths[(i - 1) * width..(i + 1) * width].split_at_mut(width);
        for j in 1..=b.len() {
            row[j] = if a[i - 1] == b[j - 1] { above[j - 1] + 1 } else { above[j].max(row[j - 1]) };
        }
    }
    let mut found = Common::default();
    let mut run: Option<Run> = None;
    let (mut i, mut j) = (a.len(), b.len());
    while i > 0 && j > 0 {
        if a[i - 1] == b[j - 1] {
            (i, j) = (i - 1, j - 1);
            found.bytes.push(a[i]);
            let bytes = run.map_or(0, |run| run.bytes) + 1;
            run = Some(Run { a: i, b: j, bytes });
        } else {
            found.runs.extend(run.take());
            if lengths[(i - 1) * width + j] > lengths[i * width + j - 1] {
                i -= 1;
            } else {
                j -= 1;
            }
        }
    }
    found.runs.extend(run);
    found.bytes.reverse();
    found
}

/// The length alone, from two rows of the table.
fn common_length(a: &[u8], b: &[u8]) -> u32 {
    let mut above = vec![0_u32; b.len() + 1];
    let mut row = above.clone();
    for &byte in a {
        for j in 1..=b.len() {
            row[j] = if byte == b[j - 1] { above[j - 1] + 1 } else { above[j].max(row[j - 1]) };
        }
        std::mem::swap(&mut above, &mut row);
    }
    above[b.len()]
}

/// The two strings, of which an absent one is empty.
struct Strings {
    a: Value,
    b: Value,
}

impl Strings {
    /// Reads both as of one instant.
    fn read(keys: &mut Keys<'_>, args: Args<'_>) -> Result<Self, Failure> {
        let database = keys.database.index();
        let items = keys.atomically(|step| {
            Ok([step.item(database, args.at(1))?, step.item(database, args.at(2))?])
        })?;
        for (item, at) in items.iter().zip(1..) {
            keys.looked_up(args.at(at), item.is_some());
        }
        let string = |item: Option<(Item, Expiry)>| match item {
            None => Ok(Value::from(b"")),
            Some((item, _)) => item
                .into_string()
                .map_err(|_| Failure::new("ERR The specified keys must contain string values")),
        };
        let [a, b] = items.map(string);
        Ok(Self { a: a?, b: b? })
    }

    fn cells(&self) -> usize {
        (self.a.len() + 1).saturating_mul(self.b.len() + 1)
    }

    /// Refuses strings whose table would be larger than the longest string may be.
    fn check(&self, bytes_max: usize) -> Result<(), Failure> {
        if self.cells().saturating_mul(size_of::<u32>()) > bytes_max {
            return Err(Failure::new(
                "ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len",
            ));
        }
        Ok(())
    }

    /// Writes what was asked for.
    fn answer(&self, options: Options, out: &mut Output) {
        if options.length {
            out.count(u64::from(common_length(&self.a, &self.b)));
            return;
        }
        let Common { bytes, mut runs } = common(&self.a, &self.b);
        if !options.ranges {
            out.bulk(&bytes);
            return;
        }
        runs.retain(|run| run.bytes >= options.range_bytes_min);
        out.map(2);
        out.bulk(b"matches");
        out.array(runs.len());
        for run in runs {
            out.array(2 + usize::from(options.range_lengths));
            for start in [run.a, run.b] {
                out.array(2);
                out.count(start as u64);
                out.count((start + run.bytes - 1) as u64);
            }
            if options.range_lengths {
                out.count(run.bytes as u64);
            }
        }
        out.bulk(b"len");
        out.count(bytes.len() as u64);
    }
}

/// Within an atomic step there is no other way than to do it at once.
fn lcs(call: &mut Call<'_>) -> Outcome {
    let Call { args, out, keys, server, .. } = call;
    let strings = Strings::read(keys, *args)?;
    let options = Options::parse(*args)?;
    strings.check(server.string_bytes_max())?;
    strings.answer(options, out);
    Ok(())
}

fn lcs_aside<'a>(call: LongCall<'a>) -> Pin<Box<dyn Future<Output = Outcome> + Send + 'a>> {
    Box::pin(async move {
        let strings = {
            let mut keys = Keys::live(call.database, call.server, call.stats, call.spec);
            Strings::read(&mut keys, call.args)?
        };
        let options = Options::parse(call.args)?;
        strings.check(call.server.string_bytes_max())?;
        if strings.cells() < ASIDE_CELLS {
            strings.answer(options, call.out);
            return Ok(());
        }
        let mut reply = Output::new();
        reply.set_protocol(call.out.protocol());
        let reply = blocking(move || {
            strings.answer(options, &mut reply);
            reply
        })
        .await?;
        call.out.append(reply);
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_subsequence_and_its_runs_are_those_of_redis() {
        let found = common(b"ohmytext", b"mynewtext");
        assert_eq!(found.bytes, b"mytext");
        let runs = [Run { a: 4, b: 5, bytes: 4 }, Run { a: 2, b: 0, bytes: 2 }];
        assert_eq!(found.runs, runs);
    }

    #[test]
    fn both_ways_find_the_same_length() {
        for (a, b) in [("", ""), ("a", ""), ("abcbdab", "bdcaba"), ("aaaa", "aa"), ("abc", "xyz")] {
            let found = common(a.as_bytes(), b.as_bytes());
            assert_eq!(found.bytes.len() as u32, common_length(a.as_bytes(), b.as_bytes()));
            assert_eq!(found.runs.iter().map(|run| run.bytes).sum::<usize>(), found.bytes.len());
        }
    }
}
