//! Times in parameters.

use crate::http::ApiError;
use jiff::{Timestamp, civil::DateTime, tz::TimeZone};

/// A time; `None` where there is none.
///
/// # Errors
/// It is no time.
pub(super) fn time(name: &str, text: Option<&str>) -> Result<Option<Timestamp>, ApiError> {
    let Some(text) = text.filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    let refused = || {
        ApiError::bad(format!(
            "{name} is {text:?}: expected a time such as 2026-03-01T10:00:00Z"
        ))
    };
    text.parse().map(Some).map_err(|_| refused())
}

/// A UTC hour, as `2026-03-01T10`, or any time within it.
///
/// # Errors
/// It is none.
pub(in crate::pipelines::products) fn hour(text: &str) -> Result<Timestamp, String> {
    let whole = format!("{text}:00:00");
    let named = whole.parse::<DateTime>().ok();
    let named = named.and_then(|named| named.to_zoned(TimeZone::UTC).ok());
    let within = named.map(|named| named.timestamp()).or_else(|| text.parse().ok());
    let start = within.and_then(|within| {
        let second = within.as_second();
        Timestamp::from_second(second - second.rem_euclid(3_600)).ok()
    });
    start.ok_or_else(|| format!("{text:?} is no hour: expected one such as 2026-03-01T10, in UTC"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_hour_is_named_by_itself_or_by_a_time_within() {
        for text in [
            "2026-03-01T10",
            "2026-03-01T10:59:59.9Z",
            "2026-03-01T12:00:00+02:00",
        ] {
            assert_eq!(hour(text).unwrap().to_string(), "2026-03-01T10:00:00Z", "{text}");
        }
        for text in ["", "10", "2026-03-01", "2026-03-01T25", "yesterday"] {
            assert!(hour(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_time_names_its_zone() {
        assert_eq!(time("since", None), Ok(None));
        assert_eq!(time("since", Some("")), Ok(None));
        assert!(time("since", Some("2026-03-01T10:00:00Z")).unwrap().is_some());
        for text in ["now", "2026-03-01", "2026-03-01T10:00:00"] {
            assert!(time("since", Some(text)).is_err(), "{text}");
        }
    }
}
