//! Moments as producers and crawlers write them: RFC 3339 and ISO 8601 with or without a zone, a bare date, or
//! seconds, milliseconds or microseconds since 1970. A missing zone means UTC.

use jiff::{Timestamp, civil::DateTime, tz::TimeZone};
use std::ops::RangeInclusive;

/// Years that mean something; both jiff and Postgres take more.
pub const YEARS: RangeInclusive<i16> = 1..=9999;

/// 1973 in seconds. Anything smaller is a year, a day or a placeholder, not a count of seconds.
const FIRST_SECOND: f64 = 1e8;

/// Reads RFC 3339 or ISO 8601. A missing zone means UTC, a missing time of day midnight.
pub fn moment(text: &str) -> Option<Timestamp> {
    let moment = match text.parse::<Timestamp>() {
        Ok(moment) => moment,
        // Reached only without a zone: a civil time ignores the name of one, and an offset that it cannot use.
        Err(_) if !has_zone(text) => {
            let civil = text.parse::<DateTime>().ok()?;
            TimeZone::UTC.to_timestamp(civil).ok()?
        }
        Err(_) => return None,
    };
    is_sensible(&moment).then_some(moment)
}

/// Reads a count of seconds, milliseconds or microseconds since 1970, by its size.
pub fn epoch(digits: &str) -> Option<Timestamp> {
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

/// Whether something after the date says where on Earth.
fn has_zone(text: &str) -> bool {
    let time = text.find(['T', 't', ' ']).map_or("", |start| &text[start..]);
    time.contains(['Z', 'z', '+', '-', '['])
}

fn is_sensible(moment: &Timestamp) -> bool {
    YEARS.contains(&TimeZone::UTC.to_datetime(*moment).year())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_a_moment() {
        let expected: Timestamp = "2025-12-06T10:30:00Z".parse().unwrap();
        for text in [
            "2025-12-06T10:30:00Z",
            "2025-12-06T10:30:00.000Z",
            "2025-12-06t10:30:00z",
            "2025-12-06T10:30:00",
            "2025-12-06T10:30:00.000000",
            "2025-12-06 10:30:00",
            "2025-12-06 17:30:00+07:00",
            "2025-12-06T17:30:00+0700",
            "2025-12-06T05:30:00-05:00",
            "20251206T103000Z",
            "2025-12-06T10:30Z",
        ] {
            assert_eq!(moment(text), Some(expected), "{text}");
        }
        for (text, expected) in [
            ("2025-12-06T10:15:30.123Z", "2025-12-06T10:15:30.123Z"),
            ("2025-12-06T10:15:30.123456", "2025-12-06T10:15:30.123456Z"),
            ("2025-12-06", "2025-12-06T00:00:00Z"),
            ("9999-12-30T00:00:00", "9999-12-30T00:00:00Z"),
        ] {
            assert_eq!(moment(text), expected.parse().ok(), "{text}");
        }
    }

    #[test]
    fn counts_since_1970() {
        for (digits, expected) in [
            ("1765016130", "2025-12-06T10:15:30Z"),
            ("1765016130123", "2025-12-06T10:15:30.123Z"),
            ("1765016130123456", "2025-12-06T10:15:30.123456Z"),
            ("1765016130.5", "2025-12-06T10:15:30.5Z"),
        ] {
            assert_eq!(epoch(digits), expected.parse().ok(), "{digits}");
            assert_eq!(moment(digits), None, "{digits}");
        }
    }

    #[test]
    fn what_is_no_moment_or_fits_no_column() {
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
            "2025-13-01T00:00:00Z",
            "2025-02-30",
            "2025-12-06T10:30:00+99:00",
            "2025-12-06T10:30:00[Asia/Ho_Chi_Minh]",
            "9999-12-30T21:00:00-05:00",
            "-009998-01-01T00:00:00Z",
            "-000001-01-01T00:00:00Z",
            "0000-01-01T00:00:00Z",
            "9999-12-31T23:59:59Z",
            "NaN",
            "inf",
            "10:15:30",
        ] {
            assert_eq!(moment(text), None, "{text}");
            assert_eq!(epoch(text), None, "{text}");
        }
    }
}
