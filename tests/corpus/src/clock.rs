//! The corpus's own time: seconds since its base time.

use jiff::{SignedDuration, Timestamp};

/// Seconds of a day.
pub(super) const DAY: i64 = 86_400;

/// A moment of the corpus. Each kind of moment has milliseconds of its own, so that no two crawls of
/// the same thing share one: which of two equally old versions wins is left open.
#[derive(Clone, Copy)]
pub(super) enum Moment {
    FirstCrawl = 0,
    LaterCrawl = 137,
    EarlierCrawl = 251,
    Announced = 503,
    Published = 719,
}

/// The instant `second` seconds after the base.
pub(super) fn at(base: Timestamp, second: i64, moment: Moment) -> Timestamp {
    base + SignedDuration::from_millis(second * 1_000 + moment as i64)
}

/// As most crawlers write it.
pub(super) fn iso(at: Timestamp) -> String {
    format!("{at:.3}")
}

/// As others write it: always the same instant.
pub(super) fn spelled(at: Timestamp, spelling: u64) -> String {
    let utc = at.to_zoned(jiff::tz::TimeZone::UTC);
    let hanoi = at.to_zoned(jiff::tz::TimeZone::fixed(jiff::tz::offset(7)));
    match spelling % 5 {
        0 => iso(at),
        1 => utc.strftime("%Y-%m-%dT%H:%M:%S%.3f").to_string(),
        2 => utc.strftime("%Y-%m-%d %H:%M:%S%.3f").to_string(),
        3 => hanoi.strftime("%Y-%m-%dT%H:%M:%S%.3f%:z").to_string(),
        _ => utc.strftime("%Y-%m-%dT%H:%M:%S%.6f+00:00").to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_is_the_same_instant() {
        let moment = at(Timestamp::constant(1_764_979_200, 0), 5, Moment::LaterCrawl);
        assert_eq!(iso(moment), "2025-12-06T00:00:05.137Z");
        assert_eq!(spelled(moment, 1), "2025-12-06T00:00:05.137");
        assert_eq!(spelled(moment, 2), "2025-12-06 00:00:05.137");
        assert_eq!(spelled(moment, 3), "2025-12-06T07:00:05.137+07:00");
        assert_eq!(spelled(moment, 4), "2025-12-06T00:00:05.137000+00:00");
    }
}
