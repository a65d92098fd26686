use crate::pipeline::Pipeline;
use crate::testkit::{in_virtual_time, source_id, until};
use futures_util::FutureExt;
use millrace_engine::{Build, Claim, DuePace, DueRow, DueRows, DueStore, Exit, Fault, Outcome};
use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};
use tokio::time::Instant;
use tracing::Span;

const SECOND: Duration = Duration::from_secs(1);
const PACE: DuePace = DuePace {
    most: 4,
    look_every: Duration::from_secs(5),
    lease: Duration::from_secs(30),
};

#[derive(Clone, Copy, Debug, PartialEq)]
enum Fate {
    Open,
    Done,
    PutAside,
}

#[derive(Clone, Debug)]
struct Row {
    due: Instant,
    /// No other may claim it before.
    leased_until: Instant,
    epoch: i64,
    charged: u32,
    fate: Fate,
}

/// A table in memory; a row's key is its number.
struct Table {
    rows: Mutex<BTreeMap<i64, Row>>,
    /// The most rows that were claimed in one go.
    largest_claim: AtomicUsize,
    /// Calls of `settle` that fail.
    outages: AtomicUsize,
    /// Outcomes of an epoch that has passed.
    stale: AtomicUsize,
}

/// One process's connection to it.
struct Connection(Arc<Table>);

// === impl Table ===

impl Table {
    fn with(rows: impl IntoIterator<Item = (i64, Duration)>) -> Arc<Self> {
        let now = Instant::now();
        let row = |(id, wait)| {
            let row = Row {
                due: now + wait,
                leased_until: now,
                epoch: 0,
                charged: 0,
                fate: Fate::Open,
            };
            (id, row)
        };
        Arc::new(Self {
            rows: Mutex::new(rows.into_iter().map(row).collect()),
            largest_claim: AtomicUsize::new(0),
            outages: AtomicUsize::new(0),
            stale: AtomicUsize::new(0),
        })
    }

    fn rows(&self) -> MutexGuard<'_, BTreeMap<i64, Row>> {
        self.rows.lock().unwrap()
    }

    async fn is_settled(&self) {
        until(|| self.rows().values().all(|row| row.fate != Fate::Open)).await;
    }

    /// A process's part in the work.
    fn join(self: &Arc<Self>, pipeline: &Pipeline) {
        let table = self.clone();
        let build: Build<DueRows<Connection>> = Arc::new(move || {
            let made = DueRows::new(Connection(table.clone()), PACE);
            std::future::ready(Ok(made)).boxed_local()
        });
        let here = actix::Arbiter::current();
        pipeline
            .supervision
            .source("due", &here, pipeline.port.clone(), build);
    }
}

impl DueStore for Connection {
    type Row = u64;
    type Key = i64;

    async fn claim(&mut self, most: usize, lease: Duration) -> Result<Vec<DueRow<i64, u64>>, Fault> {
        let now = Instant::now();
        let mut rows = self.0.rows();
        let free = rows
            .iter_mut()
            .filter(|(_, row)| row.fate == Fate::Open && row.due <= now && row.leased_until <= now);
        let claim = |(id, row): (&i64, &mut Row)| {
            row.epoch += 1;
            row.leased_until = now + lease;
            DueRow {
                claim: Claim {
                    key: *id,
                    epoch: row.epoch,
                },
                row: id.unsigned_abs(),
                subject: format!("row-{id}").into(),
                span: Span::none(),
                retried: row.charged > 0,
            }
        };
        let claimed: Vec<_> = free.take(most).map(claim).collect();
        self.0.largest_claim.fetch_max(claimed.len(), SeqCst);
        Ok(claimed)
    }

    async fn prolong(&mut self, claims: &[Claim<i64>], lease: Duration) -> Result<(), Fault> {
        let mut rows = self.0.rows();
        for Claim { key, epoch } in claims {
            let row = rows.get_mut(key).unwrap();
            if row.epoch == *epoch {
                row.leased_until = Instant::now() + lease;
            }
        }
        Ok(())
    }

    async fn settle(&mut self, settled: Vec<(Claim<i64>, Outcome)>) -> Result<(), Fault> {
        let outage = self
            .0
            .outages
            .fetch_update(SeqCst, SeqCst, |left| left.checked_sub(1));
        if outage.is_ok() {
            return Err(Fault::outage("database", "down"));
        }
        let mut rows = self.0.rows();
        for (Claim { key, epoch }, outcome) in settled {
            let row = rows.get_mut(&key).unwrap();
            if row.epoch != epoch {
                self.0.stale.fetch_add(1, SeqCst);
                continue;
            }
            row.leased_until = Instant::now();
            match outcome {
                Outcome::Done => row.fate = Fate::Done,
                Outcome::Retry { charged: true, .. } if row.charged == 2 => row.fate = Fate::PutAside,
                Outcome::DeadLetter { .. } => row.fate = Fate::PutAside,
                Outcome::Retry { charged, .. } => {
                    row.charged += u32::from(charged);
                    row.due = Instant::now() + SECOND * 60;
                }
            }
        }
        Ok(())
    }
}

