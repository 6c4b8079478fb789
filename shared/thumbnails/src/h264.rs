//! The first frame of an H.264 video. Owns the bytes that are handed to the decoder, after checking the
//! memory that it would take; refuses to know where the frame was found.

use std::mem;

use image::{DynamicImage, RgbImage};
use openh264::OpenH264API;
use openh264::decoder::{DecodedYUV, Decoder, DecoderConfig};
use openh264::formats::YUVSource;

use crate::frame::{Frame, fitted};
use crate::h264::parameters::SequenceParameters;
use crate::shrink::Shrinking;
use crate::track::Track;
use crate::{POSTER_SIDE, Unsuitable, VIDEO_MEMORY_BYTES_MAX, VIDEO_SIDE_MAX};

mod parameters;

/// The start code before a unit, for the decoder (ITU-T H.264, annex B).
const START: [u8; 4] = [0, 0, 0, 1];
/// The number of copies of the encoded frame in memory: ours, and three of the decoder's in the worst case.
const COPIES: usize = 4;

/// The types of the units that make a frame (ITU-T H.264, table 7-1). All others are left out.
const SLICE: u8 = 1;
const WHOLE_SLICE: u8 = 5;
const SEQUENCE: u8 = 7;
const PICTURE: u8 = 8;

/// Decodes a frame, and scales it down to the size of a poster.
pub(crate) fn decode(track: &Track, sample: &[u8]) -> Result<Frame, Unsuitable> {
    let stream = stream(&track.avc, sample)?;
    let config = DecoderConfig::new();
    let decoder = Decoder::with_api_config(OpenH264API::from_source(), config);
    let mut decoder = decoder.map_err(|_| Unsuitable::Damaged)?;
    let decoded = decoder.decode(&stream).map_err(|_| Unsuitable::Damaged)?;
    let decoded = decoded.ok_or(Unsuitable::Damaged)?;
    let (width, height) = decoded.dimensions();
    let size = u32::try_from(width).ok().zip(u32::try_from(height).ok());
    let size = size.filter(|(width, height)| *width.max(height) <= VIDEO_SIDE_MAX);
    let size = size.ok_or(Unsuitable::TooLarge)?;
    let poster = picture(&decoded, size).ok_or(Unsuitable::Damaged)?;
    Ok(Frame::of(poster, track.orientation, size))
}

/// Makes the input of the decoder: the parameters in `avcC` and the frame, unit by unit.
fn stream(avc: &[u8], sample: &[u8]) -> Result<Vec<u8>, Unsuitable> {
    let mut stream = Stream {
        bytes: Vec::with_capacity(avc.len() + sample.len() + 64),
        copies: u64::try_from(sample.len() * COPIES).map_err(|_| Unsuitable::TooLarge)?,
        has_slice: false,
    };
    let (&[_, _, _, _, lengths, sequences], rest) =
        avc.split_first_chunk().ok_or(Unsuitable::Damaged)?;
    let mut units = Units { rest, prefix: 2 };
    for _ in 0..sequences & 0x1F {
        stream.push(units.next().ok_or(Unsuitable::Damaged)?)?;
    }
    let (pictures, rest) = units.rest.split_first().ok_or(Unsuitable::Damaged)?;
    units.rest = rest;
    for _ in 0..*pictures {
        stream.push(units.next().ok_or(Unsuitable::Damaged)?)?;
    }
    let prefix = usize::from(lengths & 3) + 1;
    for unit in (Units {
        rest: sample,
        prefix,
    }) {
        stream.push(unit)?;
    }
    if !stream.has_slice {
        return Err(Unsuitable::NoFrame);
    }
    Ok(stream.bytes)
}

/// Units in the decoder's form.
struct Stream {
    bytes: Vec<u8>,
    /// The memory that the copies of the encoded frame take.
    copies: u64,
    has_slice: bool,
}

impl Stream {
    /// Adds a unit, if the decoder needs it and has the memory for it.
    fn push(&mut self, unit: &[u8]) -> Result<(), Unsuitable> {
        let Some((first, body)) = unit.split_first() else {
            return Ok(());
        };
        match first & 0x1F {
            SEQUENCE => {
                let parameters = SequenceParameters::read(body)?;
                // The decoder holds only one sequence at a time, and most files repeat theirs in the frame.
                let memory = self.copies.saturating_add(parameters.memory_bytes());
                if memory > VIDEO_MEMORY_BYTES_MAX || parameters.side() > VIDEO_SIDE_MAX {
                    return Err(Unsuitable::TooLarge);
                }
            }
            PICTURE => {}
            SLICE | WHOLE_SLICE => self.has_slice = true,
            _ => return Ok(()),
        }
        self.bytes.extend(START);
        self.bytes.extend(unit);
        Ok(())
    }
}

/// Units after their lengths, which have `prefix` bytes each, up to the first truncated one.
struct Units<'a> {
    rest: &'a [u8],
    prefix: usize,
}

impl<'a> Iterator for Units<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<Self::Item> {
        let (length, rest) = self.rest.split_at_checked(self.prefix)?;
        let length = length
            .iter()
            .fold(0, |sum, byte| sum << 8 | usize::from(*byte));
        let (unit, rest) = rest.split_at_checked(length)?;
        self.rest = rest;
        Some(unit)
    }
}

/// Converts the frame to RGB, and scales it down row by row to the size of a poster.
fn picture(decoded: &DecodedYUV<'_>, size: (u32, u32)) -> Option<DynamicImage> {
    let to = fitted(size, POSTER_SIDE);
    let (width, height) = decoded.dimensions();
    let (bright, blue, red) = decoded.strides();
    let mut shrinking = Shrinking::<3>::new(size, to)?;
    let mut row = vec![[0; 3]; width];
    for y in 0..height {
        let bright = line(decoded.y(), bright, y, width)?;
        let blue = line(decoded.u(), blue, y / 2, width.div_ceil(2))?;
        let red = line(decoded.v(), red, y / 2, width.div_ceil(2))?;
        let colors = blue.iter().zip(red).flat_map(|both| [both, both]);
        for (pixel, (bright, (blue, red))) in row.iter_mut().zip(bright.iter().zip(colors)) {
            *pixel = rgb(*bright, *blue, *red);
        }
        shrinking.push(&row);
    }
    let samples = mem::take(&mut shrinking.samples);
    RgbImage::from_raw(to.0, to.1, samples).map(DynamicImage::ImageRgb8)
}

/// Returns a row of a plane.
fn line(plane: &[u8], stride: usize, y: usize, length: usize) -> Option<&[u8]> {
    let start = stride.checked_mul(y)?;
    plane.get(start..start.checked_add(length)?)
}

/// Converts a colour to RGB, in 256ths of ITU-R BT.601's coefficients for the limited range. Files that do
/// not name another matrix use that.
fn rgb(bright: u8, blue: u8, red: u8) -> [u8; 3] {
    let bright = 298 * (i32::from(bright) - 16) + 128;
    let (blue, red) = (i32::from(blue) - 128, i32::from(red) - 128);
    let parts = [
        bright + 409 * red,
        bright - 100 * blue - 208 * red,
        bright + 516 * blue,
    ];
    parts.map(|part| u8::try_from((part >> 8).clamp(0, 255)).unwrap_or(u8::MAX))
}
