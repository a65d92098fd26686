//! A chunk of records, read.

use super::{
    moment::{Clock, whole},
    reading::{Counts, Limits, Refusal},
    record::{self, ReadEvent},
};
use crate::{
    domain::{Event, Reason, Rejected},
    messages::CheckedChunk,
};
use jiff::Timestamp;
use millrace_kafka::{Care, Chunk, Record};

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// What was made of each record of a chunk, in their order, and what was odd.
#[derive(Debug)]
pub struct Checked {
    found: Vec<Found>,
    /// What was odd about the records.
    pub counts: Counts,
}

/// What a record is.
#[derive(Debug)]
enum Found {
    Event(Box<ReadEvent>),
    Rejected {
        event_id: Option<String>,
        refusal: Refusal,
        at: Timestamp,
    },
    Tombstone,
}

/// Reads every record of a chunk. One that died of being read is rejected unread.
pub fn check(chunk: Chunk, limits: &Limits) -> (CheckedChunk, Counts) {
    let checked = Checked::new(&chunk, limits);
    let counts = checked.counts;
    (checked.put_together(chunk), counts)
}

// === impl Checked ===

impl Checked {
    /// Reads every record of a chunk.
    pub(super) fn new(chunk: &Chunk, limits: &Limits) -> Self {
        let mut counts = Counts::default();
        let found = chunk
            .records
            .iter()
            .map(|record| find(record, chunk, limits, &mut counts))
            .collect();
        Self { found, counts }
    }

    /// Puts what was read together with the records.
    pub(super) fn put_together(self, chunk: Chunk) -> CheckedChunk {
        let mut events = Vec::with_capacity(chunk.records.len());
        let mut rejected = Vec::new();
        let mut bytes = 0;
        for (record, found) in chunk.records.into_iter().zip(self.found) {
            bytes += size(&record);
            match found {
                Found::Event(read) => events.push(event(*read, without_mark(record))),
                Found::Rejected {
                    event_id,
                    refusal: Refusal { reason, detail },
                    at,
                } => rejected.push(Rejected {
                    event_id,
                    reason,
                    detail: detail.into_owned(),
                    at,
                    record,
                }),
                Found::Tombstone => {}
            }
        }
        CheckedChunk {
            partition: chunk.partition,
            topic_id: chunk.topic_id,
            from: chunk.from,
            next: chunk.next,
            care: chunk.care,
            received_at: whole(chunk.received_at),
            events,
            rejected,
            bytes,
            reservation: chunk.reservation,
        }
    }
}

fn find(record: &Record, chunk: &Chunk, limits: &Limits, counts: &mut Counts) -> Found {
    let clock = Clock {
        record: record.timestamp,
        received_at: chunk.received_at,
        limits,
    };
    if chunk.care == Care::Reject {
        let detail = "it was alone whenever a stage or a process died: it is not read again";
        return Found::Rejected {
            event_id: None,
            refusal: Refusal::new(Reason::KilledWorker, detail),
            at: clock.of_record(),
        };
    }
    let Some(value) = &record.value else {
        counts.tombstones += 1;
        return Found::Tombstone;
    };
    match record::read(record, value, &chunk.partition.topic, &clock, counts) {
        Ok(read) => Found::Event(Box::new(read)),
        Err((event_id, refusal)) => Found::Rejected {
            event_id,
            refusal,
            at: clock.of_record(),
        },
    }
}

fn event(read: ReadEvent, record: Record) -> Event {
    let ReadEvent {
        id,
        event_type,
        product_id,
        seller_id,
        at,
        change,
        trace_id,
    } = read;
    Event {
        id,
        event_type,
        product_id,
        seller_id,
        at,
        change,
        trace_id,
        record,
    }
}

/// No `json` of a database may begin with a byte order mark.
fn without_mark(mut record: Record) -> Record {
    if let Some(value) = record
        .value
        .as_mut()
        .filter(|value| value.starts_with(BYTE_ORDER_MARK))
    {
        *value = value.slice(BYTE_ORDER_MARK.len()..);
    }
    record
}

fn size(record: &Record) -> usize {
    let headers = record
        .headers
        .iter()
        .map(|(name, value)| name.len() + length(value.as_deref()));
    length(record.key.as_deref()) + length(record.value.as_deref()) + headers.sum::<usize>()
}

fn length(bytes: Option<&[u8]>) -> usize {
    bytes.map_or(0, <[u8]>::len)
}
