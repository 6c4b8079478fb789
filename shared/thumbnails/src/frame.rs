//! A picture in memory, and what is made of it. Owns sizes, turning and writing WebP; refuses to read files.

use image::metadata::Orientation;
use image::{DynamicImage, GenericImageView};
use webp::Encoder;

use crate::{POSTER_SIDE, SIDES, Unsuitable, shrink};

/// How good a WebP is: libwebp's scale, from 0 to 100.
const QUALITY: f32 = 80.0;

/// A scaled-down picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Thumbnail {
    /// The longest side that it was made for. The picture's own is shorter only if the original's is.
    pub side: u32,
    /// How wide it is, in pixels.
    pub width: u32,
    /// How high it is, in pixels.
    pub height: u32,
    /// The file: a lossy WebP, with transparency if the original has any.
    pub webp: Vec<u8>,
}

/// A decoded picture.
pub struct Frame {
    /// One of 8 bits a sample: grey or RGB, with or without transparency. It is not turned yet, since turning
    /// takes a second picture, and a thumbnail is turned for less. A video's is scaled down already.
    picture: DynamicImage,
    orientation: Orientation,
    /// The size of the original, not turned.
    size: (u32, u32),
}

impl Frame {
    /// A picture that is as large as the original.
    pub(crate) fn new(picture: DynamicImage, orientation: Orientation) -> Self {
        let size = picture.dimensions();
        Self {
            picture,
            orientation,
            size,
        }
    }

    /// A picture of an original of that size.
    pub(crate) fn of(picture: DynamicImage, orientation: Orientation, size: (u32, u32)) -> Self {
        Self {
            picture,
            orientation,
            size,
        }
    }

    /// How wide and how high the original is when it is held as it should be, in pixels.
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

    /// The poster of a video: at most [`POSTER_SIDE`] pixels long, never scaled up.
    ///
    /// # Errors
    /// `Damaged` if libwebp cannot write it.
    pub fn poster(&self) -> Result<Thumbnail, Unsuitable> {
        let size = fitted(self.size, POSTER_SIDE);
        let poster = if self.picture.dimensions() == size {
            self.picture.clone()
        } else {
            shrink::picture(&self.picture, size).ok_or(Unsuitable::Damaged)?
        };
        written(&poster, self.orientation, POSTER_SIDE)
    }

    /// The thumbnails, the smallest first: one of each of [`SIDES`] that is shorter than the original's, or
    /// one of the first side and the original's size. The original is dropped as soon as the largest is made,
    /// and each smaller one is made of the next larger.
    ///
    /// # Errors
    /// `Damaged` if libwebp cannot write one.
    pub fn thumbnails(self) -> Result<Vec<Thumbnail>, Unsuitable> {
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

/// The sides that thumbnails of an original are made for.
fn sides((width, height): (u32, u32)) -> Vec<u32> {
    let longest = width.max(height);
    let shorter = SIDES.into_iter().filter(|side| *side < longest);
    let mut sides: Vec<u32> = shorter.collect();
    if sides.is_empty() {
        sides.extend(SIDES.first());
    }
    sides
}

/// The size in the same proportion whose longest side is `side`, unless the original's is shorter.
pub(crate) fn fitted((width, height): (u32, u32), side: u32) -> (u32, u32) {
    let longest = u64::from(width.max(height));
    if longest <= u64::from(side) {
        return (width, height);
    }
    // Rounded, and never nothing. It is less than the side, so it fits.
    let scaled = |length: u32| {
        let scaled = (u64::from(length) * u64::from(side) + longest / 2) / longest;
        u32::try_from(scaled.max(1)).unwrap_or(side)
    };
    (scaled(width), scaled(height))
}

/// A picture turned and written.
fn written(
    picture: &DynamicImage,
    orientation: Orientation,
    side: u32,
) -> Result<Thumbnail, Unsuitable> {
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
    Ok(Thumbnail {
        side,
        width,
        height,
        webp: webp.map_err(|_| Unsuitable::Damaged)?.to_vec(),
    })
}
