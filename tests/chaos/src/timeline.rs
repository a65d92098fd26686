//! What a replica said of itself over time.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde_json::Value;
use tokio::time::{Instant, MissedTickBehavior, timeout};

use crate::replica::Replica;

const LOOK: Duration = Duration::from_millis(50);
/// A replica that takes longer is not there.
const ANSWER: Duration = Duration::from_secs(1);
const MEMORY_EVERY: usize = 10;

/// What `/readyz` said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Look {
    /// It answered at all.
    pub(crate) answers: bool,
    /// It answered 200.
    pub(crate) ready: bool,
    /// It takes deliveries.
    pub(crate) consuming: bool,
}

/// Looks, of which only changes are kept, and the most memory that was seen.
#[derive(Debug, Default)]
pub(crate) struct Timeline {
    seen: Mutex<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    changes: Vec<(Duration, Look)>,
    peak_memory_kib: u64,
}

// === impl Timeline ===

impl Timeline {
    /// Looks for ever.
    pub(crate) async fn watch(&self, replica: &Replica, started: Instant) {
        let mut looks = tokio::time::interval(LOOK);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut number = 0_usize;
        loop {
            looks.tick().await;
            let at = started.elapsed();
            let look = Look::at(replica).await;
            let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
            if seen.changes.last().is_none_or(|(_, last)| *last != look) {
                seen.changes.push((at, look));
            }
            if number.is_multiple_of(MEMORY_EVERY) {
                let peak = replica.service.memory_kib("VmHWM").unwrap_or_default();
                seen.peak_memory_kib = seen.peak_memory_kib.max(peak);
            }
            number += 1;
        }
    }

    pub(crate) fn peak_memory_kib(&self) -> u64 {
        self.seen
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .peak_memory_kib
    }

    /// What it said at that moment.
    pub(crate) fn at(&self, moment: Duration) -> Look {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let before = seen.changes.iter().rev().find(|(at, _)| *at <= moment);
        before.map(|(_, look)| *look).unwrap_or_default()
    }

    /// How long after that moment it first said so; nothing when it did at that moment, or never.
    pub(crate) fn until(&self, moment: Duration, wanted: impl Fn(&Look) -> bool) -> Option<Duration> {
        if wanted(&self.at(moment)) {
            return None;
        }
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let after = seen
            .changes
            .iter()
            .find(|(at, look)| *at > moment && wanted(look));
        after.map(|(at, _)| *at - moment)
    }

    #[cfg(test)]
    pub(crate) fn of(changes: &[(u64, Look)]) -> Self {
        let changes = changes
            .iter()
            .map(|(ms, look)| (Duration::from_millis(*ms), *look))
            .collect();
        let seen = Seen {
            changes,
            peak_memory_kib: 0,
        };
        Self {
            seen: Mutex::new(seen),
        }
    }
}

// === impl Look ===

impl Look {
    async fn at(replica: &Replica) -> Self {
        let Ok(Ok((status, body))) = timeout(ANSWER, replica.service.get("/readyz")).await else {
            return Self::default();
        };
        let body: Value = serde_json::from_str(&body).unwrap_or_default();
        Self {
            answers: true,
            ready: status == 200,
            consuming: body["consuming"]["ok"] == true,
        }
    }
}
