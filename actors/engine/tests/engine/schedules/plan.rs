//! What happens in a run: drawn by proptest, so that a failure shrinks to its core.

use proptest::{collection::vec, option, prelude::*};

/// The stages: two stages and the sink.
pub(crate) const STAGES: usize = 3;

/// What a stage does with an event once; the next time it is something else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    Outage,
    Transient,
    Deferred,
    Panic,
    Hang,
}

/// One event's planned.
#[derive(Clone, Debug)]
pub(crate) struct PlannedEvent {
    /// Stage by stage, what befalls it there before all goes well.
    pub(crate) troubles: [Vec<Trouble>; STAGES],
    /// The stage that can never take it.
    pub(crate) poison: Option<usize>,
}

#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) events: Vec<PlannedEvent>,
    pub(crate) prefetch: usize,
    /// Workers, stage by stage.
    pub(crate) workers: [usize; STAGES],
    /// Events that one write may serve.
    pub(crate) batch: usize,
    /// How long the work takes, in milliseconds, stage by stage.
    pub(crate) pace_ms: [u64; STAGES],
    /// Builds that fail because the dependency is down, stage by stage.
    pub(crate) dead_builds: [usize; STAGES],
    /// How long each of the first sessions with the broker lasts; the next one lasts.
    pub(crate) sessions_ms: Vec<u64>,
    /// These deliveries, in the order of all, are dropped on their way to the first stage.
    pub(crate) dropped: Vec<usize>,
    /// An operator stops the first pipelines after so long; the next one runs to the end.
    pub(crate) drains_ms: Vec<u64>,
    pub(crate) max_attempts: usize,
    /// Crashes that are tolerated; one more ends a pipeline, and the next one starts.
    pub(crate) intensity: usize,
}

pub(crate) fn plans() -> impl Strategy<Value = Plan> {
    let work = (
        vec(planned_events(), 1..10),
        1..8_usize,
        [1..4_usize, 1..3_usize, 1..3_usize],
        1..5_usize,
        [0..2_000_u64, 0..200_u64, 0..3_000_u64],
    );
    let weather = (
        [0..4_usize, 0..2_usize, 0..4_usize],
        vec(0..90_000_u64, 0..4),
        vec(0..20_usize, 0..3),
        vec(0..90_000_u64, 0..3),
        2..5_usize,
        1..12_usize,
    );
    (work, weather).prop_map(
        |(
            (events, prefetch, workers, batch, pace_ms),
            (dead_builds, sessions_ms, dropped, drains_ms, max_attempts, intensity),
        )| Plan {
            events,
            prefetch,
            workers,
            batch,
            pace_ms,
            dead_builds,
            sessions_ms,
            dropped,
            drains_ms,
            max_attempts,
            intensity,
        },
    )
}

fn planned_events() -> impl Strategy<Value = PlannedEvent> {
    let trouble = prop_oneof![
        4 => Just(Trouble::Outage),
        2 => Just(Trouble::Transient),
        2 => Just(Trouble::Deferred),
        1 => Just(Trouble::Panic),
        1 => Just(Trouble::Hang),
    ];
    // Most events meet nothing in most stages.
    let some = prop_oneof![3 => Just(Vec::new()), 1 => vec(trouble, 1..4)];
    let poison = option::weighted(0.1, 0..STAGES);
    ([some.clone(), some.clone(), some], poison)
        .prop_map(|(troubles, poison)| PlannedEvent { troubles, poison })
}
