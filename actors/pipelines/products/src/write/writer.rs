//! The end of the way through: a chunk, one transaction.

use super::{
    Rules, WriterMetrics,
    days::Days,
    draft::{Draft, Refused, day},
    statements::{Statements, Stored, Written},
    tables::positions::{Found, Holder},
    told::Told,
};
use crate::{domain::Event, messages::CheckedChunk};
use millrace_engine::{
    Fault, Load, Sink,
    trace::{self, Kind},
};
use millrace_kafka::FENCED;
use millrace_postgres::{Database, Transactions};
use tokio::time::Instant;

/// Stores checked chunks. Cheap to clone; each clone takes one connection while it writes.
#[derive(Clone)]
pub struct Writer {
    transactions: Transactions<Statements<'static>>,
    statements: Statements<'static>,
    days: Days,
    metrics: WriterMetrics,
    told: Told,
}

// === impl Writer ===

impl Writer {
    /// A writer into `database`, for the process that is called so for its operators. Another process of that name is
    /// another one.
    pub fn new(database: Database, rules: Rules, process: &str, metrics: WriterMetrics) -> Self {
        let holder = Holder {
            group: rules.group.clone(),
            owner: format!("{process}/{}", uuid::Uuid::new_v4().simple()),
        };
        let statements = Statements::new(holder, rules);
        Self {
            transactions: Transactions::new(database, statements.clone()),
            statements,
            days: Days::default(),
            metrics,
            told: Told::default(),
        }
    }

    /// Stores a chunk whole, without the events that the database refuses: those become rejected records.
    async fn store(&self, chunk: &CheckedChunk) -> Result<(), Fault> {
        let started = Instant::now();
        let database = self.transactions.database();
        let transactions = self.transactions.with(self.statements.of_chunk());
        let received_on = day(chunk.received_at);
        let (mut refused, mut is_day_sure) = (Refused::new(), false);
        loop {
            self.days.ensure(database, received_on).await?;
            let draft = Draft::of(chunk, &refused).kept();
            let detail = match transactions.write(&[&draft]).await {
                Ok(Written::Stored(stored)) => {
                    self.metrics.count(&draft, &stored, started.elapsed());
                    self.told.tell(&draft, &stored);
                    log(&draft, &stored);
                    return Ok(());
                }
                Ok(Written::Fenced(found)) => return self.fenced(chunk, found),
                Ok(Written::Tried) => {
                    return Err(not_charged(Fault::transient(
                        "write_failed",
                        "nothing was written",
                    )));
                }
                Err(Fault::Poison { detail, .. }) => detail,
                Err(fault) => return Err(not_charged(fault)),
            };
            if !is_day_sure {
                // A day that is gone refuses every row.
                self.days.forget(received_on);
                is_day_sure = true;
                continue;
            }
            let refused_alone = self.find_refused(chunk, &refused).await?;
            if refused_alone.is_empty() {
                let detail = format!("refused, and each of its events alone is not: {detail}");
                return Err(Fault::deferred("write_failed", detail));
            }
            refused.extend(refused_alone);
        }
    }

    /// Nothing was stored: the position is not the one that the chunk goes on from.
    fn fenced(&self, chunk: &CheckedChunk, found: Found) -> Result<(), Fault> {
        if found.is_ours && found.next == Some(chunk.next) {
            tracing::info!(
                topic = &*chunk.partition.topic,
                partition = chunk.partition.partition,
                offset = chunk.next,
                "chunk was stored by a commit that was never answered"
            );
            return Ok(());
        }
        let records = chunk.events.iter().map(|event| event.record.offset);
        let records = records.chain(chunk.rejected.iter().map(|rejected| rejected.record.offset));
        let passed = records.filter(|offset| found.next.is_some_and(|next| *offset < next));
        self.metrics.passed(passed.count());
        let there = found.next.map_or("none".to_owned(), |next| next.to_string());
        let expected = chunk.from.map_or("none".to_owned(), |from| from.to_string());
        let detail = format!(
            "the position of {} is {there}, and not {expected}",
            chunk.partition
        );
        Err(Fault::deferred(FENCED, detail))
    }

    /// Finds the events that the database refuses: what is refused is tried in halves, and taken back.
    async fn find_refused(&self, chunk: &CheckedChunk, known: &Refused) -> Result<Refused, Fault> {
        let events = chunk.events.iter();
        let events: Vec<&Event> = events
            .filter(|event| !known.contains_key(&event.record.offset))
            .collect();
        let (mut refused_alone, mut parts) = (Refused::new(), vec![&events[..]]);
        while let Some(part) = parts.pop() {
            let Some(detail) = self.refusal(chunk, part).await? else {
                continue;
            };
            match part {
                [] => {}
                [event] => drop(refused_alone.insert(event.record.offset, detail)),
                many => {
                    let (left, right) = many.split_at(many.len() / 2);
                    parts.extend([right, left]);
                }
            }
        }
        Ok(refused_alone)
    }

    /// Why the database does not take these events, where it does not.
    async fn refusal(&self, chunk: &CheckedChunk, part: &[&Event]) -> Result<Option<String>, Fault> {
        let transactions = self.transactions.with(self.statements.of_chunk());
        let draft = Draft::trial(chunk, part);
        match transactions.write(&[&draft]).await {
            Ok(Written::Fenced(found)) => self.fenced(chunk, found).map(|()| None),
            Ok(_) => Ok(None),
            Err(Fault::Poison { detail, .. }) => Ok(Some(detail)),
            Err(fault) => Err(not_charged(fault)),
        }
    }
}

impl Sink for Writer {
    type In = CheckedChunk;

    const VERB: &'static str = "write";
    const KIND: Kind = Kind::Client;

    fn load(chunk: &CheckedChunk) -> Load {
        Load {
            rows: chunk.events.len() + chunk.rejected.len(),
            bytes: chunk.bytes,
        }
    }

    /// Each chunk has a transaction of its own. One that is stored before another fails is known when it comes again.
    async fn write(&mut self, chunks: &[&CheckedChunk]) -> Result<(), Fault> {
        let database = self.transactions.database();
        database.note_place();
        for chunk in chunks {
            let records = chunk.events.len() + chunk.rejected.len();
            trace::note("millrace.events", trace::count(records));
            self.store(chunk).await?;
        }
        Ok(())
    }
}

/// A line for the chunk, for those who want each.
fn log(draft: &Draft<'_>, stored: &Stored<'_>) {
    let (topic, partition) = (draft.topic(), draft.partition());
    tracing::debug!(
        topic,
        partition,
        offset = draft.next,
        events = stored.new.len(),
        duplicates = stored.again.len(),
        rejected = draft.rejected.len(),
        "stored chunk"
    );
}

/// No record pays for what the database does at the moment.
fn not_charged(fault: Fault) -> Fault {
    match fault {
        Fault::Transient { cause, detail } => Fault::Deferred { cause, detail },
        fault => fault,
    }
}
