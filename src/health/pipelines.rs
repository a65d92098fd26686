//! How the pipelines are, for the HTTP handlers.

use crate::health::{
    ActorStatus, Consuming, Dependencies, DependencyStatus, HealthView, Inflight, Queues, StageStatus,
    Summary,
};
use crate::pipeline::{Prepared, SourceView};
use millrace_engine::{ActorId, ActorRegistry, Breaker, ByteBudget, Entry, State, Supervision, Suspension};
use std::{collections::BTreeMap, sync::Arc, time::Duration};
use tokio::time::Instant;

/// Longer than the slowest honest event: a fetch and a write with all their retries.
const STUCK_AFTER: Duration = Duration::from_secs(300);

/// A pipeline as seen from outside its actors, so that a stuck actor cannot hide itself.
pub(crate) struct Health {
    pub(crate) name: &'static str,
    stages: &'static [&'static str],
    actors: ActorRegistry,
    breaker: Breaker,
    dependencies: Dependencies,
    source: Arc<dyn SourceView>,
    budget: Arc<ByteBudget>,
}

/// All pipelines of the process. Ready is who is ready as a whole; each may be asked about by itself.
pub(crate) struct All(pub(crate) Vec<Arc<Health>>);

// === impl Health ===

impl Health {
    pub(crate) fn new(
        prepared: &Prepared,
        supervision: &Supervision,
        dependencies: Dependencies,
        budget: Arc<ByteBudget>,
    ) -> Self {
        Self {
            name: prepared.name,
            stages: prepared.stages,
            actors: supervision.actors(),
            breaker: supervision.breaker(),
            dependencies,
            source: prepared.source.clone(),
            budget,
        }
    }

    pub(crate) fn actors(&self) -> BTreeMap<ActorId, Entry> {
        self.actors.entries()
    }

    /// An outage is being waited out: that is work as it should be.
    fn waits(&self) -> bool {
        let down = self
            .dependencies
            .statuses()
            .iter()
            .any(|dependency| !dependency.ok);
        down || self.source.waits()
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
        moves(self.source.in_flight(), self.source.moved_at(), || self.waits())
    }

    fn consuming(&self) -> Consuming {
        self.source.consuming()
    }

    fn dependencies(&self) -> Vec<DependencyStatus> {
        with(self.dependencies.statuses(), self.breaker.suspension())
    }

    fn stages(&self) -> Vec<StageStatus> {
        by_stage(self.stages, self.actors.entries())
    }

    fn inflight(&self) -> Inflight {
        Inflight {
            events: self.source.in_flight() as u64,
            prefetch: self.source.most_in_flight(),
            bytes: self.budget.used(),
            budget_bytes: self.budget.limit(),
        }
    }

    fn queues(&self) -> Queues {
        self.source.queues()
    }

    fn summary(&self) -> Summary {
        Summary::from([
            ("inflight_events".to_owned(), self.source.in_flight().into()),
            (
                "seconds_since_progress".to_owned(),
                self.source.moved_at().elapsed().as_secs().into(),
            ),
        ])
    }
}

// === impl All ===

impl HealthView for All {
    fn live(&self) -> Result<(), String> {
        self.0
            .iter()
            .try_for_each(|one| one.live().map_err(|why| self.of(one, why)))
    }

    fn consuming(&self) -> Consuming {
        let all: Vec<_> = self.0.iter().map(|one| (one, one.consuming())).collect();
        let whys = all
            .iter()
            .filter_map(|(one, found)| found.why.clone().map(|why| self.of(one, why)));
        let why = whys.collect::<Vec<_>>().join("; ");
        Consuming {
            ok: all.iter().all(|(_, found)| found.ok),
            why: (!why.is_empty()).then_some(why),
            since: all.iter().map(|(_, found)| found.since).max().unwrap_or_default(),
        }
    }

    fn dependencies(&self) -> Vec<DependencyStatus> {
        self.0.iter().flat_map(|one| one.dependencies()).collect()
    }

