//! Plans files and closes hours, as time passes.

use super::{ArchiveMetrics, Closer, LogEnds, Planner};
use jiff::Timestamp;
use millrace_engine::{Fault, jitter};
use std::time::Duration;
use tokio::time::sleep;

/// What goes on beside the writing of files.
#[derive(Debug)]
pub struct Keeper {
    planner: Planner,
    closer: Closer,
    metrics: ArchiveMetrics,
}

/// Between two rounds; a part of it is chance, so that replicas do not do the same at once.
const PAUSE: Duration = Duration::from_secs(4);
/// Rounds of planning for one of closing: there the brokers are asked too.
const ROUNDS: u32 = 6;

// === impl Keeper ===

impl Keeper {
    /// Plans, closes, and shows what waits.
    pub fn new(planner: Planner, closer: Closer, metrics: ArchiveMetrics) -> Self {
        Self {
            planner,
            closer,
            metrics,
        }
    }

    /// Goes on for ever. What fails is tried again in the next round, and told once.
    pub async fn keep(mut self, broker: impl LogEnds) {
        // Until then the migrations are not through; what is wrong with the database is the writers' to say.
        while !self.planner.has_tables().await.unwrap_or_default() {
            sleep(PAUSE.mul_f64(jitter(0.5))).await;
        }
        let (mut plans, mut closes) = (Told::default(), Told::default());
        for round in 0_u32.. {
            let now = Timestamp::now();
            let planned = self.planner.plan(now).await;
            if let Ok(round) = &planned {
                self.metrics.waiting(round, now);
            }
            plans.tell("files of the archive cannot be planned", planned.err());
            if round % ROUNDS == 0 {
                let closed = self.closer.close(now, &broker).await;
                closes.tell("hours of the archive cannot be closed", closed.err());
            }
            sleep(PAUSE.mul_f64(jitter(0.5))).await;
        }
    }
}

/// Whether a trouble is known.
#[derive(Default)]
struct Told(bool);

// === impl Told ===

impl Told {
    fn tell(&mut self, what: &str, trouble: Option<Fault>) {
        match trouble {
            Some(fault) if !self.0 => {
                tracing::warn!(%fault, "{what}; trying again");
                self.0 = true;
            }
            Some(_) => {}
            None => self.0 = false,
        }
    }
}
