//! Text as people write it. Owns the line breaks, the invisible characters, and so the empty texts; refuses
//! to know the purpose of a text.

/// Line breaks other than the line feed: next line, form feed, vertical tab, carriage return (Unicode
/// standard, 5.8, less the separators that only typesetting uses).
const BREAKS: [char; 4] = ['\u{85}', '\u{c}', '\u{b}', '\r'];

/// Returns free text with each of its line breaks as a line feed.
#[must_use]
pub fn with_line_feeds(text: &str) -> String {
    text.replace("\r\n", "\n").replace(BREAKS, "\n")
}

/// Whether a text has no visible character.
#[must_use]
pub fn is_blank(text: &str) -> bool {
    text.chars()
        .all(|c| c.is_whitespace() || c.is_control() || is_invisible(c))
}

/// Whether a character is invisible by itself: Default_Ignorable_Code_Point of Unicode's
/// DerivedCoreProperties, and the braille pattern without dots.
const fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}'
        | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}'
        | '\u{ffa0}' | '\u{fff0}'..='\u{fff8}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
        | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_break_is_a_line_feed() {
        for text in ["a\nb", "a\r\nb", "a\rb", "a\u{b}b", "a\u{c}b", "a\u{85}b"] {
            assert_eq!(with_line_feeds(text), "a\nb", "{text:?}");
        }
        assert_eq!(with_line_feeds("a\r\n\r\nb\n\rc"), "a\n\nb\n\nc");
    }

    #[test]
    fn a_text_that_nobody_sees_is_blank_and_a_family_of_emoji_is_not() {
        for text in [
            "",
            " ",
            "\u{200b}\u{feff}",
            "\u{3164}",
            "\u{2800}",
            "\u{a0}\n\u{ad}",
            "\u{e0041}",
        ] {
            assert!(is_blank(text), "{text:?}");
        }
        for text in [
            "a",
            "\u{200b}a",
            "👨\u{200d}👩\u{200d}👧",
            "❤\u{fe0f}",
            "ㅤ.".trim_start_matches('ㅤ'),
        ] {
            assert!(!is_blank(text), "{text:?}");
        }
    }
}
