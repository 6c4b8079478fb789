//! A video's parameters (ITU-T H.264, 7.3.2.1.1). Owns reading from them what a decoder would allocate;
//! refuses to read on, and to decode.

use crate::Unsuitable;

/// The profiles that the decoder knows: baseline, main, extended and high. The last says more of itself.
const PROFILES: [u32; 4] = [66, 77, 88, HIGH];
const HIGH: u32 = 100;
/// How many frames a video may refer to.
const REFERENCES_MAX: u64 = 16;
/// How many macroblocks wide and high a video may be at all, which keeps arithmetic far from its ends.
const BLOCKS_MAX: u64 = 1024;

/// What a sequence's parameters say of its memory.
pub(super) struct Parameters {
    /// How wide and how high it is, in pixels, before it is cropped.
    size: (u64, u64),
    /// How many frames it refers to at once.
    references: u64,
    /// Whether it may be interlaced, which the decoder does not know.
    has_fields: bool,
}

impl Parameters {
    /// Reads the body of a unit.
    pub(super) fn read(body: &[u8]) -> Result<Self, Unsuitable> {
        let mut bits = Bits::new(body);
        let profile = bits.number(8).ok_or(Unsuitable::Damaged)?;
        if !PROFILES.contains(&profile) {
            return Err(Unsuitable::UnknownCodec);
        }
        // Constraints, the level, and the parameters' id.
        bits.number(16).ok_or(Unsuitable::Damaged)?;
        bits.count().ok_or(Unsuitable::Damaged)?;
        if profile == HIGH {
            let format = bits.format().ok_or(Unsuitable::Damaged)?;
            if format != (1, 0, 0) {
                return Err(Unsuitable::UnknownCodec);
            }
            bits.skip_scaling().ok_or(Unsuitable::Damaged)?;
        }
        let parameters = bits.rest().ok_or(Unsuitable::Damaged)?;
        if parameters.has_fields {
            return Err(Unsuitable::UnknownCodec);
        }
        let (wide, high) = parameters.size;
        if wide.max(high) > BLOCKS_MAX * 16 || parameters.references > REFERENCES_MAX {
            return Err(Unsuitable::TooLarge);
        }
        Ok(parameters)
    }

    /// The longer side, in pixels, before it is cropped.
    pub(super) fn side(&self) -> u32 {
        u32::try_from(self.size.0.max(self.size.1)).unwrap_or(u32::MAX)
    }

    /// What the decoder allocates, by the sources of openh264 2.6 (`AllocPicture`, `InitialDqLayersContext`):
    /// two pictures more than are referred to, with a rim of 32 pixels, a byte and a half of samples and two
    /// thirds of a byte of vectors a pixel; and once, under five bytes a pixel.
    pub(super) fn memory_bytes(&self) -> u64 {
        let pixels = (self.size.0 + 64) * (self.size.1 + 64);
        pixels * (22 * (self.references + 2) + 50) / 10
    }
}

/// The bits of a unit's body, without the bytes that keep it from looking like a start (7.4.1).
struct Bits<'a> {
    bytes: &'a [u8],
    zeros: u32,
    byte: u8,
    left: u32,
}

impl<'a> Bits<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        Self {
            bytes,
            zeros: 0,
            byte: 0,
            left: 0,
        }
    }

    fn bit(&mut self) -> Option<u32> {
        if self.left == 0 {
            self.byte = self.next_byte()?;
            self.left = 8;
        }
        self.left -= 1;
        Some(u32::from(self.byte >> self.left & 1))
    }

    fn next_byte(&mut self) -> Option<u8> {
        let (mut byte, mut rest) = self.bytes.split_first()?;
        if self.zeros >= 2 && *byte == 3 {
            self.zeros = 0;
            (byte, rest) = rest.split_first()?;
        }
        self.zeros = if *byte == 0 { self.zeros + 1 } else { 0 };
        self.bytes = rest;
        Some(*byte)
    }

    /// A number of that many bits, at most 32.
    fn number(&mut self, bits: u32) -> Option<u32> {
        let mut number = 0;
        for _ in 0..bits {
            number = number << 1 | self.bit()?;
        }
        Some(number)
    }

    /// An unsigned number in exponential Golomb's code (9.1).
    fn count(&mut self) -> Option<u32> {
        let mut zeros = 0;
        while self.bit()? == 0 {
            zeros += 1;
            if zeros > 31 {
                return None;
            }
        }
        let rest = self.number(zeros)?;
        ((1 << zeros) - 1_u32).checked_add(rest)
    }

    /// A signed number in that code: of the odd the positive, of the even the others (9.1.1).
    fn signed(&mut self) -> Option<i64> {
        let code = i64::from(self.count()?);
        Some(if code % 2 == 0 {
            -(code / 2)
        } else {
            (code + 1) / 2
        })
    }

    /// How colours are sampled, and the bits above eight of brightness and colours.
    fn format(&mut self) -> Option<(u32, u32, u32)> {
        let sampling = self.count()?;
        if sampling == 3 {
            self.bit()?;
        }
        Some((sampling, self.count()?, self.count()?))
    }

    /// Reads over a bypass and the lists of scaling (7.3.2.1.1.1).
    fn skip_scaling(&mut self) -> Option<()> {
        self.bit()?;
        if self.bit()? == 0 {
            return Some(());
        }
        for list in 0..8 {
            if self.bit()? == 0 {
                continue;
            }
            let entries = if list < 6 { 16 } else { 64 };
            let (mut last, mut next) = (8, 8);
            for _ in 0..entries {
                if next != 0 {
                    next = (last + self.signed()?).rem_euclid(256);
                }
                last = if next == 0 { last } else { next };
            }
        }
        Some(())
    }

    /// Reads over the order of pictures, and then what is looked for.
    fn rest(&mut self) -> Option<Parameters> {
        self.count()?;
        match self.count()? {
            0 => {
                self.count()?;
            }
            1 => {
                self.bit()?;
                self.count()?;
                self.count()?;
                let frames = self.count()?;
                if frames > 255 {
                    return None;
                }
                for _ in 0..frames {
                    self.count()?;
                }
            }
            2 => {}
            _ => return None,
        }
        let references = self.count()?.into();
        self.bit()?;
        let wide = u64::from(self.count()?) + 1;
        let high = u64::from(self.count()?) + 1;
        Some(Parameters {
            size: (wide * 16, high * 16),
            references,
            has_fields: self.bit()? == 0,
        })
    }
}
