//! Scaling down. Owns the one filter, which is exact: a new pixel is the mean of the area that it covers,
//! and transparent pixels do not contribute colour. Refuses to scale up, and to know what is scaled.

use image::{DynamicImage, GenericImageView, GrayAlphaImage, GrayImage, RgbImage, RgbaImage};

/// Scales a picture down. Returns `None` if the new size is larger in a direction.
pub(crate) fn picture(original: &DynamicImage, to: (u32, u32)) -> Option<DynamicImage> {
    let from = original.dimensions();
    let samples = original.as_bytes();
    let (width, height) = to;
    let colors = original.color();
    let channels = colors.channel_count();
    if colors.bits_per_pixel() != 8 * u16::from(channels) {
        return None;
    }
    match channels {
        1 => {
            let samples = shrunk::<1>(samples, from, to)?;
            GrayImage::from_raw(width, height, samples).map(DynamicImage::ImageLuma8)
        }
        2 => {
            let samples = shrunk::<2>(samples, from, to)?;
            GrayAlphaImage::from_raw(width, height, samples).map(DynamicImage::ImageLumaA8)
        }
        3 => {
            let samples = shrunk::<3>(samples, from, to)?;
            RgbImage::from_raw(width, height, samples).map(DynamicImage::ImageRgb8)
        }
        4 => {
            let samples = shrunk::<4>(samples, from, to)?;
            RgbaImage::from_raw(width, height, samples).map(DynamicImage::ImageRgba8)
        }
        _ => None,
    }
}

/// Scales the samples of a picture down.
fn shrunk<const PARTS: usize>(samples: &[u8], from: (u32, u32), to: (u32, u32)) -> Option<Vec<u8>> {
    let mut shrinking = Shrinking::<PARTS>::new(from, to)?;
    let width = usize::try_from(from.0).ok()?;
    for row in samples.as_chunks().0.chunks_exact(width) {
        shrinking.push(row);
    }
    Some(shrinking.samples)
}

/// A picture that is scaled down row by row. If `PARTS` is even, the last part of a pixel is its
/// transparency.
///
/// Lengths are counted in units that both old and new pixels are multiples of: an old pixel is as many
/// units wide as there are new ones in a row, and a new pixel as many as there are old ones.
pub(crate) struct Shrinking<const PARTS: usize> {
    from: (u64, u64),
    to: (u64, u64),
    /// An old row, summed up for the new pixels.
    row: Vec<[u64; PARTS]>,
    /// The sums of the new row so far.
    sums: Vec<[u64; PARTS]>,
    /// The units that the new row still lacks.
    lacks: u64,
    /// The finished rows.
    pub(crate) samples: Vec<u8>,
}

impl<const PARTS: usize> Shrinking<PARTS> {
    /// Returns `None` if a new side is zero or longer than the old one.
    pub(crate) fn new(from: (u32, u32), to: (u32, u32)) -> Option<Self> {
        let fits = |from: u32, to: u32| to > 0 && to <= from;
        if !fits(from.0, to.0) || !fits(from.1, to.1) {
            return None;
        }
        let (width, height) = (usize::try_from(to.0).ok()?, usize::try_from(to.1).ok()?);
        let bytes = width.checked_mul(height)?.checked_mul(PARTS)?;
        Some(Self {
            from: (from.0.into(), from.1.into()),
            to: (to.0.into(), to.1.into()),
            row: vec![[0; PARTS]; width],
            sums: vec![[0; PARTS]; width],
            lacks: from.1.into(),
            samples: Vec::with_capacity(bytes),
        })
    }

    /// Takes the next row of the original.
    pub(crate) fn push(&mut self, pixels: &[[u8; PARTS]]) {
        self.sum_up(pixels);
        let mut left = self.to.1;
        while left > 0 {
            let taken = left.min(self.lacks);
            for (sum, pixel) in self.sums.iter_mut().zip(&self.row) {
                add(sum, *pixel, taken);
            }
            left -= taken;
            self.lacks -= taken;
            if self.lacks == 0 {
                self.finish_row();
            }
        }
    }

    /// Sums up a row of the original for the new pixels.
    fn sum_up(&mut self, pixels: &[[u8; PARTS]]) {
        let (from, to) = (self.from.0, self.to.0);
        self.row.fill([0; PARTS]);
        let mut sums = self.row.iter_mut();
        let Some(mut sum) = sums.next() else {
            return;
        };
        let mut lacks = from;
        for pixel in pixels {
            let pixel = weighed(*pixel);
            let taken = to.min(lacks);
            add(sum, pixel, taken);
            lacks -= taken;
            if lacks == 0 {
                let Some(next) = sums.next() else {
                    return;
                };
                sum = next;
                // A new pixel is at least as large as an old one, so the rest of the old pixel goes into
                // one new pixel.
                add(sum, pixel, to - taken);
                lacks = from - (to - taken);
            }
        }
    }

    /// Writes a new row, and begins the next one.
    fn finish_row(&mut self) {
        let area = self.from.0 * self.from.1;
        for sum in &mut self.sums {
            let opaque = has_alpha::<PARTS>().then(|| sum.last().copied().unwrap_or(0));
            for (part, total) in sum.iter().enumerate() {
                let is_color = part + 1 < PARTS;
                let divisor = opaque.filter(|_| is_color).unwrap_or(area).max(1);
                let mean = (total + divisor / 2) / divisor;
                self.samples.push(u8::try_from(mean).unwrap_or(u8::MAX));
            }
            *sum = [0; PARTS];
        }
        self.lacks = self.from.1;
    }
}

const fn has_alpha<const PARTS: usize>() -> bool {
    PARTS.is_multiple_of(2)
}

/// Multiplies the colours of a pixel by its opacity.
fn weighed<const PARTS: usize>(pixel: [u8; PARTS]) -> [u64; PARTS] {
    let mut weighed = pixel.map(u64::from);
    if has_alpha::<PARTS>()
        && let Some((alpha, colors)) = weighed.split_last_mut()
    {
        for color in colors {
            *color *= *alpha;
        }
    }
    weighed
}

fn add<const PARTS: usize>(sum: &mut [u64; PARTS], pixel: [u64; PARTS], weight: u64) {
    for (sum, part) in sum.iter_mut().zip(pixel) {
        *sum += part * weight;
    }
}
