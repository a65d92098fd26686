//! Records become chunks, and chunks are settled.

use super::{Session, Step};
use crate::{
    Care, Chunk, FENCED, PositionStore, Suspect, TopicPartition,
    caution::Caution,
    partition::{Cut, Filled, Flight, Partition, Phase},
    placing::insist,
};
use futures_util::FutureExt;
use jiff::Timestamp;
use millrace_engine::{
    Backoff, DeliveryHandle, Envelope, Intake, Outcome, Reservation, Settlement, jitter,
    trace::{self, Kind},
};
use std::time::Duration;
use tokio::time::Instant;
use tracing::{Span, error_span, field::Empty, warn};

/// Delays before a chunk is handed out again.
const DELAYS: Backoff = Backoff::doubling(Duration::from_millis(50), Duration::from_secs(5));

/// So long other partitions wait for records that a process may have died of; they may be gone from the log.
pub(super) const ACCUSED: Duration = Duration::from_secs(30);

impl<S: PositionStore> Session<S> {
    /// Hands out what is there, one chunk of a partition at a time.
    pub(super) fn take(&mut self, intake: &Intake<Chunk>) {
        if self.draining || self.suspended {
            return;
        }
        let accused: Vec<_> = self.accused().cloned().collect();
        for name in &accused {
            // What kills the process must be alone in it, or its neighbours would be accused with it.
            if self
                .partitions
                .values()
                .any(|partition| partition.flight.is_some())
            {
                return;
            }
            self.take_of(name, intake);
        }
        if accused.is_empty() {
            let names: Vec<_> = self.partitions.keys().cloned().collect();
            for name in names {
                self.take_of(&name, intake);
            }
        }
    }

    /// Partitions with records that a process may have died of, as long as those come within their time.
    fn accused(&self) -> impl Iterator<Item = &TopicPartition> {
        let now = Instant::now();
        self.partitions
            .iter()
            .filter(move |(_, partition)| {
                partition.phase == Phase::Reading
                    && partition.accused_until.is_some_and(|until| now < until)
                    && partition
                        .caution
                        .is_some_and(|caution| caution.care() == Care::Part)
            })
            .map(|(name, _)| name)
    }

    fn take_of(&mut self, name: &TopicPartition, intake: &Intake<Chunk>) {
        let (records, bytes) = (
            self.settings.chunk_records.max(1),
            self.settings.chunk_bytes.max(1),
        );
        let leaves = self.leaves(name);
        let Some(partition) = self.partitions.get_mut(name) else {
            return;
        };
        let early = partition.not_before.is_some_and(|at| Instant::now() < at);
        if leaves || early || partition.phase != Phase::Reading || partition.flight.is_some() {
            return;
        }
        let filled = partition.fill(records, bytes);
        if matches!(filled, Filled::OutOfRange | Filled::Hole) {
            partition.place_again();
            return self.place(vec![name.clone()]);
        }
        // The first chunk after an assignment is small: if a process dies of it, less is suspected.
        let most = if partition.first {
            records.div_ceil(2)
        } else {
            records
        };
        let Some(cut) = partition.cut(most, bytes, filled == Filled::Drained) else {
            return;
        };
        self.prepare(name, cut, intake);
    }

    /// Notes a chunk that a process may die of, and waits for memory; most chunks need neither.
    fn prepare(&mut self, name: &TopicPartition, cut: Cut, intake: &Intake<Chunk>) {
        let Some(partition) = self.partitions.get_mut(name) else {
            return;
        };
        let suspect = suspect(partition, &cut);
        let weight = cut.bytes as u64;
        let serial = partition.serial;
        partition.flight = Some(Flight {
            tag: None,
            cut,
            span: Span::none(),
        });
        if suspect.is_none()
            && let Some(reservation) = self.budget.try_reserve(weight)
        {
            return self.send_prepared(name, serial, reservation, intake);
        }
        let (store, budget, name) = (self.store.clone(), self.budget.clone(), name.clone());
        let ready = async move {
            if let Some(suspect) = suspect {
                insist("the note about a chunk", || store.suspect(&suspect)).await;
            }
            Step::Ready(name, serial, budget.reserve(weight).await)
        };
        self.steps.push(ready.boxed());
    }

    pub(super) fn send_prepared(
        &mut self,
        name: &TopicPartition,
        serial: u64,
        reservation: Reservation,
        intake: &Intake<Chunk>,
    ) {
        let stop = self.draining || self.leaves(name);
        let Some(partition) = self.partitions.get_mut(name) else {
            return;
        };
        if partition.serial != serial {
            return;
        }
        let Some(mut flight) = partition.flight.take() else {
            return;
        };
        if stop {
            // It was not handed out, so nothing is lost.
            return partition.put_back(flight.cut);
        }
        let care = partition.caution.map_or(Care::None, Caution::care);
        self.last_tag += 1;
        let tag = self.last_tag;
        let (fields, span) = spans(self.pipeline, &self.settings.group, name, &flight.cut);
        let subject = subject(name, &flight.cut);
        let chunk = Chunk {
            partition: name.clone(),
            topic_id: partition.topic_id,
            from: partition.stored,
            next: flight.cut.next,
            records: flight.cut.records.clone(),
            care,
            received_at: Timestamp::now(),
            reservation,
        };
        flight.tag = Some(tag);
        flight.span = fields;
        partition.flight = Some(flight);
        self.tags.insert(tag, name.clone());
        if self.tags.len() == 1 {
            self.status.moved(1);
        }
        let handle = DeliveryHandle::new(tag, self.acks.clone());
        let retried = care != Care::None;
        intake
            .out
            .post(Envelope::new(chunk, subject, span, handle).retried(retried));
    }