    fn pipelines(&self) -> Vec<(&'static str, bool)> {
        self.0.iter().map(|one| (one.name, one.ready())).collect()
    }

    fn stages(&self) -> Vec<StageStatus> {
        self.0.iter().flat_map(|one| one.stages()).collect()
    }

    fn inflight(&self) -> Inflight {
        let all = self.0.iter().map(|one| one.inflight());
        // Bytes are those of one budget that all share.
        all.reduce(|sum, one| Inflight {
            events: sum.events + one.events,
            // A source without a bound has the greatest number there is.
            prefetch: sum.prefetch.saturating_add(one.prefetch),
            ..sum
        })
        .unwrap_or_default()
    }

    fn queues(&self) -> Queues {
        let all = self.0.iter().map(|one| one.queues());
        let sum = |a: Option<u64>, b: Option<u64>| match (a, b) {
            (Some(a), Some(b)) => Some(a + b),
            (a, b) => a.or(b),
        };
        all.reduce(|all, one| Queues {
            waiting: sum(all.waiting, one.waiting),
            dead_letters: sum(all.dead_letters, one.dead_letters),
        })
        .unwrap_or_default()
    }

    fn summary(&self) -> Summary {
        match &*self.0 {
            [one] => one.summary(),
            all => all
                .iter()
                .flat_map(|one| {
                    let figures = one.summary().into_iter();
                    figures.map(|(figure, value)| (format!("{}_{figure}", one.name), value))
                })
                .collect(),
        }
    }
}

impl All {
    /// What is so of one pipeline, said of it where there are several.
    fn of(&self, one: &Health, what: String) -> String {
        match self.0.len() {
            1 => what,
            _ => format!("{}: {what}", one.name),
        }
    }
}

/// Nothing in flight, or something settled lately, or a reason to wait.
fn moves(in_flight: usize, moved_at: Instant, waits: impl Fn() -> bool) -> Result<(), String> {
    let still = moved_at.elapsed();
    if in_flight == 0 || still < STUCK_AFTER || waits() {
        return Ok(());
    }
    let (events, seconds) = (in_flight, still.as_secs());
    Err(format!(
        "{events} events in flight and none settled for {seconds} s"
    ))
}

/// Gathers the actors in their stages.
fn by_stage(known: &[&str], entries: BTreeMap<ActorId, Entry>) -> Vec<StageStatus> {
    let empty = |name: &str| StageStatus {
        name: name.to_owned(),
        actors: Vec::new(),
    };
    let mut stages: Vec<StageStatus> = known.iter().copied().map(empty).collect();
    for (id, entry) in entries {
        let at = stages.iter().position(|known| known.name == id.stage);
        let at = at.unwrap_or_else(|| {
            stages.push(empty(id.stage));
            stages.len() - 1
        });
        stages[at].actors.push(actor(id, entry));
    }
    stages
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
            needed: true,
            name,
            ok,
            why: Some(why.to_owned()),
            since: Timestamp::UNIX_EPOCH,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_pipeline_that_does_not_move_is_stuck_unless_it_waits_for_a_dependency() {
        let now = Instant::now();
        tokio::time::advance(STUCK_AFTER - Duration::from_secs(1)).await;
        assert_eq!(moves(3, now, || false), Ok(()));
        tokio::time::advance(Duration::from_secs(1)).await;
        let stuck = moves(3, now, || false).unwrap_err();
        assert_eq!(stuck, "3 events in flight and none settled for 300 s");
        assert_eq!(moves(3, now, || true), Ok(()), "an outage is waited out");
        assert_eq!(moves(0, now, || false), Ok(()), "no work is no trouble");
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
        let known = ["ingress", "fetcher", "parser", "writer"];
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
        let stages = by_stage(&known, actors.map(|actor| (id(actor), entry(State::Up))).into());
        let shown: Vec<_> = stages
            .iter()
            .map(|stage| {
                let actors: Vec<_> = stage.actors.iter().map(|actor| actor.name.as_str()).collect();
                (stage.name.as_str(), actors)
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
        assert_eq!(stages[0].actors[0].restarts["outage"], 2);
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
