//! Patterns as `KEYS`, `SCAN` and `PSUBSCRIBE` take them.

/// Whether `text` matches `pattern`.
///
/// `*` stands for any run of bytes, `?` for one byte, `[abc]`, `[a-z]` and `[^a]` for one of a
/// class, and a backslash takes the next byte literally. The oddities are Redis's: a class that is
/// not closed ends with the pattern, and a range may run backwards.
///
/// Takes time in proportion to the product of both lengths at worst.
pub(crate) fn matches(pattern: &[u8], text: &[u8]) -> bool {
    let (mut p, mut t) = (0, 0);
    // Where to resume when the rest does not match: behind the last star, one byte further on.
    let mut resume = None;
    loop {
        if pattern.get(p) == Some(&b'*') {
            p += 1;
            if p == pattern.len() {
                return true;
            }
            resume = Some((p, t));
            continue;
        }
        if p < pattern.len() && t < text.len() {
            if let Some(next) = matches_one(pattern, p, text[t]) {
                p = next;
                t += 1;
                continue;
            }
        } else if p == pattern.len() && t == text.len() {
            return true;
        }
        match resume {
            Some((star, from)) if from < text.len() => {
                (p, t) = (star, from + 1);
                resume = Some((star, from + 1));
            }
            _ => return false,
        }
    }
}

/// Whether a pattern is a literal: no byte of it stands for anything else.
pub(crate) fn is_literal(pattern: &[u8]) -> bool {
    !pattern.iter().any(|byte| b"*?[\\".contains(byte))
}

/// If the element of the pattern at `p` matches `byte`, returns where the next element begins.
fn matches_one(pattern: &[u8], p: usize, byte: u8) -> Option<usize> {
    match pattern[p] {
        b'?' => Some(p + 1),
        b'[' => class(pattern, p + 1, byte),
        b'\\' if p + 1 < pattern.len() => (pattern[p + 1] == byte).then_some(p + 2),
        literal => (literal == byte).then_some(p + 1),
    }
}

fn class(pattern: &[u8], mut p: usize, byte: u8) -> Option<usize> {
    let negated = pattern.get(p) == Some(&b'^');
    p += usize::from(negated);
    let mut found = false;
    loop {
        match pattern[p..] {
            [] => break,
            [b'\\', literal, ..] => {
                found |= literal == byte;
                p += 2;
            }
            [b']', ..] => {
                p += 1;
                break;
            }
            [a, b'-', b, ..] => {
                found |= (a.min(b)..=a.max(b)).contains(&byte);
                p += 3;
            }
            [literal, ..] => {
                found |= literal == byte;
                p += 1;
            }
        }
    }
    (found != negated).then_some(p)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_as_in_redis() {
        for (pattern, text, expected) in [
            ("*", "anything", true),
            ("*", "", true),
            ("**", "", true),
            ("", "", true),
            ("", "a", false),
            ("h?llo", "hello", true),
            ("h?llo", "hllo", false),
            ("h*llo", "heeeello", true),
            ("h[ae]llo", "hallo", true),
            ("h[ae]llo", "hillo", false),
            ("h[^e]llo", "hallo", true),
            ("h[^e]llo", "hello", false),
            ("h[a-c]llo", "hbllo", true),
            ("h[c-a]llo", "hbllo", true),
            ("h[a-", "h-", true),
            ("h[abc", "hb", true),
            ("[]", "a", false),
            ("[^]", "a", true),
            ("[\\]]", "]", true),
            ("a\\*b", "a*b", true),
            ("a\\*b", "axb", false),
            ("a\\", "a\\", true),
            ("*a*b*c", "xxaxxbxxc", true),
            ("*a*b*c", "xxaxxbxx", false),
            ("foo*bar", "foobarbaz", false),
            ("foo*bar", "foobarbazbar", true),
        ] {
            let got = matches(pattern.as_bytes(), text.as_bytes());
            assert_eq!(got, expected, "{pattern:?} against {text:?}");
        }
    }

    #[test]
    fn a_hostile_pattern_takes_no_exponential_time() {
        let pattern = b"a*".repeat(50);
        let text = vec![b'a'; 2000];
        assert!(matches(&pattern, &text));
        assert!(!matches(&[&pattern[..], b"b"].concat(), &text));
    }

    /// The same relation by plain recursion, as slow as it likes to be.
    fn oracle(pattern: &[u8], text: &[u8]) -> bool {
        match (pattern, text) {
            ([], text) => text.is_empty(),
            ([b'*', rest @ ..], text) => (0..=text.len()).any(|from| oracle(rest, &text[from..])),
            (_, []) => false,
            (pattern, [byte, rest @ ..]) => {
                matches_one(pattern, 0, *byte).is_some_and(|next| oracle(&pattern[next..], rest))
            }
        }
    }

    #[test]
    fn random_patterns_agree_with_plain_recursion() {
        let seed = crate::seed::test_seed();
        let mut random = fastrand::Rng::with_seed(seed);
        for _ in 0..20_000 {
            let mut draw = |alphabet: &[u8], most: usize| -> Vec<u8> {
                (0..random.usize(..=most)).map(|_| *random.choice(alphabet).unwrap()).collect()
            };
            let pattern = draw(b"ab*?[]^-\\", 8);
            let text = draw(b"ab]-", 8);
            assert_eq!(
                matches(&pattern, &text),
                oracle(&pattern, &text),
                "{} against {}",
                pattern.escape_ascii(),
                text.escape_ascii()
            );
        }
    }
}
