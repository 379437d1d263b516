//! JSON for machines: flat objects, one a line.

use std::fmt::Write;

/// An object that is being written.
#[derive(Debug)]
pub(super) struct Object {
    text: String,
}

impl Object {
    pub(super) fn new() -> Self {
        Self { text: "{".to_owned() }
    }

    pub(super) fn string(mut self, name: &str, value: &str) -> Self {
        self.name(name);
        quote(&mut self.text, value);
        self
    }

    pub(super) fn number(self, name: &str, value: impl Into<u64>) -> Self {
        let value = value.into().to_string();
        self.json(name, &value)
    }

    pub(super) fn bool(self, name: &str, value: bool) -> Self {
        self.json(name, if value { "true" } else { "false" })
    }

    /// Bytes as a string; what is not UTF-8 as base64, with a second field that says so.
    pub(super) fn bytes(self, name: &str, value: &[u8]) -> Self {
        match std::str::from_utf8(value) {
            Ok(text) => self.string(name, text),
            Err(_) => {
                self.string(name, &base64(value)).string(&format!("{name}_encoding"), "base64")
            }
        }
    }

    pub(super) fn array(self, name: &str, items: impl Iterator<Item = Object>) -> Self {
        let items: Vec<String> = items.map(Object::finish).collect();
        self.json(name, &format!("[{}]", items.join(",")))
    }

    pub(super) fn finish(mut self) -> String {
        self.text.push('}');
        self.text
    }

    /// A field whose value is JSON already.
    fn json(mut self, name: &str, value: &str) -> Self {
        self.name(name);
        self.text.push_str(value);
        self
    }

    fn name(&mut self, name: &str) {
        if self.text.len() > 1 {
            self.text.push(',');
        }
        quote(&mut self.text, name);
        self.text.push(':');
    }
}

fn quote(text: &mut String, value: &str) {
    text.push('"');
    for character in value.chars() {
        match character {
            '"' => text.push_str("\\\""),
            '\\' => text.push_str("\\\\"),
            '\n' => text.push_str("\\n"),
            '\r' => text.push_str("\\r"),
            '\t' => text.push_str("\\t"),
            control if u32::from(control) < 0x20 => {
                // Writing to a string does not fail.
                let _ = write!(text, "\\u{:04x}", u32::from(control));
            }
            other => text.push(other),
        }
    }
    text.push('"');
}

/// Base64 of RFC 4648 with padding.
fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let byte = |at: usize| u32::from(chunk.get(at).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for digit in 0..4 {
            if digit <= chunk.len() {
                let index = bits >> (18 - 6 * digit) & 63;
                text.push(char::from(ALPHABET[index as usize]));
            } else {
                text.push('=');
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_that_of_the_specification() {
        for (bytes, text) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"),
        ] {
            assert_eq!(base64(bytes.as_bytes()), text);
        }
        assert_eq!(base64(&[0xff, 0xef, 0xfe]), "/+/+");
    }

    #[test]
    fn text_is_escaped_and_other_bytes_are_marked() {
        let object = Object::new().string("a\"", "\\\n\u{1}é").number("n", 7_u32).bool("b", false);
        assert_eq!(object.finish(), "{\"a\\\"\":\"\\\\\\n\\u0001é\",\"n\":7,\"b\":false}");
        let object = Object::new().bytes("key", b"moth").bytes("value", &[0xff]);
        let expected = r#"{"key":"moth","value":"/w==","value_encoding":"base64"}"#;
        assert_eq!(object.finish(), expected);
        let items = [Object::new(), Object::new().bool("x", true)];
        assert_eq!(
            Object::new().array("l", items.into_iter()).finish(),
            r#"{"l":[{},{"x":true}]}"#
        );
    }
}
