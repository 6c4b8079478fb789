//! Percent encoding and base64, as URLs and Lambda events use them.
//!
//! Owns the conversions. Refuses to know the source of the text.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// Bytes as base64.
pub fn base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// The bytes of a base64 text.
pub fn from_base64(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text).ok()
}

/// Decodes the `%XX` of a text; bytes that are not UTF-8 afterwards become the replacement character.
pub fn percent_decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let digit = |index: usize| {
        bytes
            .get(index)
            .and_then(|byte| char::from(*byte).to_digit(16))
    };
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut index = 0;
    while let Some(byte) = bytes.get(index) {
        match (byte, digit(index + 1), digit(index + 2)) {
            (b'%', Some(high), Some(low)) => {
                decoded.push(u8::try_from(high * 16 + low).unwrap_or_default());
                index += 3;
            }
            _ => {
                decoded.push(*byte);
                index += 1;
            }
        }
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

/// Reads the parameters of a query, decoded, each with its values in their order.
pub fn query(query: &str) -> BTreeMap<String, Vec<String>> {
    let mut parameters: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let decoded = |text: &str| percent_decoded(&text.replace('+', " "));
        parameters
            .entry(decoded(name))
            .or_default()
            .push(decoded(value));
    }
    parameters
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percent_signs_are_decoded_and_broken_ones_stay() {
        let cases = [
            ("a%20b", "a b"),
            ("%e2%82%ac", "€"),
            ("100%", "100%"),
            ("%zz", "%zz"),
            ("%4", "%4"),
        ];
        for (text, expected) in cases {
            assert_eq!(percent_decoded(text), expected);
        }
    }

    #[test]
    fn a_query_keeps_every_value_of_a_name() {
        let parameters = query("a=1&b=x+y&a=2&c&=&&d=%26");
        assert_eq!(parameters["a"], ["1", "2"]);
        assert_eq!(parameters["b"], ["x y"]);
        assert_eq!(parameters["c"], [""]);
        assert_eq!(parameters["d"], ["&"]);
    }
}
