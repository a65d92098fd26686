//! Times as producers write them.

use jiff::{Timestamp, civil::DateTime, tz::TimeZone};

/// Years that `timestamptz` and every client of it can hold.
const YEARS: std::ops::RangeInclusive<i16> = 1..=9998;

/// Reads RFC 3339 or ISO 8601. A missing zone means UTC, a missing time of day midnight.
pub(super) fn parse(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    let at = match text.parse::<Timestamp>() {
        Ok(at) => at,
        // Reached only without a zone: a civil time ignores an offset that it cannot use.
        Err(_) if !has_zone(text) => {
            let civil: DateTime = text.parse().ok()?;
            civil.to_zoned(TimeZone::UTC).ok()?.timestamp()
        }
        Err(_) => return None,
    };
    YEARS.contains(&at.to_zoned(TimeZone::UTC).year()).then_some(at)
}

/// Whether something after the date says where on Earth.
fn has_zone(text: &str) -> bool {
    let time = text.find(['T', 't', ' ']).map_or("", |start| &text[start..]);
    time.contains(['Z', 'z', '+', '-', '['])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_one_moment() {
        let moment: Timestamp = "2025-12-06T10:30:00Z".parse().unwrap();
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
            " 2025-12-06T10:30Z ",
        ] {
            assert_eq!(parse(text), Some(moment), "{text}");
        }
        assert_eq!(parse("2025-12-06"), "2025-12-06T00:00:00Z".parse().ok());
    }

    #[test]
    fn what_is_no_time_or_fits_no_column() {
        for text in [
            "",
            "yesterday",
            "1765017000",
            "2025-13-01T00:00:00Z",
            "2025-02-30",
            "2025-12-06T10:30:00+99:00",
            "-009998-01-01T00:00:00Z",
            "0000-01-01T00:00:00Z",
            "9999-12-31T23:59:59Z",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
