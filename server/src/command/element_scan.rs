//! What the commands that go through the elements of one collection share: `HSCAN`, `SSCAN`,
//! `ZSCAN`.

use super::Failure;
use super::call::is;
use crate::glob;
use crate::number::{parse_i64, parse_u64};
use crate::resp::{Args, Output};

/// Elements visited in one call at most: the number a client asks for is a wish.
const ELEMENTS_MAX: usize = 4096;

/// One call of such a command.
pub(super) struct ElementScan<'a> {
    pub(super) cursor: u64,
    options: Args<'a>,
}

/// Which elements are wanted.
#[derive(Clone, Copy)]
pub(super) struct Wanted<'a> {
    pattern: Option<&'a [u8]>,
    /// About how many elements to visit.
    pub(super) count: usize,
}

impl<'a> ElementScan<'a> {
    /// Reads the cursor; options are read once the collection is known to be there.
    pub(super) fn parse(args: Args<'a>) -> Result<Self, Failure> {
        let cursor = parse_u64(args.at(2)).ok_or(Failure::new("ERR invalid cursor"))?;
        Ok(Self { cursor, options: args.from(3) })
    }

    pub(super) fn wanted(&self) -> Result<Wanted<'a>, Failure> {
        let mut wanted = Wanted { pattern: None, count: 10 };
        for option in (0..self.options.len()).step_by(2) {
            let word = self.options.at(option);
            let Some(value) = self.options.get(option + 1) else { return Err(Failure::SYNTAX) };
            if is(word, "match") {
                wanted.pattern = Some(value).filter(|pattern| *pattern != b"*");
            } else if is(word, "count") {
                let count = parse_i64(value).ok_or(Failure::NOT_AN_INTEGER)?;
                if count < 1 {
                    return Err(Failure::SYNTAX);
                }
                wanted.count = usize::try_from(count).unwrap_or(usize::MAX).min(ELEMENTS_MAX);
            } else {
                return Err(Failure::SYNTAX);
            }
        }
        Ok(wanted)
    }
}

impl Wanted<'_> {
    pub(super) fn matches(self, name: &[u8]) -> bool {
        self.pattern.is_none_or(|pattern| glob::matches(pattern, name))
    }
}

/// Answers with the next cursor and what was found, which has `words` strings.
pub(super) fn reply(out: &mut Output, cursor: u64, words: usize, found: Option<Output>) {
    out.array(2);
    out.bulk(cursor.to_string().as_bytes());
    out.array(words);
    if let Some(found) = found {
        out.append(found);
    }
}
