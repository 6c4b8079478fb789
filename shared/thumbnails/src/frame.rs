//! A decoded picture, and the thumbnails made from it. Owns sizes, rotation and writing WebP; refuses to
//! read files.

use image::metadata::Orientation;
use image::{DynamicImage, GenericImageView};
use webp::Encoder;

use crate::{POSTER_SIDE, SIDES, Unsuitable, shrink};

/// The quality of a WebP, on libwebp's scale from 0 to 100.
const QUALITY: f32 = 80.0;

/// A scaled-down picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ThumbnailFile {
    /// The longest side that it was made for. The picture's own longest side is shorter only if the
    /// original's is.
    pub side: u32,
    /// Its width in pixels.
    pub width: u32,
    /// Its height in pixels.
    pub height: u32,
    /// The file: a lossy WebP, with transparency if the original has any.
    pub webp: Vec<u8>,
}

/// A decoded picture.
pub struct Frame {
    /// The picture has 8 bits a sample: grey or RGB, with or without transparency. It is not rotated yet,
    /// because rotating takes memory for a second picture, and a thumbnail is cheaper to rotate. The
    /// picture of a video is already scaled down.
    picture: DynamicImage,
    orientation: Orientation,
    /// The size of the original, before rotation.
    size: (u32, u32),
}

impl Frame {
    /// Makes a frame of a picture that is as large as the original.
    pub(crate) fn new(picture: DynamicImage, orientation: Orientation) -> Self {
        let size = picture.dimensions();
        Self {
            picture,
            orientation,
            size,
        }
    }

    /// Makes a frame of a picture whose original has that size.
    pub(crate) fn of(picture: DynamicImage, orientation: Orientation, size: (u32, u32)) -> Self {
        Self {
            picture,
            orientation,
            size,
        }
    }

    /// Returns the width and height of the original in pixels, as it is displayed.
    #[must_use]
    pub fn size(&self) -> (u32, u32) {
        let (width, height) = self.size;
        match self.orientation {
            Orientation::NoTransforms
            | Orientation::Rotate180
            | Orientation::FlipHorizontal
            | Orientation::FlipVertical => (width, height),
            Orientation::Rotate90
            | Orientation::Rotate270
            | Orientation::Rotate90FlipH
            | Orientation::Rotate270FlipH => (height, width),
        }
    }

    /// Makes the poster of a video: at most [`POSTER_SIDE`] pixels long, never scaled up.
    ///
    /// # Errors
    /// `Damaged` if libwebp cannot write it.
    pub fn poster(&self) -> Result<ThumbnailFile, Unsuitable> {
        let size = fitted(self.size, POSTER_SIDE);
        let poster = if self.picture.dimensions() == size {
            self.picture.clone()
        } else {
            shrink::picture(&self.picture, size).ok_or(Unsuitable::Damaged)?
        };
        written(&poster, self.orientation, POSTER_SIDE)
    }

    /// Makes the thumbnails, the smallest first: one for each of [`SIDES`] that is shorter than the
    /// original, or one for the first side in the original's size. The original is dropped as soon as the
    /// largest thumbnail is made, and each smaller one is made from the next larger.
    ///
    /// # Errors
    /// `Damaged` if libwebp cannot write one.
    pub fn thumbnails(self) -> Result<Vec<ThumbnailFile>, Unsuitable> {
        let Self {
            mut picture,
            orientation,
            size,
        } = self;
        let mut thumbnails = Vec::with_capacity(SIDES.len());
        for side in sides(size).into_iter().rev() {
            let size = fitted(size, side);
            if picture.dimensions() != size {
                picture = shrink::picture(&picture, size).ok_or(Unsuitable::Damaged)?;
            }
            thumbnails.push(written(&picture, orientation, side)?);
        }
        thumbnails.reverse();
        Ok(thumbnails)
    }
}

/// Lists the sides that thumbnails of an original are made for.
fn sides((width, height): (u32, u32)) -> Vec<u32> {
    let longest = width.max(height);
    let shorter = SIDES.into_iter().filter(|side| *side < longest);
    let mut sides: Vec<u32> = shorter.collect();
    if sides.is_empty() {
        sides.extend(SIDES.first());
    }
    sides
}

/// Returns the size in the same proportion whose longest side is `side`, or the original's if that is
/// shorter.
pub(crate) fn fitted((width, height): (u32, u32), side: u32) -> (u32, u32) {
    let longest = u64::from(width.max(height));
    if longest <= u64::from(side) {
        return (width, height);
    }
    // The result is rounded, and at least one. It is less than `side`, so the conversion succeeds.
    let scaled = |length: u32| {
        let scaled = (u64::from(length) * u64::from(side) + longest / 2) / longest;
        u32::try_from(scaled.max(1)).unwrap_or(side)
    };
    (scaled(width), scaled(height))
}

/// Rotates a picture and writes it as WebP.
fn written(
    picture: &DynamicImage,
    orientation: Orientation,
    side: u32,
) -> Result<ThumbnailFile, Unsuitable> {
    let has_alpha = picture.color().has_alpha();
    let mut picture = if has_alpha {
        DynamicImage::ImageRgba8(picture.to_rgba8())
    } else {
        DynamicImage::ImageRgb8(picture.to_rgb8())
    };
    picture.apply_orientation(orientation);
    let (width, height) = picture.dimensions();
    let samples = picture.as_bytes();
    let encoder = if has_alpha {
        Encoder::from_rgba(samples, width, height)
    } else {
        Encoder::from_rgb(samples, width, height)
    };
    let webp = encoder.encode_simple(false, QUALITY);
    Ok(ThumbnailFile {
        side,
        width,
        height,
        webp: webp.map_err(|_| Unsuitable::Damaged)?.to_vec(),
    })
}
