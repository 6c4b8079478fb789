//! The times at which a schedule is due: EventBridge's `rate(...)` and `cron(...)` expressions, in UTC.
//!
//! Owns their grammar and arithmetic. Refuses to know clocks: the caller passes the time.

use std::time::Duration;

use time::{Date, OffsetDateTime, Time};

/// The days ahead in which a date is looked for; a rule without a date in this time never fires.
const DAYS_AHEAD_MAX: u32 = 366 * 9;

/// A schedule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Schedule {
    /// At regular intervals.
    Rate(Duration),
    /// At given times.
    Cron(Box<Cron>),
}

/// The values that each field of a cron expression allows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cron {
    minutes: Vec<bool>,
    hours: Vec<bool>,
    /// `None` when the day is chosen by the weekday.
    days: Option<Vec<bool>>,
    months: Vec<bool>,
    /// `None` when the day is chosen by the day of the month.
    weekdays: Option<Vec<bool>>,
    years: Vec<bool>,
}

const YEAR_FIRST: usize = 1970;
const YEAR_LAST: usize = 2199;
const MONTHS: [&str; 12] = [
    "JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC",
];
const WEEKDAYS: [&str; 7] = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];

impl Schedule {
    /// Reads an expression; the error says why it is wrong.
    pub fn parse(expression: &str) -> Result<Self, String> {
        let inside = |name: &str| expression.strip_prefix(name)?.strip_suffix(')');
        if let Some(rate) = inside("rate(") {
            return parse_rate(rate).map(Self::Rate);
        }
        if let Some(cron) = inside("cron(") {
            return Cron::parse(cron).map(|cron| Self::Cron(Box::new(cron)));
        }
        Err("must be rate(...) or cron(...)".to_owned())
    }

    /// The next time after `now` at which it is due; `None` for never.
    pub fn next_after(&self, now: OffsetDateTime) -> Option<OffsetDateTime> {
        match self {
            Self::Rate(period) => now.checked_add((*period).try_into().ok()?),
            Self::Cron(cron) => cron.next_after(now),
        }
    }
}

fn parse_rate(rate: &str) -> Result<Duration, String> {
    let wrong = || "must be like rate(5 minutes)".to_owned();
    let (count, unit) = rate.trim().split_once(' ').ok_or_else(wrong)?;
    let count: u32 = count
        .parse()
        .ok()
        .filter(|count| *count > 0)
        .ok_or_else(wrong)?;
    let unit_s = match (unit.trim(), count) {
        ("minute", 1) | ("minutes", _) => 60,
        ("hour", 1) | ("hours", _) => 3_600,
        ("day", 1) | ("days", _) => 86_400,
        _ => return Err(wrong()),
    };
    Ok(Duration::from_secs(u64::from(count) * unit_s))
}

impl Cron {
    fn parse(text: &str) -> Result<Self, String> {
        let fields: Vec<&str> = text.split_whitespace().collect();
        let [minutes, hours, days, months, weekdays, years] = fields.as_slice() else {
            return Err("must have six fields in cron(...)".to_owned());
        };
        if (*days == "?") == (*weekdays == "?") {
            return Err("must have ? for exactly one of day of month and day of week".to_owned());
        }
        let optional = |field: &str, first, last, names: &[&str]| {
            (field != "?")
                .then(|| allowed(field, first, last, names))
                .transpose()
        };
        Ok(Self {
            minutes: allowed(minutes, 0, 59, &[])?,
            hours: allowed(hours, 0, 23, &[])?,
            days: optional(days, 1, 31, &[])?,
            months: allowed(months, 1, 12, &MONTHS)?,
            weekdays: optional(weekdays, 1, 7, &WEEKDAYS)?,
            years: allowed(years, YEAR_FIRST, YEAR_LAST, &[])?,
        })
    }

    fn next_after(&self, now: OffsetDateTime) -> Option<OffsetDateTime> {
        let start = now.replace_second(0).ok()?.replace_nanosecond(0).ok()?;
        let start = start.checked_add(time::Duration::MINUTE)?;
        let mut date = start.date();
        let mut earliest = (usize::from(start.hour()), usize::from(start.minute()));
        for _ in 0..DAYS_AHEAD_MAX {
            if self.allows_date(date)
                && let Some((hour, minute)) = self.time_from(earliest)
            {
                let time = Time::from_hms(u8::try_from(hour).ok()?, u8::try_from(minute).ok()?, 0);
                return Some(date.with_time(time.ok()?).assume_utc());
            }
            date = date.next_day()?;
            earliest = (0, 0);
        }
        None
    }

