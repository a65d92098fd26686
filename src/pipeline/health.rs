//! How the line is, for the HTTP handlers.

use crate::http::{ActorStatus, Dependencies, DependencyStatus, HealthView, Summary};
use millrace_actors::{
    ingress::IngressStatus,
    supervision::{Breaker, Roster, State, Supervision, Suspension},
};
use std::time::Duration;

/// Longer than the slowest honest event: a fetch and a write with all their retries.
const STUCK_AFTER: Duration = Duration::from_secs(300);

/// The line as seen from outside the actors, so that a stuck actor cannot hide itself.
pub(super) struct Health {
    roster: Roster,
    breaker: Breaker,
    dependencies: Dependencies,
    status: IngressStatus,
}

// === impl Health ===

impl Health {
    pub(super) fn new(supervision: &Supervision, dependencies: Dependencies, status: IngressStatus) -> Self {
        Self {
            roster: supervision.roster(),
            breaker: supervision.breaker(),
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
        down || self.breaker.suspension().is_some()
            || self
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
        with(self.dependencies.statuses(), self.breaker.suspension())
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

/// A dependency may answer and not do its work, as a database does whose disk is full: then only the
/// breaker knows.
fn with(mut statuses: Vec<DependencyStatus>, suspension: Option<Suspension>) -> Vec<DependencyStatus> {
    let Some(down) = suspension else { return statuses };
    for status in &mut statuses {
        if status.name == down.dependency && status.ok {
            status.ok = false;
            status.why = Some(down.detail.clone());
            status.since = down.since;
        }
    }
    statuses
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::Timestamp;

    fn status(name: &'static str, ok: bool, why: &str) -> DependencyStatus {
        DependencyStatus {
            name,
            ok,
            why: Some(why.to_owned()),
            since: Timestamp::UNIX_EPOCH,
        }
    }

    #[test]
    fn what_only_the_breaker_knows_is_told() {
        let since = "2026-01-02T03:04:05Z".parse().unwrap();
        let down = Suspension {
            dependency: "database",
            detail: "disk full".to_owned(),
            since,
        };
        let all = vec![
            status("object_store", true, "answers"),
            status("database", true, "answers"),
        ];
        assert_eq!(with(all.clone(), None), all);
        let told = with(all.clone(), Some(down.clone()));
        assert_eq!(told[0], all[0]);
        assert_eq!(
            (told[1].ok, told[1].why.as_deref(), told[1].since),
            (false, Some("disk full"), since)
        );
        let silent = vec![status("database", false, "connection refused")];
        assert_eq!(
            with(silent.clone(), Some(down)),
            silent,
            "the probe's own words stay"
        );
    }
}
