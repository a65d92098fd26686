//! How the line is, for the HTTP handlers.

use crate::http::{ActorStatus, Dependencies, DependencyStatus, HealthView, Summary};
use millrace_actors::{
    ingress::IngressStatus,
    supervision::{Roster, State},
};
use std::time::Duration;

/// Longer than the slowest honest event: a fetch and a write with all their retries.
const STUCK_AFTER: Duration = Duration::from_secs(300);

/// The line as seen from outside the actors, so that a stuck actor cannot hide itself.
pub(super) struct Health {
    roster: Roster,
    dependencies: Dependencies,
    status: IngressStatus,
}

// === impl Health ===

impl Health {
    pub(super) fn new(roster: Roster, dependencies: Dependencies, status: IngressStatus) -> Self {
        Self {
            roster,
            dependencies,
            status,
        }
    }

    /// An outage is being waited out: that is work as it should be.
    fn waits(&self) -> bool {
        let down = self
            .dependencies
            .statuses()
            .iter()
            .any(|dependency| !dependency.ok);
        down || self
            .roster
            .entries()
            .values()
            .any(|entry| entry.state == State::Down)
    }
}

impl HealthView for Health {
    fn live(&self) -> Result<(), String> {
        let progress = self.status.progress();
        let still = progress.moved_at.elapsed();
        if progress.in_flight == 0 || still < STUCK_AFTER || self.waits() {
            return Ok(());
        }
        Err(format!(
            "{} events in flight and none settled for {} s",
            progress.in_flight,
            still.as_secs()
        ))
    }

    fn consuming(&self) -> Result<(), String> {
        let consuming = self.status.consuming();
        if consuming.yes { Ok(()) } else { Err(consuming.why) }
    }

    fn dependencies(&self) -> Vec<DependencyStatus> {
        self.dependencies.statuses()
    }

    fn actors(&self) -> Vec<ActorStatus> {
        let entries = self.roster.entries().into_iter();
        entries
            .map(|(name, entry)| ActorStatus {
                name: name.to_string(),
                state: entry.state.as_str().to_owned(),
                restarts: entry.restarts.values().sum(),
                mailbox_depth: entry.depth.get() as u64,
                last_error: entry.last_failure.map(|cause| cause.to_string()),
            })
            .collect()
    }

    fn summary(&self) -> Summary {
        let progress = self.status.progress();
        Summary::from([
            ("inflight_events".to_owned(), progress.in_flight.into()),
            (
                "seconds_since_progress".to_owned(),
                progress.moved_at.elapsed().as_secs().into(),
            ),
        ])
    }
}
