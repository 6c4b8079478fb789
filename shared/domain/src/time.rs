//! A moment, in the form of every record. Owns its arithmetic; refuses to read a clock.

use std::fmt;
use std::time::Duration;

use ::time::{Date, OffsetDateTime};

const DAY_MS: i64 = 24 * 60 * 60 * 1_000;

/// Milliseconds since the Unix epoch, UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The moment `ms` milliseconds after the epoch; a negative number is the epoch.
    #[must_use]
    pub const fn from_ms(ms: i64) -> Self {
        Self(if ms < 0 { 0 } else { ms })
    }

    /// Milliseconds since the epoch.
    #[must_use]
    pub const fn ms(self) -> i64 {
        self.0
    }

    /// Whole seconds since the epoch, as DynamoDB's TTL and JWTs count.
    #[must_use]
    pub const fn seconds(self) -> i64 {
        self.0 / 1000
    }

    /// The moment `duration` later. It saturates at the last moment that can be written.
    #[must_use]
    pub fn plus(self, duration: Duration) -> Self {
        let ms = i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
        Self(self.0.saturating_add(ms))
    }

    /// The moment `duration` earlier, at the earliest the epoch.
    #[must_use]
    pub fn minus(self, duration: Duration) -> Self {
        let ms = i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
        Self::from_ms(self.0.saturating_sub(ms))
    }

    /// The time since `earlier`; zero if that is later.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0 - earlier.0).unwrap_or(0))
    }
}

/// A day, UTC, by its number since the Unix epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Day(i64);

impl Day {
    /// The day with this number.
    #[must_use]
    pub const fn from_number(days: i64) -> Self {
        Self(if days < 0 { 0 } else { days })
    }

    /// The number of days between the epoch and it.
    #[must_use]
    pub const fn number(self) -> i64 {
        self.0
    }

    /// Its first moment.
    #[must_use]
    pub const fn begins(self) -> Timestamp {
        Timestamp::from_ms(self.0.saturating_mul(DAY_MS))
    }
}

/// A calendar month, UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Month {
    year: i32,
    number: u8,
}

impl Month {
    /// Reads a month, such as `2026-01`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (year, number) = text.split_once('-')?;
        let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if (year.len(), number.len()) != (4, 2) || !is_number(year) || !is_number(number) {
            return None;
        }
        let (year, number) = (year.parse().ok()?, number.parse().ok()?);
        ((1970..=9998).contains(&year) && (1..=12).contains(&number))
            .then_some(Self { year, number })
    }

    /// Its first moment.
    #[must_use]
    pub fn begins(self) -> Timestamp {
        let month = ::time::Month::try_from(self.number).unwrap_or(::time::Month::December);
        let date = Date::from_calendar_date(self.year, month, 1).unwrap_or(Date::MAX);
        Timestamp::from_ms(
            date.midnight()
                .assume_utc()
                .unix_timestamp()
                .saturating_mul(1_000),
        )
    }

    /// The next month.
    #[must_use]
    pub const fn next(self) -> Self {
        match self.number {
            12 => Self {
                year: self.year + 1,
                number: 1,
            },
            number => Self {
                year: self.year,
                number: number + 1,
            },
        }
    }
}

impl From<Timestamp> for Month {
    fn from(moment: Timestamp) -> Self {
        let date = OffsetDateTime::from_unix_timestamp(moment.seconds());
        // A moment beyond the last year that can be written counts as that year's last month.
        let date = date.map_or(Date::MAX, OffsetDateTime::date);
        Self {
            year: date.year(),
            number: date.month().into(),
        }
    }
}

impl fmt::Display for Month {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}", self.year, self.number)
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let date = OffsetDateTime::from_unix_timestamp(self.begins().seconds());
        let date = date.map_or(Date::MAX, OffsetDateTime::date);
        let month = u8::from(date.month());
        write!(f, "{:04}-{month:02}-{:02}", date.year(), date.day())
    }
}

impl From<Timestamp> for Day {
    fn from(moment: Timestamp) -> Self {
        Self::from_number(moment.ms() / DAY_MS)
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}ms", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_month_begins_with_its_first_day_and_ends_with_its_last() {
        let month = |seconds: i64| Month::from(Timestamp::from_ms(seconds * 1_000)).to_string();
        assert_eq!(month(0), "1970-01");
        // The last second of February in a leap year, and the first of March.
        assert_eq!(month(1_709_251_199), "2024-02");
        assert_eq!(month(1_709_251_200), "2024-03");
        assert_eq!(month(1_798_761_599), "2026-12");
        assert_eq!(month(1_798_761_600), "2027-01");
        assert_eq!(month(i64::MAX / 1_000), "9999-12");
    }

    #[test]
    fn a_month_is_from_its_beginning_until_the_next_one_begins() {
        for text in ["1970-01", "2024-02", "2026-12", "9998-12"] {
            let month = Month::parse(text).expect("a month");
            assert_eq!(month.to_string(), text);
            assert_eq!(Month::from(month.begins()), month);
            let last = month.next().begins().minus(Duration::from_millis(1));
            assert_eq!(Month::from(last), month);
        }
        for text in [
            "",
            "2026",
            "2026-0",
            "2026-00",
            "2026-13",
            "+026-01",
            "2026-01-01",
            "1969-12",
        ] {
            assert_eq!(Month::parse(text), None, "{text}");
        }
    }
}
