//! Which events this replica has in quarantine, here or in a retry queue: for the log and the metrics.

use crate::AmqpMetrics;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::time::{Instant, sleep};
use tracing::{info, warn};

/// Pause between two looks for those that another replica took.
const LOOK: Duration = Duration::from_secs(5);
/// Events remembered; a figure for people need not be exact beyond.
const MOST: usize = 10_000;

/// Shared by all sessions of the process.
#[derive(Clone, Debug)]
pub(super) struct Quarantined(Arc<State>);

#[derive(Debug)]
struct State {
    metrics: AmqpMetrics,
    /// One that has not come back for so long was taken by another replica.
    keep_for: Duration,
    events: Mutex<Events>,
}

#[derive(Debug, Default)]
struct Events {
    seen: HashMap<String, Instant>,
    since: Option<Instant>,
}

// === impl Quarantined ===

impl Quarantined {
    /// `longest` is the longest delay of a retry queue.
    pub(super) fn new(metrics: AmqpMetrics, longest: Duration) -> Self {
        Self(Arc::new(State {
            metrics,
            keep_for: 2 * longest + Duration::from_secs(60),
            events: Mutex::default(),
        }))
    }

    /// Notes that an event is in quarantine, again or for the first time.
    pub(super) fn entered(&self, event_id: &str) {
        let mut events = self.lock();
        if events.seen.len() < MOST {
            events.seen.insert(event_id.to_owned(), Instant::now());
        }
        self.show(&events);
        if events.since.is_none() {
            events.since = Some(Instant::now());
            warn!(
                "events were at hand when two processes crashed: until it is known whether one of them is the cause, they are \
                 worked on alone, and the others have eight times as long in between"
            );
            tokio::spawn(self.clone().keep_looking());
        }
    }

    /// Notes that it is out of it. The end is told a little later, for the next one may be on its way.
    pub(super) fn left(&self, event_id: &str) {
        let mut events = self.lock();
        if events.seen.remove(event_id).is_some() {
            self.show(&events);
        }
    }

    async fn keep_looking(self) {
        loop {
            sleep(LOOK).await;
            let mut events = self.lock();
            let keep_for = self.0.keep_for;
            events.seen.retain(|_, seen| seen.elapsed() < keep_for);
            self.show(&events);
            if events.seen.is_empty()
                && let Some(since) = events.since.take()
            {
                let seconds = since.elapsed().as_secs_f64();
                info!(quarantine_seconds = seconds, "no event is in quarantine any more");
                return;
            }
        }
    }

    fn show(&self, events: &Events) {
        let count = i64::try_from(events.seen.len()).unwrap_or(i64::MAX);
        self.0.metrics.quarantined.set(count);
    }

    fn lock(&self) -> MutexGuard<'_, Events> {
        // Nothing panics while holding the lock.
        self.0.events.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
