//! Moments as clients see them: RFC 3339, UTC, milliseconds.

use ::time::OffsetDateTime;
use ::time::format_description::BorrowedFormatItem;
use ::time::format_description::well_known::Rfc3339;
use ::time::macros::format_description;
use domain::time::Day;
use domain::{FieldCode, FieldError, Timestamp};

const FORM: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");

/// Writes `at` as `2026-01-31T09:05:07.123Z`.
#[must_use]
pub fn format(at: Timestamp) -> String {
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(at.ms()) * 1_000_000)
        .ok()
        .and_then(|moment| moment.format(FORM).ok())
        .unwrap_or_else(|| "9999-12-31T23:59:59.999Z".to_owned())
}

/// Writes `day` as `2026-01-31`.
#[must_use]
pub fn date(day: Day) -> String {
    format(day.begins()).chars().take(10).collect()
}

/// Reads a moment from `text`, which is RFC 3339 in any offset.
#[must_use]
pub fn parse(text: &str) -> Option<Timestamp> {
    let moment = OffsetDateTime::parse(text, &Rfc3339).ok()?;
    let ms = moment.unix_timestamp_nanos() / 1_000_000;
    i64::try_from(ms).ok().map(Timestamp::from_ms)
}

/// Reads a moment from the `text` of `field`. It must lie after `now`.
///
/// # Errors
/// The problem with `field`.
pub(crate) fn parse_future(
    field: &str,
    text: &str,
    now: Timestamp,
) -> Result<Timestamp, FieldError> {
    match parse(text) {
        None => {
            let message = "must be a time such as 2030-01-31T12:00:00Z";
            Err(FieldError::new(field, FieldCode::Malformed, message))
        }
        Some(at) if at <= now => {
            let message = "must be in the future";
            Err(FieldError::new(field, FieldCode::OutOfRange, message))
        }
        Some(at) => Ok(at),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_has_milliseconds_and_a_z() {
        assert_eq!(
            format(Timestamp::from_ms(1_769_850_307_123)),
            "2026-01-31T09:05:07.123Z"
        );
        assert_eq!(format(Timestamp::from_ms(0)), "1970-01-01T00:00:00.000Z");
    }

    #[test]
    fn a_moment_is_read_in_any_offset_and_nothing_else_is() {
        let at = Some(Timestamp::from_ms(1_769_850_307_123));
        assert_eq!(parse("2026-01-31T09:05:07.123Z"), at);
        assert_eq!(parse("2026-01-31T10:05:07.123+01:00"), at);
        for bad in [
            "",
            "tomorrow",
            "2026-01-31",
            "2026-02-30T00:00:00Z",
            "1769850307",
        ] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }
}
