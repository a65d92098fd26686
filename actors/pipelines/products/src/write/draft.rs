//! What one transaction is to store of a chunk.

use crate::{
    domain::{Event, Reason, Rejected},
    messages::CheckedChunk,
};
use jiff::{Timestamp, civil::Date, tz::TimeZone};
use millrace_kafka::{Care, Record, TopicPartition};
use std::{borrow::Cow, collections::BTreeMap};
use uuid::Uuid;

/// A chunk, or a part of one that is tried and taken back.
pub(super) struct Draft<'c> {
    /// The chunk, by its partition and its records.
    pub(super) id: String,
    pub(super) partition: TopicPartition,
    pub(super) topic_id: Option<Uuid>,
    /// The position that must be there, and the one to store: see [`CheckedChunk`].
    pub(super) from: Option<i64>,
    pub(super) next: i64,
    pub(super) bytes: usize,
    /// Tried before.
    pub(super) is_careful: bool,
    /// Those of its events that the database does not refuse, as far as that is known, by offset.
    pub(super) events: Vec<&'c Event>,
    pub(super) rejected: Vec<RejectedRow<'c>>,
    /// When it was fetched, as exactly as the database knows it.
    pub(super) received_at: Timestamp,
    pub(super) is_trial: bool,
}

/// A record that is no event, or one that the database refuses.
#[derive(Clone, Debug)]
pub(super) struct RejectedRow<'c> {
    pub(super) event_id: Option<&'c str>,
    pub(super) reason: Reason,
    pub(super) detail: Cow<'c, str>,
    pub(super) at: Timestamp,
    pub(super) record: &'c Record,
}

/// Events that the database refuses, by their offset, and what it says of them.
pub(super) type Refused = BTreeMap<i64, String>;

// === impl Draft ===

impl<'c> Draft<'c> {
    /// A whole chunk.
    pub(super) fn of(chunk: &'c CheckedChunk, refused: &Refused) -> Self {
        let events = chunk.events.iter();
        let is_fine = |event: &&Event| !refused.contains_key(&event.record.offset);
        let row = |event: &'c Event| Some((event, refused.get(&event.record.offset)?));
        let of_refused = events.clone().filter_map(row).map(|(event, detail)| RejectedRow {
            event_id: Some(&event.id),
            reason: Reason::RowRefused,
            detail: Cow::Owned(detail.clone()),
            at: event.at,
            record: &event.record,
        });
        Self {
            rejected: chunk
                .rejected
                .iter()
                .map(RejectedRow::from)
                .chain(of_refused)
                .collect(),
            events: events.filter(is_fine).collect(),
            ..Self::trial(chunk, &[])
        }
    }

    /// Some of its events, to learn whether the database takes them.
    pub(super) fn trial(chunk: &'c CheckedChunk, events: &[&'c Event]) -> Self {
        Self {
            id: format!("{}/{}-{}", chunk.partition, first(chunk), chunk.next - 1),
            partition: chunk.partition.clone(),
            topic_id: chunk.topic_id,
            from: chunk.from,
            next: chunk.next,
            bytes: chunk.bytes,
            is_careful: chunk.care != Care::None,
            events: events.to_vec(),
            rejected: Vec::new(),
            received_at: whole_micros(chunk.received_at),
            is_trial: true,
        }
    }

    /// The same, to be committed.
    pub(super) fn kept(mut self) -> Self {
        self.is_trial = false;
        self
    }

    /// Its topic, as statements take it.
    pub(super) fn topic(&self) -> &str {
        &self.partition.topic
    }

    /// The number of its partition, likewise.
    pub(super) fn partition(&self) -> i64 {
        self.partition.partition.into()
    }

    /// The day of the journal that it belongs to.
    pub(super) fn received_on(&self) -> Date {
        day(self.received_at)
    }
}

/// The offset of its first record, or of where there was none.
fn first(chunk: &CheckedChunk) -> i64 {
    let events = chunk.events.first().map(|event| event.record.offset);
    let rejected = chunk.rejected.first().map(|rejected| rejected.record.offset);
    let first = events.into_iter().chain(rejected).min();
    first.or(chunk.from).unwrap_or(chunk.next)
}

/// As the database keeps it: two times that are one there must be one here.
pub(super) fn whole_micros(at: Timestamp) -> Timestamp {
    Timestamp::from_microsecond(at.as_microsecond()).unwrap_or(at)
}

/// The UTC day that a time belongs to.
pub(super) fn day(at: Timestamp) -> Date {
    at.to_zoned(TimeZone::UTC).date()
}

/// The UTC hour that a time belongs to.
pub(super) fn hour(at: Timestamp) -> Timestamp {
    let seconds = at.as_second();
    Timestamp::from_second(seconds - seconds.rem_euclid(3600)).unwrap_or(at)
}

// === impl RejectedRow ===

impl<'c> From<&'c Rejected> for RejectedRow<'c> {
    fn from(rejected: &'c Rejected) -> Self {
        Self {
            event_id: rejected.event_id.as_deref(),
            reason: rejected.reason,
            detail: Cow::Borrowed(&rejected.detail),
            at: rejected.at,
            record: &rejected.record,
        }
    }
}
