//! Waiting for the end of the work, and reading what came of it.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::Context;
use millrace_oracle::Actual;
use tokio::time::{Instant, sleep};

use crate::world::{DEAD_LETTERS, World};

const LOOK: Duration = Duration::from_millis(500);
/// With nothing new for so long, nothing will come: longer than a missing object is awaited.
const PATIENCE: Duration = Duration::from_secs(60);
/// Counts may be late by a second.
const SURE: Duration = Duration::from_secs(3);
const MOST_LETTERS: usize = 20_000;

/// What there is at the end.
pub(crate) struct Settled {
    /// Whether the work queue and the retry queues are empty.
    pub(crate) drained: bool,
    /// How long that took, or how long it was waited for.
    pub(crate) took: Duration,
    pub(crate) actual: Actual,
    /// Events in the ledger.
    pub(crate) ledger: Vec<String>,
    /// Those of them that were charged an attempt before they were stored.
    pub(crate) charged: usize,
    /// Event id and reason of each dead letter.
    pub(crate) dead_letters: Vec<(Option<String>, String)>,
}

/// How often there was work at a look: a fault that meets an idle product shows little.
#[derive(Debug, Default)]
pub(crate) struct Business {
    looks: AtomicUsize,
    busy: AtomicUsize,
}

// === impl Business ===

impl Business {
    /// Looks for ever; a broker that does not answer is not counted.
    pub(crate) async fn watch(&self, world: &World<'_>) {
        loop {
            sleep(LOOK).await;
            if let Ok(waiting) = waiting(world).await {
                self.looks.fetch_add(1, Ordering::Relaxed);
                self.busy.fetch_add(usize::from(waiting > 0), Ordering::Relaxed);
            }
        }
    }

    /// Of 100 looks.
    pub(crate) fn percent(&self) -> usize {
        self.busy.load(Ordering::Relaxed) * 100 / self.looks.load(Ordering::Relaxed).max(1)
    }
}

/// Waits until every queue but that of the dead letters is empty, or nothing moves any more.
pub(crate) async fn wait_until_drained(world: &World<'_>) -> anyhow::Result<(bool, Duration)> {
    let started = Instant::now();
    let database = world.tenant.connect_postgres().await?;
    let (mut last, mut moved, mut empty_since) = ((0, 0), started, None);
    loop {
        let waiting = waiting(world).await?;
        let count = "SELECT count(*) FROM ingested_batches";
        let stored: i64 = database.query_one(count, &[]).await?.get(0);
        if (waiting, stored) != last {
            (last, moved) = ((waiting, stored), Instant::now());
        }
        empty_since = (waiting == 0).then(|| empty_since.unwrap_or_else(Instant::now));
        if empty_since.is_some_and(|since| since.elapsed() >= SURE) {
            return Ok((true, started.elapsed()));
        }
        if moved.elapsed() >= PATIENCE {
            return Ok((false, started.elapsed()));
        }
        sleep(LOOK).await;
    }
}

/// Messages that are still to be settled.
async fn waiting(world: &World<'_>) -> anyhow::Result<u64> {
    let management = world.stack().rabbitmq.management();
    let queues = management.queues(world.tenant.vhost()).await?;
    let work = queues.iter().filter(|queue| queue.name != DEAD_LETTERS);
    Ok(work.map(|queue| queue.messages).sum())
}

// === impl Settled ===

impl Settled {
    pub(crate) async fn read(world: &World<'_>, (drained, took): (bool, Duration)) -> anyhow::Result<Self> {
        let database = world.tenant.connect_postgres().await?;
        let ledger = database
            .query("SELECT event_id, attempts > 1 FROM ingested_batches", &[])
            .await
            .context("cannot read the ledger")?;
        let letters = world.tenant.peek(DEAD_LETTERS, MOST_LETTERS).await?;
        let dead_letters = letters.iter().map(|letter| {
            let reason = letter.header("x-millrace-reason").unwrap_or_default();
            (letter.header("x-millrace-event-id"), reason)
        });
        Ok(Self {
            drained,
            took,
            actual: Actual::read(&database).await?,
            ledger: ledger.iter().map(|row| row.get(0)).collect(),
            charged: ledger
                .iter()
                .filter(|row| row.get::<_, Option<bool>>(1) == Some(true))
                .count(),
            dead_letters: dead_letters.collect(),
        })
    }
}
