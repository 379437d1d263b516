//! Fields that a command names behind their number.

use crate::command::Failure;
use crate::command::call::is;
use crate::number::parse_i64;
use crate::resp::Args;

/// What a command says to a number of fields that is none.
pub(super) const NOT_POSITIVE: &str = "ERR Number of fields must be a positive integer";

/// The fields behind the word `FIELDS`, which has to be argument `at`, and their number.
///
/// # Errors
///
/// A failure that tells what is missing; `not_positive` if the number is no positive one.
pub(super) fn fields<'a>(
    args: Args<'a>,
    at: usize,
    not_positive: &'static str,
) -> Result<Args<'a>, Failure> {
    if !args.get(at).is_some_and(|word| is(word, "fields")) {
        return Err(Failure::new(
            "ERR Mandatory argument FIELDS is missing or not at the right position",
        ));
    }
    let number = args.get(at + 1).and_then(parse_i64).filter(|number| *number > 0);
    let number = number.ok_or(Failure::new(not_positive))?;
    let fields = args.from(at + 2);
    if usize::try_from(number) != Ok(fields.len()) {
        return Err(Failure::new(
            "ERR The `numfields` parameter must match the number of arguments",
        ));
    }
    Ok(fields)
}
