//! A reader of bytes from the front. Reading beyond the end is [`Trouble::Cut`].

use super::FileDefect;

/// The rest of a file.
pub(super) struct Reader<'a> {
    left: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self { left: bytes }
    }

    pub(super) const fn is_at_end(&self) -> bool {
        self.left.is_empty()
    }

    pub(super) const fn left(&self) -> usize {
        self.left.len()
    }

    pub(super) fn peek(&self, at: usize) -> Option<u8> {
        self.left.get(at).copied()
    }

    pub(super) fn take(&mut self, count: usize) -> Result<&'a [u8], FileDefect> {
        let (taken, left) = self.left.split_at_checked(count).ok_or(FileDefect::Cut)?;
        self.left = left;
        Ok(taken)
    }

    /// Like [`Self::take`], with a count that the file states.
    pub(super) fn take_u32(&mut self, count: u32) -> Result<&'a [u8], FileDefect> {
        self.take(usize::try_from(count).map_err(|_| FileDefect::Cut)?)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], FileDefect> {
        let (taken, left) = self.left.split_first_chunk().ok_or(FileDefect::Cut)?;
        self.left = left;
        Ok(*taken)
    }

    pub(super) fn u8(&mut self) -> Result<u8, FileDefect> {
        Ok(u8::from_be_bytes(self.array()?))
    }

    pub(super) fn u16(&mut self) -> Result<u16, FileDefect> {
        Ok(u16::from_be_bytes(self.array()?))
    }

    pub(super) fn u32(&mut self) -> Result<u32, FileDefect> {
        Ok(u32::from_be_bytes(self.array()?))
    }

    pub(super) fn u64(&mut self) -> Result<u64, FileDefect> {
        Ok(u64::from_be_bytes(self.array()?))
    }

    pub(super) fn u16_little(&mut self) -> Result<u16, FileDefect> {
        Ok(u16::from_le_bytes(self.array()?))
    }

    pub(super) fn u24_little(&mut self) -> Result<u32, FileDefect> {
        let [low, middle, high] = self.array()?;
        Ok(u32::from_le_bytes([low, middle, high, 0]))
    }

    pub(super) fn u32_little(&mut self) -> Result<u32, FileDefect> {
        Ok(u32::from_le_bytes(self.array()?))
    }
}
