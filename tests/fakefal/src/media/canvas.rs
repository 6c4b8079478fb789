//! Drawing: a coloured ground, the prompt, the model and the time on it.
//!
//! Owns pixels and letters. Refuses to know file formats.

use font8x8::UnicodeFonts as _;
use image::{Rgb, RgbImage};

/// The writing on a picture.
pub(crate) struct Label<'a> {
    pub(crate) prompt: &'a str,
    pub(crate) model: &'a str,
    pub(crate) time: &'a str,
    pub(crate) number: u64,
}

const WHITE: Rgb<u8> = Rgb([255, 255, 255]);
const PALE: Rgb<u8> = Rgb([225, 230, 240]);
const LETTER_PIXELS: u32 = 8;
const MARGIN_PIXELS: u32 = 24;

/// A finished picture.
pub(crate) fn still(size: (u32, u32), label: &Label<'_>) -> RgbImage {
    let mut picture = ground(size, hue(label), 0);
    write_label(&mut picture, label);
    picture
}

/// Draws the ground alone; `shift` moves it, from frame to frame.
pub(crate) fn ground((width, height): (u32, u32), hue: u8, shift: u32) -> RgbImage {
    let wave = |position: u32, length: u32| -> u8 {
        let at = (position + shift * 4) % (2 * length.max(1));
        let up = at.min(2 * length - at);
        u8::try_from(up * 120 / length.max(1)).unwrap_or(120)
    };
    RgbImage::from_fn(width, height, |x, y| {
        let (across, down) = (wave(x, width), wave(y, height));
        Rgb([
            (hue / 2).saturating_add(across / 2),
            40 + down / 2,
            (255 - hue) / 2 + (across / 4 + down / 4),
        ])
    })
}

/// Picks a colour of its own for each prompt and number.
pub(crate) fn hue(label: &Label<'_>) -> u8 {
    let start = u8::try_from(label.number % 8).unwrap_or(0) * 29;
    label
        .prompt
        .bytes()
        .fold(start, |hue, byte| hue.wrapping_mul(31).wrapping_add(byte))
}

/// Writes the label over `picture`.
pub(crate) fn write_label(picture: &mut RgbImage, label: &Label<'_>) {
    let (width, height) = picture.dimensions();
    let large = (width / 220).max(1);
    let small = (large / 2).max(1);
    let line_height = |scale: u32| LETTER_PIXELS * scale * 3 / 2;
    let columns = |scale: u32| (width - 2 * MARGIN_PIXELS) / (LETTER_PIXELS * scale);
    let foot = height - MARGIN_PIXELS - 2 * line_height(small);
    let rows = (foot - MARGIN_PIXELS) / line_height(large);
    let mut y = MARGIN_PIXELS;
    for line in wrap(label.prompt, columns(large))
        .iter()
        .take(rows as usize)
    {
        write_line(picture, line, (MARGIN_PIXELS, y), large, WHITE);
        y += line_height(large);
    }
    write_line(picture, label.model, (MARGIN_PIXELS, foot), small, PALE);
    let y = foot + line_height(small);
    write_line(picture, label.time, (MARGIN_PIXELS, y), small, PALE);
}

fn write_line(picture: &mut RgbImage, line: &str, (x, y): (u32, u32), scale: u32, colour: Rgb<u8>) {
    for (index, letter) in (0..).zip(line.chars()) {
        let rows = font8x8::BASIC_FONTS
            .get(letter)
            .or_else(|| font8x8::LATIN_FONTS.get(letter))
            .or_else(|| font8x8::BASIC_FONTS.get('?'))
            .unwrap_or_default();
        let left = x + index * LETTER_PIXELS * scale;
        for (row, bits) in (0_u32..).zip(rows) {
            for column in (0..LETTER_PIXELS).filter(|column| bits & (1 << column) != 0) {
                let (left, top) = (left + column * scale, y + row * scale);
                square(picture, (left, top), scale, colour);
            }
        }
    }
}

/// Fills a square, as far as it is on the picture.
pub(crate) fn square(picture: &mut RgbImage, (left, top): (u32, u32), side: u32, colour: Rgb<u8>) {
    for y in top..(top + side).min(picture.height()) {
        for x in left..(left + side).min(picture.width()) {
            picture.put_pixel(x, y, colour);
        }
    }
}

/// Lines of at most `columns` letters, broken between words where there are any.
fn wrap(text: &str, columns: u32) -> Vec<String> {
    let columns = columns.max(1) as usize;
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        for part in word.chars().collect::<Vec<_>>().chunks(columns) {
            let last = lines.len() - 1;
            let used = lines[last].chars().count();
            if used == 0 {
                lines[last].extend(part);
            } else if used + 1 + part.len() <= columns {
                lines[last].push(' ');
                lines[last].extend(part);
            } else {
                lines.push(part.iter().collect());
            }
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_and_foreign_prompts_fit_every_size() {
        assert_eq!(wrap("one two three", 7), ["one two", "three"]);
        assert_eq!(wrap("abcdefgh", 3), ["abc", "def", "gh"]);
        let label = Label {
            prompt: &"ein Kätzchen 猫 ".repeat(200),
            model: "fal-ai/veo3",
            time: "2026-01-01T00:00:00.000Z",
            number: 3,
        };
        for size in [(768, 768), (448, 1024), (1024, 448), (640, 360)] {
            let picture = still(size, &label);
            assert!(picture.pixels().any(|pixel| *pixel == WHITE), "{size:?}");
        }
    }
}
