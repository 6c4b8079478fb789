//! The boxes of an ISO base media file. Owns how a box is cut into parts and how numbers are read; refuses
//! to know what any box means. Nothing here goes deeper than it is told to, or copies anything.

/// The name of a box: `moov`.
pub(crate) type Name = [u8; 4];

/// The header of a box (ISO/IEC 14496-12, 4.2).
pub(crate) struct BoxHeader {
    /// Its name.
    pub(crate) name: Name,
    /// The length of the header.
    pub(crate) own_bytes: u64,
    /// The length of the box with its header; `None` if it extends to the end of the file.
    pub(crate) bytes: Option<u64>,
}

impl BoxHeader {
    /// Reads the header at the start of `bytes`. Returns `None` if there are too few bytes, or its length
    /// is impossible.
    pub(crate) fn read(bytes: &[u8]) -> Option<Self> {
        let (short, rest) = bytes.split_first_chunk()?;
        let (name, rest) = rest.split_first_chunk()?;
        let (own_bytes, bytes) = match u32::from_be_bytes(*short) {
            0 => (8, None),
            1 => (16, Some(u64::from_be_bytes(*rest.first_chunk()?))),
            short => (8, Some(u64::from(short))),
        };
        let makes_sense = bytes.is_none_or(|bytes| bytes >= own_bytes);
        makes_sense.then_some(Self {
            name: *name,
            own_bytes,
            bytes,
        })
    }
}

/// The boxes in a body, up to the first truncated one: their names and bodies.
pub(crate) struct Boxes<'a>(pub(crate) &'a [u8]);

impl<'a> Iterator for Boxes<'a> {
    type Item = (Name, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let header = BoxHeader::read(self.0)?;
        let length = match header.bytes {
            Some(bytes) => usize::try_from(bytes).ok()?,
            None => self.0.len(),
        };
        let (whole, rest) = self.0.split_at_checked(length)?;
        let body = whole.get(usize::try_from(header.own_bytes).ok()?..)?;
        self.0 = rest;
        Some((header.name, body))
    }
}

/// Returns the body of the first box of that name.
pub(crate) fn child<'a>(body: &'a [u8], name: &Name) -> Option<&'a [u8]> {
    Boxes(body).find_map(|(found, body)| (found == *name).then_some(body))
}

/// Reads a number of 32 bits at a place.
pub(crate) fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    let number = bytes.get(at..)?.first_chunk()?;
    Some(u32::from_be_bytes(*number))
}

/// Reads a number of 16 bits at a place.
pub(crate) fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    let number = bytes.get(at..)?.first_chunk()?;
    Some(u16::from_be_bytes(*number))
}

/// Returns `count` rows of a table, of `BYTES` each, from `at` on. Returns `None` if `count` is zero or
/// there are fewer rows.
pub(crate) fn rows<const BYTES: usize>(
    body: &[u8],
    at: usize,
    count: u32,
) -> Option<&[[u8; BYTES]]> {
    let rows = body.get(at..)?.as_chunks().0;
    let rows = rows.get(..usize::try_from(count).ok()?)?;
    (!rows.is_empty()).then_some(rows)
}
