//! Durations, sizes and rates, as directives write them: `5s`, `250MiB`, `2MB/s`.

/// The most bytes that a directive can name: far more than any file has, and far below the range of the type.
const BYTES_MAX: u64 = 1 << 40;

/// The longest come first: `B` ends every other one.
const UNITS: [(&str, u64); 7] = [
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("GB", 1_000_000_000),
    ("MB", 1_000_000),
    ("kB", 1_000),
    ("B", 1),
];

/// `5s`, `250ms`, or a number of seconds.
pub(crate) fn duration_ms(text: &str) -> Option<i64> {
    let (number, factor) = match text.strip_suffix("ms") {
        Some(number) => (number, 1),
        None => (text.strip_suffix('s').unwrap_or(text), 1_000),
    };
    let number: i64 = number.parse().ok().filter(|number| *number >= 0)?;
    number.checked_mul(factor)
}

/// `250MiB`, `70kB`, or a number of bytes; at most 1 TiB.
pub(crate) fn bytes(text: &str) -> Option<u64> {
    let with_unit = UNITS
        .iter()
        .find_map(|(unit, factor)| Some((text.strip_suffix(unit)?, *factor)));
    let (number, factor) = with_unit.unwrap_or((text, 1));
    let number: u64 = number.parse().ok()?;
    number
        .checked_mul(factor)
        .filter(|bytes| *bytes <= BYTES_MAX)
}

/// `2MB/s`, in bytes a second; at least 1.
pub(crate) fn bytes_per_second(text: &str) -> Option<u64> {
    bytes(text.strip_suffix("/s")?).filter(|bytes| *bytes > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_in_seconds_unless_it_says_otherwise() {
        for (text, expected) in [
            ("5s", Some(5_000)),
            ("250ms", Some(250)),
            ("3", Some(3_000)),
            ("0", Some(0)),
            ("-1s", None),
            ("x", None),
            ("", None),
            ("99999999999999999s", None),
        ] {
            assert_eq!(duration_ms(text), expected, "{text}");
        }
    }

    #[test]
    fn a_size_is_in_bytes_unless_it_says_otherwise() {
        for (text, expected) in [
            ("0", Some(0)),
            ("70", Some(70)),
            ("70B", Some(70)),
            ("70kB", Some(70_000)),
            ("70KiB", Some(71_680)),
            ("2MB", Some(2_000_000)),
            ("250MiB", Some(262_144_000)),
            ("1GB", Some(1_000_000_000)),
            ("1024GiB", Some(1 << 40)),
            ("1025GiB", None),
            ("99999999999GiB", None),
            ("MB", None),
            ("-1", None),
            ("1.5MB", None),
            ("", None),
        ] {
            assert_eq!(bytes(text), expected, "{text}");
        }
    }

    #[test]
    fn a_rate_is_a_size_a_second_and_never_zero() {
        for (text, expected) in [
            ("2MB/s", Some(2_000_000)),
            ("500/s", Some(500)),
            ("2MB", None),
            ("0/s", None),
        ] {
            assert_eq!(bytes_per_second(text), expected, "{text}");
        }
    }
}
