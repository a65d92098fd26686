//! One partition that is ours: what was read of it, what is in flight, and where it stands.

use crate::{
    PartitionStatus, Record, TopicPartition,
    caution::Caution,
    context::Listener,
    troubles::{Remedy, remedy},
};
use bytes::Bytes;
use jiff::Timestamp;
use rdkafka::{
    Message,
    consumer::base_consumer::PartitionQueue,
    error::KafkaError,
    message::{BorrowedMessage, Headers},
};
use std::{collections::VecDeque, time::Duration};
use tokio::time::Instant;
use tracing::Span;
use uuid::Uuid;

/// What a record weighs beside its bytes.
const RECORD_OVERHEAD: usize = 128;

/// A partition, from its assignment to its revocation.
pub(crate) struct Partition {
    pub(crate) name: TopicPartition,
    /// Of the assignment: what was begun for an earlier one means nothing.
    pub(crate) serial: u64,
    pub(crate) phase: Phase,
    /// The position that must be stored when a chunk is.
    pub(crate) stored: Option<i64>,
    pub(crate) topic_id: Option<Uuid>,
    /// Where reading began is not what is stored: the position is to be stored even without records.
    pub(crate) pin: bool,
    pub(crate) caution: Option<Caution>,
    /// A process died with what the caution is for; until then it is handled while nothing else is.
    pub(crate) accused_until: Option<Instant>,
    /// Nothing was stored since the assignment: the process may have died with what comes first.
    pub(crate) first: bool,
    pub(crate) flight: Option<Flight>,
    pub(crate) to_commit: Option<i64>,
    pub(crate) not_before: Option<Instant>,
    pub(crate) failures: u32,
    /// Behind the last record that can be read, as far as is known.
    pub(crate) end: Option<i64>,
    /// Behind the last place that the client has read, records or not.
    pub(crate) read_end: Option<i64>,
    /// The client has said in the queue, behind all records that it had, that it is at the end. What its statistics tell
    /// of an end may be of before a seek; this is not.
    at_end: bool,
    pub(crate) read_up_to: Option<Timestamp>,
    /// Where the next chunk begins.
    pub(crate) begin: i64,
    /// What was sought last, until the hole behind it was looked at twice.
    sought_at: Option<i64>,
    looked_at: Option<i64>,
    /// Behind what was taken from the queue.
    next: i64,
    buffer: VecDeque<Record>,
    queue: PartitionQueue<Listener>,
}

/// What it does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Its position is looked for.
    Placing,
    /// It is read.
    Reading,
    /// It waits for a person, until it is looked at again.
    Waiting { why: String, until: Instant },
}

/// A chunk that is not settled.
pub(crate) struct Flight {
    /// None while it is made ready.
    pub(crate) tag: Option<u64>,
    pub(crate) cut: Cut,
    pub(crate) span: Span,
}

/// Records that go together.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Cut {
    pub(crate) records: Vec<Record>,
    /// Where the next one begins.
    pub(crate) next: i64,
    pub(crate) bytes: usize,
}

/// How reading ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Filled {
    /// As much is there as was asked for.
    Enough,
    /// Nothing more has come yet.
    Drained,
    /// The log does not hold the position.
    OutOfRange,
    /// The first record is not at the place that was sought. That is so where records were compacted away or aborted,
    /// and it would be so if a seek was lost: it is sought once more.
    Hole,
}

// === impl Partition ===

impl Partition {
    pub(crate) fn new(name: TopicPartition, serial: u64, queue: PartitionQueue<Listener>) -> Self {
        Self {
            name,
            serial,
            phase: Phase::Placing,
            stored: None,
            topic_id: None,
            pin: false,
            caution: None,
            accused_until: None,
            first: true,
            flight: None,
            to_commit: None,
            not_before: None,
            failures: 0,
            end: None,
            read_end: None,
            at_end: false,
            read_up_to: None,
            begin: 0,
            sought_at: None,
            looked_at: None,
            next: 0,
            buffer: VecDeque::new(),
            queue,
        }
    }

    /// Begins to read at a position.
    pub(crate) fn read_from(&mut self, at: i64) {
        self.phase = Phase::Reading;
        self.begin = at;
        self.next = at;
        self.sought_at = (self.looked_at != Some(at)).then_some(at);
        self.read_end = None;
        self.at_end = false;
        self.buffer.clear();
        self.pin = self.stored != Some(at);
    }

    /// Behind what was taken from the queue.
    pub(crate) fn next(&self) -> i64 {
        self.next
    }