#[test]
fn each_is_taken_when_it_is_due_and_settled_by_its_outcome() {
    in_virtual_time(|| async {
        let pipeline = Pipeline::start();
        let hour = SECOND * 3_600;
        // The stage calls 4 poison, is in trouble at 6, and too early for 8.
        let table = Table::with([1, 2, 3, 4, 5, 6, 7].map(|id| (id, Duration::ZERO)));
        table.rows().extend(Table::with([(50, hour)]).rows().clone());
        table.join(&pipeline);
        until(|| table.rows()[&6].fate == Fate::PutAside).await;
        let rows = table.rows().clone();
        let (fates, epochs): (Vec<_>, Vec<_>) = rows.values().map(|row| (row.fate, row.epoch)).unzip();
        use Fate::{Done, Open, PutAside};
        assert_eq!(fates, [Done, Done, Done, PutAside, Done, PutAside, Done, Open]);
        assert_eq!(epochs, [1, 1, 1, 1, 1, 3, 1, 0], "three attempts at 6");
        assert_eq!(table.largest_claim.load(SeqCst), PACE.most);
        table.is_settled().await;
        let late = rows[&50].due.elapsed();
        assert!(late <= PACE.look_every + SECOND, "{late:?}");
        assert_eq!(pipeline.script.written(), [2, 4, 6, 10, 14, 100]);
    });
}

#[test]
fn several_processes_share_them_and_a_long_run_keeps_its_claim() {
    in_virtual_time(|| async {
        let pipelines = [Pipeline::start(), Pipeline::start(), Pipeline::start()];
        let table = Table::with((100..130).map(|id| (id, Duration::ZERO)));
        for pipeline in &pipelines {
            // Longer than the lease, and shorter than the deadline.
            *pipeline.script.write_takes.lock().unwrap() = PACE.lease + SECOND * 20;
            table.join(pipeline);
        }
        table.is_settled().await;
        let written: Vec<_> = pipelines
            .iter()
            .flat_map(|pipeline| pipeline.script.written())
            .collect();
        assert_eq!(written.len(), 30, "each once");
        assert!(
            pipelines
                .iter()
                .all(|pipeline| !pipeline.script.written().is_empty())
        );
        assert!(table.rows().values().all(|row| row.epoch == 1));
        assert_eq!(table.stale.load(SeqCst), 0);
    });
}

#[test]
fn what_a_lost_session_held_is_claimed_again_after_its_lease() {
    in_virtual_time(|| async {
        let pipeline = Pipeline::start();
        let table = Table::with([(1, Duration::ZERO), (2, Duration::ZERO)]);
        table.outages.store(1, SeqCst);
        let start = Instant::now();
        table.join(&pipeline);
        table.is_settled().await;
        assert!(start.elapsed() >= PACE.lease, "until then it may be at work");
        assert!(
            table
                .rows()
                .values()
                .all(|row| row.fate == Fate::Done && row.epoch == 2)
        );
        let entry = &pipeline.supervision.actors().entries()[&source_id("due")];
        assert_eq!(entry.restarts["outage"], 1);
    });
}

/// A process that was stopped for longer than its lease, and goes on as if nothing had happened.
#[test]
fn an_outcome_under_an_older_epoch_changes_nothing() {
    in_virtual_time(|| async {
        let (stopped, other) = (Pipeline::start(), Pipeline::start());
        *stopped.script.write_takes.lock().unwrap() = SECOND * 10;
        *other.script.write_takes.lock().unwrap() = SECOND * 40;
        let table = Table::with([(1, Duration::ZERO)]);
        table.join(&stopped);
        until(|| table.rows()[&1].epoch == 1).await;
        table.rows().get_mut(&1).unwrap().leased_until = Instant::now();
        table.join(&other);
        until(|| table.stale.load(SeqCst) == 1).await;
        assert_eq!(stopped.script.written(), [2]);
        let row = table.rows()[&1].clone();
        assert_eq!((row.fate, row.epoch), (Fate::Open, 2), "the other has it");
        table.is_settled().await;
        assert_eq!(other.script.written(), [2]);
    });
}

#[test]
fn none_is_taken_during_an_outage_or_a_drain() {
    in_virtual_time(|| async {
        let pipeline = Pipeline::start();
        let table = Table::with([(1, Duration::ZERO), (2, SECOND * 60)]);
        pipeline.script.sink_outages.store(usize::MAX, SeqCst);
        table.join(&pipeline);
        let breaker = pipeline.supervision.breaker();
        until(|| breaker.suspension().is_some()).await;
        tokio::time::sleep(SECOND * 600).await;
        let rows = table.rows().clone();
        assert_eq!(
            (rows[&1].epoch, rows[&2].epoch),
            (1, 0),
            "one is held, and the other not taken"
        );
        pipeline.drain.order();
        pipeline.script.sink_outages.store(0, SeqCst);
        assert_eq!(pipeline.supervision.ended().await, Exit::Drained);
        let rows = table.rows().clone();
        assert_eq!((rows[&1].fate, rows[&2].fate), (Fate::Done, Fate::Open));
        assert_eq!(rows[&2].epoch, 0);
    });
}