    /// A chunk is settled. One of a partition that is given up is not heard any more.
    pub(super) fn settle(&mut self, Settlement { tag, outcome }: Settlement) {
        let Some(name) = self.tags.remove(&tag) else {
            return;
        };
        self.status.moved(self.tags.len());
        let Some(partition) = self.partitions.get_mut(&name) else {
            return;
        };
        let Some(Flight { cut, span, .. }) = partition.flight.take() else {
            return;
        };
        let Outcome::Done = outcome else {
            return self.try_again(&name, cut, outcome, &span);
        };
        self.metrics.took(&name.topic, cut.records.len());
        if let Some(last) = cut.records.last() {
            partition.read_up_to = last.timestamp.or(partition.read_up_to);
        }
        partition.stored = Some(cut.next);
        partition.begin = cut.next;
        partition.to_commit = Some(cut.next);
        partition.end = partition.end.max(Some(cut.next));
        partition.caution = partition.caution.and_then(|it| it.after_success(cut.next));
        partition.accused_until = partition.accused_until.map(|_| Instant::now() + ACCUSED);
        partition.pin = false;
        partition.first = false;
        partition.failures = 0;
        partition.not_before = None;
    }

    fn try_again(&mut self, name: &TopicPartition, cut: Cut, outcome: Outcome, span: &Span) {
        let Some(partition) = self.partitions.get_mut(name) else {
            return;
        };
        let (cause, detail, charged) = match outcome {
            Outcome::Done => return,
            Outcome::Retry {
                cause,
                detail,
                charged,
                ..
            } => (cause, detail, charged),
            // Nothing keeps a chunk as a dead letter: records are rejected one by one, where they are stored.
            Outcome::DeadLetter { reason, detail } => (reason, detail, true),
        };
        partition.failures += 1;
        let delay = DELAYS.after(partition.failures).mul_f64(jitter(0.5));
        partition.not_before = Some(Instant::now() + delay);
        if cause == FENCED {
            self.metrics.fenced.inc();
            span.in_scope(|| warn!(detail, "the position was moved by another; the chunk is dropped"));
            partition.place_again();
            return self.place(vec![name.clone()]);
        }
        span.in_scope(|| {
            warn!(
                cause,
                detail,
                charged,
                records = cut.records.len(),
                delay_ms = delay.as_millis(),
                "a chunk was not stored; it is handed out again"
            );
        });
        if charged {
            partition.caution = Some(Caution::after_failure(
                partition.caution,
                cut.records.len(),
                cut.next,
            ));
        }
        partition.put_back(cut);
    }
}

/// What to note before a chunk is handed out: how to go on if the process dies with it.
fn suspect(partition: &Partition, cut: &Cut) -> Option<Suspect> {
    let caution = partition.caution;
    let rejected = caution.is_some_and(|caution| caution.care() == Care::Reject);
    if cut.records.is_empty() || rejected || (caution.is_none() && !partition.first) {
        return None;
    }
    let Caution { until, size, alone } = Caution::after_failure(caution, cut.records.len(), cut.next);
    Some(Suspect {
        partition: partition.name.clone(),
        from: partition.begin,
        until,
        size,
        alone,
    })
}

fn subject(name: &TopicPartition, cut: &Cut) -> String {
    let first = cut.records.first().map_or(cut.next, |record| record.offset);
    format!("{name}/{first}-{}", cut.next - 1)
}

/// The fields of log lines about a chunk, and below them the span that is exported. A single record goes on with its
/// producer's trace.
fn spans(pipeline: &'static str, group: &str, name: &TopicPartition, cut: &Cut) -> (Span, Span) {
    let first = cut.records.first().map_or(cut.next, |record| record.offset);
    let (topic, partition) = (&*name.topic, name.partition);
    let fields = error_span!(
        "chunk",
        pipeline,
        topic,
        partition,
        offset = first,
        trace_id = Empty
    );
    let span = trace::child(&fields, &format!("{topic} process"), Kind::Consumer);
    if let [record] = &*cut.records {
        let header = |wanted: &str| {
            let mut headers = record.headers.iter();
            let (_, value) = headers.find(|(name, _)| name == wanted)?;
            std::str::from_utf8(value.as_ref()?).ok()
        };
        trace::go_on(&span, header);
    }
    if let Some(trace) = trace::id(&span) {
        fields.record("trace_id", trace);
    }
    trace::attribute(&span, "messaging.system", "kafka");
    trace::attribute(&span, "messaging.operation.type", "process");
    trace::attribute(&span, "messaging.operation.name", "process");
    trace::attribute(&span, "messaging.destination.name", topic.to_owned());
    trace::attribute(&span, "messaging.destination.partition.id", partition.to_string());
    trace::attribute(&span, "messaging.consumer.group.name", group.to_owned());
    trace::attribute(&span, "messaging.kafka.offset", first);
    trace::attribute(
        &span,
        "messaging.batch.message_count",
        trace::count(cut.records.len()),
    );
    (fields, span)
}
