//! Still pictures. Owns reading a JPEG, a PNG or a WebP within bounds; refuses to scale it.

use std::io::Cursor;

use image::codecs::jpeg::JpegDecoder;
use image::codecs::png::PngDecoder;
use image::codecs::webp::WebPDecoder;
use image::metadata::Orientation;
use image::{
    ColorType, DynamicImage, GrayAlphaImage, GrayImage, ImageDecoder, ImageError, ImageFormat,
    Limits, RgbImage, RgbaImage, guess_format,
};

use crate::frame::Frame;
use crate::{PIXELS_MAX, STILL_BYTES_MAX, STILL_MEMORY_BYTES_MAX, Unsuitable, costs};

/// The most memory that a PNG's decoder may take beside the picture: for rows, and for a colour profile.
const PNG_ASIDE_BYTES_MAX: u64 = 8 * 1024 * 1024;

/// Decodes a still picture; see [`crate::decode`].
pub(crate) fn decode(bytes: &[u8]) -> Result<Frame, Unsuitable> {
    if bytes.len() > STILL_BYTES_MAX {
        return Err(Unsuitable::TooLarge);
    }
    let file = Cursor::new(bytes);
    match guess_format(bytes) {
        Ok(ImageFormat::Jpeg) => {
            let aside = costs::jpeg(bytes).ok_or(Unsuitable::Damaged)?;
            read(JpegDecoder::new(file).map_err(unsuitable)?, |_, _| {
                Ok(aside)
            })
        }
        Ok(ImageFormat::Png) => {
            let mut limits = Limits::no_limits();
            limits.max_alloc = Some(PNG_ASIDE_BYTES_MAX);
            let decoder = PngDecoder::with_limits(file, limits).map_err(unsuitable)?;
            read(decoder, |_, _| Ok(0))
        }
        Ok(ImageFormat::WebP) => {
            let decoder = WebPDecoder::new(file).map_err(unsuitable)?;
            read(decoder, |pixels, colors| {
                costs::webp(bytes, pixels, colors.has_alpha())
            })
        }
        _ => Err(Unsuitable::UnknownFormat),
    }
}

/// Reads the picture, if its own memory and the decoder's memory `aside` are within bounds.
fn read<D: ImageDecoder>(
    mut decoder: D,
    aside: impl FnOnce(u64, ColorType) -> Result<u64, Unsuitable>,
) -> Result<Frame, Unsuitable> {
    let (width, height) = decoder.dimensions();
    let pixels = u64::from(width) * u64::from(height);
    if pixels > PIXELS_MAX {
        return Err(Unsuitable::TooLarge);
    }
    let (own, colors) = (decoder.total_bytes(), decoder.color_type());
    if own.saturating_add(aside(pixels, colors)?) > STILL_MEMORY_BYTES_MAX {
        return Err(Unsuitable::TooLarge);
    }
    // A picture with a damaged orientation is still read.
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let mut samples = vec![0; usize::try_from(own).map_err(|_| Unsuitable::TooLarge)?];
    decoder.read_image(&mut samples).map_err(unsuitable)?;
    let picture = picture((width, height), colors, samples).ok_or(Unsuitable::Damaged)?;
    Ok(Frame::new(picture, orientation))
}

/// Makes the picture of these samples, with 8 bits each. Samples are moved, never copied.
fn picture(
    (width, height): (u32, u32),
    colors: ColorType,
    mut samples: Vec<u8>,
) -> Option<DynamicImage> {
    let channels = colors.channel_count();
    match colors.bits_per_pixel() / u16::from(channels) {
        8 => {}
        16 => narrow(&mut samples),
        _ => return None,
    }
    match channels {
        1 => GrayImage::from_raw(width, height, samples).map(DynamicImage::ImageLuma8),
        2 => GrayAlphaImage::from_raw(width, height, samples).map(DynamicImage::ImageLumaA8),
        3 => RgbImage::from_raw(width, height, samples).map(DynamicImage::ImageRgb8),
        4 => RgbaImage::from_raw(width, height, samples).map(DynamicImage::ImageRgba8),
        _ => None,
    }
}

/// Keeps the more significant half of each 16-bit sample, which has the machine's byte order.
fn narrow(samples: &mut Vec<u8>) {
    let mut is_kept = cfg!(target_endian = "big");
    samples.retain(|_| {
        let keeps = is_kept;
        is_kept = !is_kept;
        keeps
    });
    samples.shrink_to_fit();
}

/// Returns the reason that an error of the decoders means for a file.
fn unsuitable(problem: ImageError) -> Unsuitable {
    match problem {
        ImageError::Limits(_) => Unsuitable::TooLarge,
        ImageError::Unsupported(_) => Unsuitable::UnknownFormat,
        ImageError::Decoding(_)
        | ImageError::Encoding(_)
        | ImageError::Parameter(_)
        | ImageError::IoError(_) => Unsuitable::Damaged,
    }
}
