//! Pages of lists: of long ones, which the store reads page by page, and of short ones, which are read
//! whole. Owns that a cursor is for one caller and one list. Refuses to know what is listed.

use aws::Fault;
use domain::Refusal;
use store::{Cursor, Place, Sequence};

use crate::Error;

/// A page of a list.
#[derive(Debug)]
pub struct SealedPage<T> {
    /// The rows.
    pub rows: Vec<T>,
    /// The cursor of the next page, if there is one.
    pub next_cursor: Option<String>,
}

/// A request for a page.
#[derive(Debug)]
pub struct PageRequest {
    /// The cursor of the page; `None` for the first.
    pub cursor: Option<String>,
    /// The greatest length of the page.
    pub limit: u32,
}

/// Returns the place that a page starts after. The cursor is sealed with `binding`, which names the caller
/// and the query.
///
/// # Errors
/// [`Refusal::InvalidCursor`] if the cursor is not from this list.
pub(crate) fn open<P: Place>(
    cursor: Option<&str>,
    binding: &str,
) -> Result<Option<Cursor<P>>, Refusal> {
    cursor.map(|text| Cursor::open(text, binding)).transpose()
}

/// Returns a page that the store reads from a place on.
///
/// # Errors
/// [`Refusal::InvalidCursor`] if the cursor is not from this list; a fault if the page cannot be read.
pub(crate) async fn read<T, P: Place, Reading>(
    cursor: Option<&str>,
    binding: &str,
    read: impl FnOnce(Option<Cursor<P>>) -> Reading,
) -> Result<SealedPage<T>, Error>
where
    Reading: Future<Output = Result<store::Page<T, P>, Fault>>,
{
    let page = read(open(cursor, binding)?).await?;
    Ok(SealedPage {
        rows: page.rows,
        next_cursor: page.next.map(|next| next.seal(binding)),
    })
}

/// Returns a page of rows that have no names of their own: they are numbered in their order.
/// `binding` names the caller and the query.
///
/// # Errors
/// [`Refusal::InvalidCursor`] if the cursor is not from this list.
pub fn numbered<T>(
    rows: Vec<T>,
    binding: &str,
    wanted: &PageRequest,
) -> Result<SealedPage<T>, Refusal> {
    let numbered: Vec<_> = (1..).map(Sequence::new).zip(rows).collect();
    let page = of(
        numbered,
        binding,
        wanted,
        |(number, _)| *number,
        |row, last| row > last,
    )?;
    Ok(SealedPage {
        rows: page.rows.into_iter().map(|(_, row)| row).collect(),
        next_cursor: page.next_cursor,
    })
}

/// Returns a page of `rows`, which are in the list's order. Each has a place, and `is_after` tells whether
/// one place comes after another.
///
/// # Errors
/// [`Refusal::InvalidCursor`] if the cursor is not from this list.
pub(crate) fn of<T, P: Place>(
    rows: Vec<T>,
    binding: &str,
    wanted: &PageRequest,
    place: impl Fn(&T) -> P,
    is_after: impl Fn(&P, &P) -> bool,
) -> Result<SealedPage<T>, Refusal> {
    let after = open::<P>(wanted.cursor.as_deref(), binding)?;
    let is_wanted = |row: &T| match &after {
        Some(last) => is_after(&place(row), last.place()),
        None => true,
    };
    let mut rows: Vec<T> = rows.into_iter().filter(is_wanted).collect();
    let limit = usize::try_from(wanted.limit).unwrap_or(usize::MAX);
    let more = rows.len() > limit;
    rows.truncate(limit);
    let last = rows.last().filter(|_| more);
    let next_cursor = last.map(|row| Cursor::after(place(row)).seal(binding));
    Ok(SealedPage { rows, next_cursor })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_on_one_page_and_in_order() {
        for (length, limit) in [(0, 1), (1, 1), (2, 1), (7, 3), (6, 3), (5, 100)] {
            let (mut seen, mut cursor) = (Vec::new(), None);
            loop {
                let wanted = PageRequest { cursor, limit };
                let rows: Vec<u32> = (0..length).collect();
                let page = numbered(rows, "list", &wanted).expect("our own cursor");
                assert!(page.rows.len() <= limit as usize);
                seen.extend(page.rows);
                cursor = page.next_cursor;
                if cursor.is_none() {
                    break;
                }
            }
            assert_eq!(seen, (0..length).collect::<Vec<_>>());
        }
        let foreign = Cursor::after(Sequence::new(1)).seal("another list");
        let wanted = PageRequest {
            cursor: Some(foreign),
            limit: 1,
        };
        let refused = numbered(vec![1, 2], "list", &wanted);
        assert_eq!(refused.map(|page| page.rows), Err(Refusal::InvalidCursor));
    }
}
