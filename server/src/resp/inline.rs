//! Commands as a person types them: words on a line, with quotes.

/// The quotes of a line do not match up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Unbalanced;

/// Splits `line` into words the way Redis does, and calls `word` with the bounds of each.
///
/// Words are separated by blanks. Within double quotes the escapes `\n \r \t \b \a \xHH` and a
/// backslash before any other character are known; within single quotes only `\'`. Decoded words
/// are written over the text they came from, which they are never longer than.
///
/// # Errors
///
/// [`Unbalanced`] if a quote is left open, or a closing one is followed by anything but a blank.
pub(super) fn split(line: &mut [u8], mut word: impl FnMut(usize, usize)) -> Result<(), Unbalanced> {
    let mut at = 0;
    // Where the next decoded byte goes; never ahead of `at`.
    let mut end = 0;
    loop {
        while at < line.len() && is_blank(line[at]) {
            at += 1;
        }
        if at == line.len() {
            return Ok(());
        }
        let start = end;
        while at < line.len() && !is_blank(line[at]) {
            match line[at] {
                b'"' => {
                    at = double_quoted(line, at + 1, &mut end)?;
                    break;
                }
                b'\'' => {
                    at = single_quoted(line, at + 1, &mut end)?;
                    break;
                }
                byte => {
                    line[end] = byte;
                    end += 1;
                    at += 1;
                }
            }
        }
        word(start, end - start);
    }
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c | 0)
}

/// Decodes up to the closing double quote; returns the place behind it.
fn double_quoted(line: &mut [u8], mut at: usize, end: &mut usize) -> Result<usize, Unbalanced> {
    loop {
        let byte = *line.get(at).ok_or(Unbalanced)?;
        let decoded = match byte {
            b'"' => return closed(line, at + 1),
            b'\\' => {
                let escape = *line.get(at + 1).ok_or(Unbalanced)?;
                let hex = (escape == b'x').then(|| hex_byte(line, at + 2)).flatten();
                at += if hex.is_some() { 4 } else { 2 };
                hex.unwrap_or(match escape {
                    b'n' => b'\n',
                    b'r' => b'\r',
                    b't' => b'\t',
                    b'b' => 0x08,
                    b'a' => 0x07,
                    other => other,
                })
            }
            byte => {
                at += 1;
                byte
            }
        };
        line[*end] = decoded;
        *end += 1;
    }
}

/// Decodes up to the closing single quote; returns the place behind it.
fn single_quoted(line: &mut [u8], mut at: usize, end: &mut usize) -> Result<usize, Unbalanced> {
    loop {
        let mut byte = *line.get(at).ok_or(Unbalanced)?;
        if byte == b'\'' {
            return closed(line, at + 1);
        }
        at += 1;
        if byte == b'\\' && line.get(at) == Some(&b'\'') {
            byte = b'\'';
            at += 1;
        }
        line[*end] = byte;
        *end += 1;
    }
}

/// A closing quote ends its word: only a blank or the end of the line may follow.
fn closed(line: &[u8], at: usize) -> Result<usize, Unbalanced> {
    match line.get(at) {
        Some(&byte) if !is_blank(byte) => Err(Unbalanced),
        _ => Ok(at),
    }
}

fn hex_byte(line: &[u8], at: usize) -> Option<u8> {
    let digit = |at: usize| char::from(*line.get(at)?).to_digit(16);
    Some((digit(at)? * 16 + digit(at + 1)?) as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Result<Vec<Vec<u8>>, Unbalanced> {
        let mut line = line.as_bytes().to_vec();
        let mut bounds = Vec::new();
        split(&mut line, |start, bytes| bounds.push((start, bytes)))?;
        Ok(bounds.into_iter().map(|(start, bytes)| line[start..start + bytes].to_vec()).collect())
    }

    #[test]
    fn words_are_separated_by_any_run_of_blanks() {
        assert_eq!(words("  set\tfoo   bar ").unwrap(), [&b"set"[..], b"foo", b"bar"]);
        assert_eq!(words("   ").unwrap(), Vec::<Vec<u8>>::new());
    }

    #[test]
    fn quotes_and_escapes_are_decoded_in_place() {
        assert_eq!(
            words(r#"set "a b\x41\n\q" '' 'it\'s\n'"#).unwrap(),
            [&b"set"[..], b"a bA\nq", b"", b"it's\\n"]
        );
        assert_eq!(words(r#"ab"cd" "\xZZ""#).unwrap(), [&b"abcd"[..], b"xZZ"]);
    }

    #[test]
    fn an_open_quote_or_text_behind_a_closed_one_is_refused() {
        for line in ["set \"foo", "set 'foo", "set \"foo\"bar", "'a'b", "\"\\"] {
            assert_eq!(words(line), Err(Unbalanced), "{line}");
        }
    }
}
