//! Decompression of LZF: runs of literal bytes, and matches in the last 8 KiB.

use crate::Fault;

/// The longest match that three bytes of input describe.
const MATCH_BYTES_MAX: usize = 264;

/// Whether `compressed` bytes can hold `raw` ones at all.
pub(crate) fn is_possible(compressed: u64, raw: u64) -> bool {
    raw <= compressed.saturating_mul(MATCH_BYTES_MAX as u64)
}

/// Appends exactly `raw` bytes to `output`, which is empty.
///
/// # Errors
///
/// [`Fault::Lzf`] if the input ends early, refers to what is not there, or holds another length.
pub(crate) fn decompress(input: &[u8], output: &mut Vec<u8>, raw: usize) -> Result<(), Fault> {
    debug_assert!(output.is_empty());
    output.reserve_exact(raw);
    let mut rest = input;
    while let Some((&control, tail)) = rest.split_first() {
        rest = tail;
        if control < 32 {
            let literal = usize::from(control) + 1;
            let (run, tail) = rest.split_at_checked(literal).ok_or(Fault::Lzf)?;
            rest = tail;
            check_room(output, literal, raw)?;
            output.extend_from_slice(run);
            continue;
        }
        let mut length = usize::from(control >> 5);
        if length == 7 {
            length += usize::from(take(&mut rest)?);
        }
        let length = length + 2;
        let distance = (usize::from(control & 31) << 8) + usize::from(take(&mut rest)?) + 1;
        check_room(output, length, raw)?;
        copy_match(output, distance, length)?;
    }
    if output.len() == raw { Ok(()) } else { Err(Fault::Lzf) }
}

fn take(rest: &mut &[u8]) -> Result<u8, Fault> {
    let (&byte, tail) = rest.split_first().ok_or(Fault::Lzf)?;
    *rest = tail;
    Ok(byte)
}

fn check_room(output: &[u8], more: usize, raw: usize) -> Result<(), Fault> {
    if raw - output.len() >= more { Ok(()) } else { Err(Fault::Lzf) }
}

/// Appends `length` bytes from `distance` back; a match may run into what it appends.
fn copy_match(output: &mut Vec<u8>, distance: usize, length: usize) -> Result<(), Fault> {
    let start = output.len().checked_sub(distance).ok_or(Fault::Lzf)?;
    let mut left = length;
    while left > 0 {
        // What is already there repeats with the period `distance`.
        let run = left.min(output.len() - start);
        output.extend_from_within(start..start + run);
        left -= run;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::decompress;
    use crate::Fault;

    #[test]
    fn literals_and_matches_are_put_together() {
        let mut output = Vec::new();
        // "abc", then eight bytes from three back.
        let input = [2, b'a', b'b', b'c', (6 << 5), 2];
        decompress(&input, &mut output, 11).unwrap();
        assert_eq!(output, b"abcabcabcab");
    }

    #[test]
    fn a_long_match_of_one_byte_is_a_run() {
        let mut output = Vec::new();
        let input = [0, b'x', 0xe0, 255, 0];
        decompress(&input, &mut output, 265).unwrap();
        assert_eq!(output, [b'x'; 265]);
    }

    #[test]
    fn bytes_that_contradict_the_length_are_refused() {
        let cases: [(&[u8], usize); 7] = [
            (&[2, b'a', b'b'], 3),
            (&[0, b'a'], 2),
            (&[1, b'a', b'b'], 1),
            (&[0, b'a', 0x20, 1], 4),
            (&[0, b'a', 0x20], 4),
            (&[0, b'a', 0xe0], 4),
            (&[0x20, 0], 3),
        ];
        for (input, raw) in cases {
            assert_eq!(decompress(input, &mut Vec::new(), raw), Err(Fault::Lzf), "{input:?}");
        }
    }
}