    fn allows_date(&self, date: Date) -> bool {
        let year = usize::try_from(date.year())
            .unwrap_or(0)
            .wrapping_sub(YEAR_FIRST);
        let month = usize::from(u8::from(date.month())) - 1;
        let day = usize::from(date.day()) - 1;
        let weekday = usize::from(date.weekday().number_days_from_sunday());
        let in_set = |set: &[bool], index: usize| set.get(index).copied().unwrap_or(false);
        in_set(&self.years, year)
            && in_set(&self.months, month)
            && self.days.as_ref().is_none_or(|days| in_set(days, day))
            && self
                .weekdays
                .as_ref()
                .is_none_or(|weekdays| in_set(weekdays, weekday))
    }

    /// The first allowed time of a day that is not before `earliest`.
    fn time_from(&self, earliest: (usize, usize)) -> Option<(usize, usize)> {
        let (first_hour, first_minute) = earliest;
        let hours = (first_hour..24).filter(|hour| self.hours[*hour]);
        for hour in hours {
            let from = if hour == first_hour { first_minute } else { 0 };
            if let Some(minute) = (from..60).find(|minute| self.minutes[*minute]) {
                return Some((hour, minute));
            }
        }
        None
    }
}

/// The values that one field allows, as flags from `first` to `last`.
fn allowed(field: &str, first: usize, last: usize, names: &[&str]) -> Result<Vec<bool>, String> {
    let wrong = || format!("has the field {field}, which is not understood");
    let number = |text: &str| {
        let named = names
            .iter()
            .position(|name| name.eq_ignore_ascii_case(text));
        let number = named
            .map(|index| index + first)
            .or_else(|| text.parse().ok());
        number
            .filter(|number| (first..=last).contains(number))
            .ok_or_else(wrong)
    };
    let mut flags = vec![false; last - first + 1];
    for part in field.split(',') {
        let (range, step) = match part.split_once('/') {
            Some((range, step)) => (range, step.parse::<usize>().map_err(|_| wrong())?),
            None => (part, 1),
        };
        if step == 0 {
            return Err(wrong());
        }
        let (from, to) = match range.split_once('-') {
            _ if range == "*" => (first, last),
            Some((from, to)) => (number(from)?, number(to)?),
            None if part.contains('/') => (number(range)?, last),
            None => (number(range)?, number(range)?),
        };
        if from > to {
            return Err(wrong());
        }
        for value in (from..=to).step_by(step) {
            flags[value - first] = true;
        }
    }
    Ok(flags)
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::datetime;

    #[test]
    fn the_next_time_is_the_first_that_the_expression_allows() {
        let now = datetime!(2026-11-23 08:35:20 UTC);
        let cases = [
            ("rate(1 minute)", datetime!(2026-11-23 08:36:20 UTC)),
            ("rate(2 hours)", datetime!(2026-11-23 10:35:20 UTC)),
            ("cron(* * * * ? *)", datetime!(2026-11-23 08:36 UTC)),
            ("cron(0/15 * * * ? *)", datetime!(2026-11-23 08:45 UTC)),
            ("cron(0 3 * * ? *)", datetime!(2026-11-24 03:00 UTC)),
            ("cron(10 9 1 * ? *)", datetime!(2026-12-01 09:10 UTC)),
            ("cron(0 0 ? * SUN *)", datetime!(2026-11-29 00:00 UTC)),
            ("cron(0 0 ? * MON-FRI *)", datetime!(2026-11-24 00:00 UTC)),
            ("cron(0 0 29 FEB ? *)", datetime!(2028-02-29 00:00 UTC)),
            (
                "cron(35,36 8 23 11 ? 2026)",
                datetime!(2026-11-23 08:36 UTC),
            ),
        ];
        for (expression, expected) in cases {
            let schedule = Schedule::parse(expression).unwrap();
            assert_eq!(schedule.next_after(now), Some(expected), "{expression}");
        }
    }

    #[test]
    fn a_time_that_is_past_for_good_never_comes() {
        let schedule = Schedule::parse("cron(0 0 1 1 ? 2020)").unwrap();
        assert_eq!(schedule.next_after(datetime!(2026-11-23 08:35 UTC)), None);
    }

    #[test]
    fn a_wrong_expression_is_refused() {
        let cases = [
            "at(2026-11-23T00:00:00)",
            "rate(0 minutes)",
            "rate(5 minute)",
            "rate(5 seconds)",
            "cron(* * * * *)",
            "cron(* * * * * *)",
            "cron(* * ? * ? *)",
            "cron(60 * * * ? *)",
            "cron(0 0 L * ? *)",
            "cron(0 9-3 * * ? *)",
            "cron(0/0 * * * ? *)",
        ];
        for expression in cases {
            assert!(Schedule::parse(expression).is_err(), "{expression}");
        }
    }
}
