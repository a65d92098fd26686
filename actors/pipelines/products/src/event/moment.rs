//! When an event happened.

use super::reading::{Counts, Limits, TimeFallback};
use jiff::{SignedDuration, Timestamp};

/// The first moment of 2000, in seconds. What is older is a clock that was never set, or a placeholder.
const FIRST_SECOND: i64 = 946_684_800;

/// What a record says of its time beside the event itself.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock<'a> {
    /// Of the record.
    pub record: Option<Timestamp>,
    /// When it was fetched.
    pub received_at: Timestamp,
    /// How far ahead of it a time may be.
    pub limits: &'a Limits,
}

/// A moment in whole microseconds, as the database keeps it.
pub(super) fn whole(moment: Timestamp) -> Timestamp {
    let microseconds = moment.as_nanosecond().div_euclid(1_000);
    let whole = i64::try_from(microseconds).ok().map(Timestamp::from_microsecond);
    whole.and_then(Result::ok).unwrap_or(moment)
}

// === impl Clock ===

impl Clock<'_> {
    /// The time of an event: what it names, where it names one; `Some(None)` is a name that cannot be read.
    pub(super) fn of_event(&self, named: Option<Option<Timestamp>>, counts: &mut Counts) -> Timestamp {
        let own = named.unwrap_or_else(|| {
            counts.fell_back(TimeFallback::Missing);
            None
        });
        if named == Some(None) {
            counts.fell_back(TimeFallback::Unreadable);
        }
        let Some(moment) = own.or(self.record) else {
            return whole(self.received_at);
        };
        self.sensible(moment).unwrap_or_else(|kind| {
            counts.fell_back(kind);
            whole(self.received_at)
        })
    }

    /// The time of a record that is no event.
    pub(super) fn of_record(&self) -> Timestamp {
        let record = self.record.and_then(|record| self.sensible(record).ok());
        record.unwrap_or_else(|| whole(self.received_at))
    }

    fn sensible(&self, moment: Timestamp) -> Result<Timestamp, TimeFallback> {
        let ahead = SignedDuration::from_mins(self.limits.max_future_minutes.into());
        let latest = self.received_at.saturating_add(ahead).unwrap_or(Timestamp::MAX);
        match moment {
            _ if moment > latest => Err(TimeFallback::Future),
            _ if moment.as_second() < FIRST_SECOND => Err(TimeFallback::Past),
            _ => Ok(whole(moment)),
        }
    }
}
