//! How the line is, for the HTTP handlers.

use crate::http::{
    ActorStatus, Consuming, Dependencies, DependencyStatus, HealthView, Inflight, Queues, Room, Summary,
};
use millrace_amqp::{AmqpStatus, Progress};
use millrace_engine::{ActorId, ActorRegistry, Breaker, ByteBudget, Entry, State, Supervision, Suspension};
use std::{collections::BTreeMap, sync::Arc, time::Duration};

/// Longer than the slowest honest event: a fetch and a write with all their retries.
const STUCK_AFTER: Duration = Duration::from_secs(300);
/// The rooms in the order of the data.
const ROOMS: [&str; 4] = ["ingress", "fetcher", "parser", "writer"];

/// The line as seen from outside the actors, so that a stuck actor cannot hide itself.
pub(super) struct Health {
    actors: ActorRegistry,
    breaker: Breaker,
    dependencies: Dependencies,
    status: AmqpStatus,
    budget: Arc<ByteBudget>,
    prefetch: u16,
}

// === impl Health ===

impl Health {
    pub(super) fn new(
        supervision: &Supervision,
        dependencies: Dependencies,
        status: AmqpStatus,
        budget: Arc<ByteBudget>,
        prefetch: u16,
    ) -> Self {
        Self {
            actors: supervision.actors(),
            breaker: supervision.breaker(),
            dependencies,
            status,
            budget,
            prefetch,
        }
    }

    /// An outage is being waited out: that is work as it should be.
    fn waits(&self) -> bool {
        let down = self
            .dependencies
            .statuses()
            .iter()
            .any(|dependency| !dependency.ok);
        down || self.status.waits_for_queues()
            || self.breaker.suspension().is_some()
            || self
                .actors
                .entries()
                .values()
                .any(|entry| entry.state == State::Down)
    }
}

impl HealthView for Health {
    fn live(&self) -> Result<(), String> {
        moves(self.status.progress(), || self.waits())
    }

    fn consuming(&self) -> Consuming {
        let state = self.status.consuming();
        Consuming {
            ok: state.yes,
            why: (!state.yes).then_some(state.why),
            since: state.since,
        }
    }

    fn dependencies(&self) -> Vec<DependencyStatus> {
        with(self.dependencies.statuses(), self.breaker.suspension())
    }

    fn rooms(&self) -> Vec<Room> {
        rooms(self.actors.entries())
    }

    fn inflight(&self) -> Inflight {
        Inflight {
            events: self.status.progress().in_flight as u64,
            prefetch: self.prefetch.into(),
            bytes: self.budget.used(),
            budget_bytes: self.budget.limit(),
        }
    }

    fn queues(&self) -> Queues {
        let depths = self.status.depths();
        Queues {
            waiting: depths.work,
            dead_letters: depths.dead_letters,
        }
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

/// Nothing in flight, or something settled lately, or a reason to wait.
fn moves(progress: Progress, waits: impl Fn() -> bool) -> Result<(), String> {
    let still = progress.moved_at.elapsed();
    if progress.in_flight == 0 || still < STUCK_AFTER || waits() {
        return Ok(());
    }
    let (events, seconds) = (progress.in_flight, still.as_secs());
    Err(format!(
        "{events} events in flight and none settled for {seconds} s"
    ))
}

/// Gathers the actors in their rooms.
fn rooms(entries: BTreeMap<ActorId, Entry>) -> Vec<Room> {
    let empty = |name: &str| Room {
        name: name.to_owned(),
        actors: Vec::new(),
    };
    let mut rooms: Vec<Room> = ROOMS.into_iter().map(empty).collect();
    for (id, entry) in entries {
        let at = rooms.iter().position(|known| known.name == id.stage);
        let at = at.unwrap_or_else(|| {
            rooms.push(empty(id.stage));
            rooms.len() - 1
        });
        rooms[at].actors.push(actor(id, entry));
    }
    rooms
}

fn actor(id: ActorId, entry: Entry) -> ActorStatus {
    let restarts = entry.restarts.into_iter();
    ActorStatus {
        name: id.to_string(),
        state: entry.state.as_str(),
        since: entry.since,
        restarts: restarts.map(|(cause, count)| (cause.to_owned(), count)).collect(),
        mailbox_depth: entry.depth.get() as u64,
        last_error: entry.last_failure.map(|cause| cause.to_string()),
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

    #[tokio::test(start_paused = true)]
    async fn a_line_that_does_not_move_is_stuck_unless_it_waits_for_somebody() {
        let progress = |in_flight| Progress {
            in_flight,
            moved_at: tokio::time::Instant::now(),
        };
        let (busy, idle) = (progress(3), progress(0));
        tokio::time::advance(STUCK_AFTER - Duration::from_secs(1)).await;
        assert_eq!(moves(busy, || false), Ok(()));
        tokio::time::advance(Duration::from_secs(1)).await;
        let stuck = moves(busy, || false).unwrap_err();
        assert_eq!(stuck, "3 events in flight and none settled for 300 s");
        assert_eq!(moves(busy, || true), Ok(()), "an outage is waited out");
        assert_eq!(moves(idle, || false), Ok(()), "no work is no trouble");
    }

    #[test]
    fn actors_are_shown_in_their_rooms_in_the_order_of_the_data() {
        let entry = |state| Entry {
            state,
            since: Timestamp::UNIX_EPOCH,
            restarts: BTreeMap::from([("outage", 2)]),
            depth: Default::default(),
            last_failure: None,
        };
        let actors = [
            ("fetcher", Some(10)),
            ("fetcher", Some(9)),
            ("ingress", None),
            ("dead-letters", Some(0)),
            ("writer", Some(0)),
        ];
        let id = |(stage, index)| ActorId {
            pipeline: "batches",
            stage,
            index,
        };
        let rooms = rooms(actors.map(|actor| (id(actor), entry(State::Up))).into());
        let shown: Vec<_> = rooms
            .iter()
            .map(|room| {
                let actors: Vec<_> = room.actors.iter().map(|actor| actor.name.as_str()).collect();
                (room.name.as_str(), actors)
            })
            .collect();
        let expected = [
            ("ingress", vec!["ingress"]),
            ("fetcher", vec!["fetcher-9", "fetcher-10"]),
            ("parser", vec![]),
            ("writer", vec!["writer-0"]),
            ("dead-letters", vec!["dead-letters-0"]),
        ];
        assert_eq!(shown, expected);
        assert_eq!(rooms[0].actors[0].restarts["outage"], 2);
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
