//! When an event happened.

use super::{
    json::Json,
    record::{ProductSettings, SentRecord},
};
use jiff::{SignedDuration, Timestamp, civil::DateTime, tz::TimeZone};

/// The time of an event that names `said`; none where it is that of its receipt.
pub(super) fn time(said: Option<Json>, record: &SentRecord, settings: &ProductSettings) -> Option<Timestamp> {
    let own = match said {
        Some(Json::Text(text)) => moment(&text).or_else(|| count(&text)),
        Some(Json::Number(digits)) => count(&digits),
        _ => None,
    };
    own.or(record.timestamp).and_then(|at| sensible(at, settings))
}

/// A time that can be, in whole microseconds.
pub(super) fn sensible(at: Timestamp, settings: &ProductSettings) -> Option<Timestamp> {
    let latest = settings.received_at + SignedDuration::from_mins(settings.max_future_minutes);
    let first: Timestamp = "2000-01-01T00:00:00Z".parse().ok()?;
    let whole = Timestamp::from_microsecond(at.as_nanosecond().div_euclid(1000) as i64).ok();
    whole.filter(|_| at >= first && at <= latest)
}

fn moment(text: &str) -> Option<Timestamp> {
    if let Ok(moment) = text.parse() {
        return Some(moment);
    }
    let after_the_date = text.get(10..).unwrap_or_default();
    if after_the_date.contains(['Z', 'z', '+', '-', '[']) {
        return None;
    }
    let civil: DateTime = text.parse().ok()?;
    TimeZone::UTC.to_timestamp(civil).ok()
}

/// Seconds, milliseconds or microseconds since 1970, by their size.
fn count(digits: &str) -> Option<Timestamp> {
    let number: f64 = digits.parse().ok()?;
    let scale = match number {
        number if number < 1e8 => return None,
        number if number < 1e11 => 1e6,
        number if number < 1e14 => 1e3,
        number if number < 1e17 => 1.0,
        _ => return None,
    };
    Timestamp::from_microsecond((number * scale).round() as i64).ok()
}
