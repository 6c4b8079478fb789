//! The time, in the forms that AWS writes it.

use time::OffsetDateTime;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;

const RFC3339_MS: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");
const HTTP_DATE: &[BorrowedFormatItem<'_>] = format_description!(
    "[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] GMT"
);

/// Milliseconds since the Unix epoch.
pub(crate) fn now_ms() -> i64 {
    let ms = OffsetDateTime::now_utc().unix_timestamp_nanos() / 1_000_000;
    i64::try_from(ms).unwrap_or(i64::MAX)
}

/// RFC 3339 with milliseconds.
pub(crate) fn rfc3339_ms(unix_ms: i64) -> String {
    at(unix_ms).format(RFC3339_MS).unwrap_or_default()
}

/// The form of `Last-Modified`.
pub(crate) fn http_date(unix_ms: i64) -> String {
    at(unix_ms).format(HTTP_DATE).unwrap_or_default()
}

fn at(unix_ms: i64) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(unix_ms) * 1_000_000)
        .unwrap_or(OffsetDateTime::UNIX_EPOCH)
}