    /// Forgets what was read: the position is looked for anew.
    pub(crate) fn place_again(&mut self) {
        self.phase = Phase::Placing;
        self.buffer.clear();
    }

    /// Takes from the client's queue until so much is there.
    pub(crate) fn fill(&mut self, records: usize, bytes: usize) -> Filled {
        let mut weight: usize = self.buffer.iter().map(weight).sum();
        while self.buffer.len() < records && weight < bytes {
            match self.queue.poll(Duration::ZERO) {
                None => return Filled::Drained,
                Some(Ok(message)) if message.offset() >= self.next => {
                    let is_first = self.next == self.begin && self.buffer.is_empty();
                    if is_first && message.offset() > self.next && self.sought_at == Some(self.next) {
                        self.looked_at = Some(self.next);
                        return Filled::Hole;
                    }
                    self.at_end = false;
                    let record = record_of(&message);
                    self.next = record.offset + 1;
                    weight += self::weight(&record);
                    self.buffer.push_back(record);
                }
                Some(Ok(_)) => {}
                Some(Err(error)) if remedy(&error) == Remedy::OutOfRange => return Filled::OutOfRange,
                Some(Err(KafkaError::PartitionEOF(_))) => self.at_end = true,
                // The listener was told too.
                Some(Err(_)) => {}
            }
        }
        Filled::Enough
    }

    /// Takes what is to go together; without records only where the position alone is to be stored.
    pub(crate) fn cut(&mut self, records: usize, bytes: usize, drained: bool) -> Option<Cut> {
        let first = self.buffer.front().map(|record| record.offset);
        if first
            .zip(self.caution)
            .is_some_and(|(first, caution)| first >= caution.until)
        {
            self.caution = None;
        }
        if first.is_none() {
            return self.cut_nothing(drained);
        }
        let until = self.caution.map_or(i64::MAX, |caution| caution.until);
        let most = self
            .caution
            .map_or(records, |caution| records.min(caution.size as usize));
        let mut cut = Cut::default();
        while let Some(record) = self.buffer.front() {
            let more = weight(record);
            let full = cut.records.len() >= most || cut.bytes + more > bytes;
            if record.offset >= until || (full && !cut.records.is_empty()) {
                break;
            }
            cut.bytes += more;
            cut.next = record.offset + 1;
            cut.records.extend(self.buffer.pop_front());
        }
        Some(cut)
    }

    /// Where the log ends in what is no record (marks of transactions, what was compacted away), the position is moved
    /// behind it, so that all counts as read.
    fn cut_nothing(&mut self, drained: bool) -> Option<Cut> {
        let is_at_end = drained && self.at_end;
        let read_end = self.read_end.filter(|end| is_at_end && *end > self.next);
        if let Some(end) = read_end {
            self.next = end;
        }
        (self.pin || read_end.is_some()).then(|| Cut {
            next: self.next,
            ..Cut::default()
        })
    }

    /// Puts back what was not stored.
    pub(crate) fn put_back(&mut self, cut: Cut) {
        for record in cut.records.into_iter().rev() {
            self.buffer.push_front(record);
        }
    }

    pub(crate) fn status(&self) -> PartitionStatus {
        let waits = match &self.phase {
            Phase::Waiting { why, .. } => Some(why.clone()),
            Phase::Placing | Phase::Reading => None,
        };
        PartitionStatus {
            position: self.stored,
            end: self.end,
            read_up_to: self.read_up_to,
            waits,
        }
    }
}

fn weight(record: &Record) -> usize {
    let length = |bytes: &Option<Bytes>| bytes.as_ref().map_or(0, Bytes::len);
    let headers = record
        .headers
        .iter()
        .map(|(name, value)| name.len() + length(value));
    RECORD_OVERHEAD + length(&record.key) + length(&record.value) + headers.sum::<usize>()
}

fn record_of(message: &BorrowedMessage<'_>) -> Record {
    let copied = |bytes: Option<&[u8]>| bytes.map(Bytes::copy_from_slice);
    let millis = message.timestamp().to_millis();
    let headers = message.headers().into_iter().flat_map(|headers| headers.iter());
    Record {
        offset: message.offset(),
        timestamp: millis.and_then(|millis| Timestamp::from_millisecond(millis).ok()),
        key: copied(message.key()),
        value: copied(message.payload()),
        headers: headers
            .map(|header| (header.key.to_owned(), copied(header.value)))
            .collect(),
    }
}
