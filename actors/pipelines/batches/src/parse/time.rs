//! Moments as crawlers write them: RFC 3339 and ISO 8601 with or without a zone, a bare date, or
//! seconds, milliseconds or microseconds since 1970. A missing zone means UTC.

use jiff::{Timestamp, civil::DateTime, tz::TimeZone};
use std::ops::RangeInclusive;

/// Years that mean something; both jiff and Postgres take more.
const YEARS: RangeInclusive<i16> = 1..=9999;

/// 1973 in seconds. Anything smaller is a year, a day or a placeholder, not a count of seconds.
const FIRST_SECOND: f64 = 1e8;

/// Reads a written moment.
pub(super) fn written(text: &str) -> Option<Timestamp> {
    let zoned = text.parse::<Timestamp>().ok();
    let moment = zoned.or_else(|| {
        let local = text.parse::<DateTime>().ok()?;
        TimeZone::UTC.to_timestamp(local).ok()
    });
    moment.or_else(|| epoch(text)).filter(is_sensible)
}

/// Reads a count of seconds, milliseconds or microseconds since 1970, by its size.
pub(super) fn epoch(digits: &str) -> Option<Timestamp> {
    let count: f64 = digits.parse().ok().filter(|count| *count >= FIRST_SECOND)?;
    let units = [1e6, 1e3, 1.0];
    let microseconds_each = units.into_iter().find(|unit| count * unit < FIRST_SECOND * 1e9)?;
    let microseconds = match digits.parse::<i64>() {
        Ok(count) => count.checked_mul(microseconds_each as i64)?,
        // A double holds these to the microsecond until the year 2255.
        Err(_) => (count * microseconds_each).round() as i64,
    };
    Timestamp::from_microsecond(microseconds).ok().filter(is_sensible)
}

fn is_sensible(moment: &Timestamp) -> bool {
    YEARS.contains(&TimeZone::UTC.to_datetime(*moment).year())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_to_write_a_moment() {
        for (text, expected) in [
            ("2025-12-06T10:15:30.123Z", "2025-12-06T10:15:30.123Z"),
            ("2025-12-06T17:15:30+07:00", "2025-12-06T10:15:30Z"),
            ("2025-12-06T17:15:30+0700", "2025-12-06T10:15:30Z"),
            ("2025-12-06T10:15:30.123456", "2025-12-06T10:15:30.123456Z"),
            ("2025-12-06 10:15:30", "2025-12-06T10:15:30Z"),
            ("2025-12-06", "2025-12-06T00:00:00Z"),
            ("1765016130", "2025-12-06T10:15:30Z"),
            ("1765016130123", "2025-12-06T10:15:30.123Z"),
            ("1765016130123456", "2025-12-06T10:15:30.123456Z"),
            ("1765016130.5", "2025-12-06T10:15:30.5Z"),
        ] {
            let expected: Timestamp = expected.parse().unwrap();
            assert_eq!(written(text), Some(expected), "{text}");
        }
    }

    #[test]
    fn what_is_no_moment_is_none() {
        for text in [
            "",
            "yesterday",
            "2025",
            "20",
            "0",
            "-1",
            "1e30",
            "99999999999999999999",
            "2025-13-01",
            "2025-02-30",
            "-000001-01-01T00:00:00Z",
            "0000-01-01T00:00:00Z",
            "NaN",
            "inf",
            "10:15:30",
        ] {
            assert_eq!(written(text), None, "{text}");
        }
    }
}
