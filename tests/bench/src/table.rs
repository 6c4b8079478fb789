//! A table in plain text, and the notation of its numbers.

use std::fmt;
use std::time::Duration;

const GAP: &str = "   ";

/// The side of its column on which a cell stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Align {
    /// For text.
    Left,
    /// For numbers.
    Right,
}

/// Rows whose cells stand below each other.
#[derive(Clone, Debug)]
pub struct Table<const COLUMNS: usize> {
    alignment: [Align; COLUMNS],
    rows: Vec<[String; COLUMNS]>,
}

impl<const COLUMNS: usize> Table<COLUMNS> {
    /// A table without rows.
    #[must_use]
    pub const fn new(alignment: [Align; COLUMNS]) -> Self {
        Self {
            alignment,
            rows: Vec::new(),
        }
    }

    /// Adds a row below the others.
    pub fn push(&mut self, row: [String; COLUMNS]) {
        self.rows.push(row);
    }

    fn width(&self, column: usize) -> usize {
        let widths = self.rows.iter().map(|row| row[column].chars().count());
        widths.max().unwrap_or_default()
    }
}

impl<const COLUMNS: usize> fmt::Display for Table<COLUMNS> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for row in &self.rows {
            let cells = row.iter().zip(self.alignment).enumerate();
            let cells: Vec<String> = cells
                .map(|(column, (cell, align))| {
                    let width = self.width(column);
                    match align {
                        Align::Left => format!("{cell:<width$}"),
                        Align::Right => format!("{cell:>width$}"),
                    }
                })
                .collect();
            writeln!(formatter, "{}", cells.join(GAP).trim_end())?;
        }
        Ok(())
    }
}

/// Writes a duration with this many decimals, as `1.25 ms`.
#[must_use]
pub fn milliseconds(duration: Duration, decimals: usize) -> String {
    format!("{:.decimals$} ms", duration.as_secs_f64() * 1_000.0)
}

/// Writes a size in millions of bytes, as `3.1 MB`.
#[must_use]
pub fn megabytes(size_bytes: u64) -> String {
    let tenths = (size_bytes + 50_000) / 100_000;
    format!("{}.{} MB", tenths / 10, tenths % 10)
}

/// Writes a number with its thousands apart, as `2,000`.
#[must_use]
pub fn thousands(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_stand_below_each_other() {
        let mut table = Table::new([Align::Left, Align::Right, Align::Left]);
        for row in [["", "calls", ""], ["a read", "7", "x"], ["é", "2,000", ""]] {
            table.push(row.map(str::to_owned));
        }
        let expected = "         calls\na read       7   x\né        2,000\n";
        assert_eq!(table.to_string(), expected);
    }

    #[test]
    fn numbers_are_written_as_people_read_them() {
        assert_eq!(milliseconds(Duration::from_micros(1_254), 2), "1.25 ms");
        assert_eq!(milliseconds(Duration::from_micros(12_340), 1), "12.3 ms");
        assert_eq!(megabytes(3_149_999), "3.1 MB");
        assert_eq!(megabytes(3_150_000), "3.2 MB");
        let written = [0, 999, 1_000, 2_000, 1_234_567].map(thousands);
        assert_eq!(written, ["0", "999", "1,000", "2,000", "1,234,567"]);
    }
}
