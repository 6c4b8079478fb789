//! The parameters of a sequence (ITU-T H.264, 7.3.2.1.1). Owns the estimation of a decoder's memory from
//! them; refuses to read further, and to decode.

use crate::Unsuitable;

/// The profiles that the decoder supports: baseline, main, extended and high. The last has more fields.
const PROFILES: [u32; 4] = [66, 77, 88, HIGH];
const HIGH: u32 = 100;
/// The most frames that a video may refer to.
const REFERENCES_MAX: u64 = 16;
/// The most macroblocks across and down, so that no arithmetic can overflow.
const BLOCKS_MAX: u64 = 1024;

/// The parameters of a sequence that determine its memory.
pub(super) struct SequenceParameters {
    /// The width and height in pixels, before cropping.
    size: (u64, u64),
    /// The number of frames that it refers to at once.
    references: u64,
    /// Whether it may be interlaced, which the decoder does not support.
    has_fields: bool,
}

impl SequenceParameters {
    /// Reads the body of a unit.
    pub(super) fn read(body: &[u8]) -> Result<Self, Unsuitable> {
        let mut bits = BitReader::new(body);
        let profile = bits.number(8).ok_or(Unsuitable::Damaged)?;
        if !PROFILES.contains(&profile) {
            return Err(Unsuitable::UnknownCodec);
        }
        // Skips the constraints, the level, and the parameters' id.
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

    /// The longer side in pixels, before cropping.
    pub(super) fn side(&self) -> u32 {
        u32::try_from(self.size.0.max(self.size.1)).unwrap_or(u32::MAX)
    }

    /// Returns the memory that the decoder allocates, by the sources of openh264 2.6 (`AllocPicture`,
    /// `InitialDqLayersContext`). There are two pictures more than the references, each with a border of 32
    /// pixels, a byte and a half of samples and two thirds of a byte of vectors a pixel. In addition, it
    /// allocates under five bytes a pixel once.
    pub(super) fn memory_bytes(&self) -> u64 {
        let pixels = (self.size.0 + 64) * (self.size.1 + 64);
        pixels * (22 * (self.references + 2) + 50) / 10
    }
}

/// The bits of a unit's body, without its emulation prevention bytes (7.4.1).
struct BitReader<'a> {
    bytes: &'a [u8],
    zeros: u32,
    byte: u8,
    left: u32,
}

impl<'a> BitReader<'a> {
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

    /// Reads a number of that many bits, at most 32.
    fn number(&mut self, bits: u32) -> Option<u32> {
        let mut number = 0;
        for _ in 0..bits {
            number = number << 1 | self.bit()?;
        }
        Some(number)
    }

    /// Reads an unsigned Exp-Golomb number (9.1).
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

    /// Reads a signed Exp-Golomb number: odd codes are positive, even codes are zero or negative (9.1.1).
    fn signed(&mut self) -> Option<i64> {
        let code = i64::from(self.count()?);
        Some(if code % 2 == 0 {
            -(code / 2)
        } else {
            (code + 1) / 2
        })
    }

    /// Reads the chroma format, and the bits above eight of luma and chroma.
    fn format(&mut self) -> Option<(u32, u32, u32)> {
        let sampling = self.count()?;
        if sampling == 3 {
            self.bit()?;
        }
        Some((sampling, self.count()?, self.count()?))
    }

    /// Skips a bypass flag and the scaling lists (7.3.2.1.1.1).
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

    /// Skips the order of pictures, and reads the fields of [`Parameters`].
    fn rest(&mut self) -> Option<SequenceParameters> {
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
        Some(SequenceParameters {
            size: (wide * 16, high * 16),
            references,
            has_fields: self.bit()? == 0,
        })
    }
}
