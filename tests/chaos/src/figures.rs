//! How long things took. Reported, never a reason to fail.

use std::time::Duration;

use serde::Serialize;

use crate::fault::{Kind, Target};
use crate::inflict::Played;
use crate::timeline::Timeline;

/// A fault without duration may be noticed this much later.
const NOTICED_WITHIN: Duration = Duration::from_secs(3);

/// The figures of a run, in seconds.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Figures {
    /// From the return of the broker, or of the way to it, until deliveries are taken again.
    pub consuming_again: Option<Spread>,
    /// From the beginning of a black hole before the broker until it was noticed.
    pub black_hole_noticed: Option<Spread>,
    /// From the loss of any dependency until `/readyz` says so.
    pub not_ready: Option<Spread>,
}

/// Of a set of durations, in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Spread {
    /// How many.
    pub samples: usize,
    /// Half took at most so long.
    pub p50: f64,
    /// 99 of 100.
    pub p99: f64,
    /// All.
    pub max: f64,
}

/// An orderly stop of the product under load.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Termination {
    /// Whether it was up when it was told to stop.
    pub ran: bool,
    /// None for a signal, which a process that does not end in time gets.
    pub exit_code: Option<i32>,
    /// How long it took to end.
    pub seconds: f64,
}

// === impl Figures ===

impl Figures {
    pub(crate) fn of(played: &[Played], timelines: &[Timeline]) -> Self {
        let each = |measure: fn(&Played, &[Played], &Timeline) -> Option<Duration>| {
            let samples = timelines.iter().flat_map(|timeline| {
                played
                    .iter()
                    .filter_map(move |one| measure(one, played, timeline))
            });
            Spread::of(samples)
        };
        Self {
            consuming_again: each(consuming_again),
            black_hole_noticed: each(black_hole_noticed),
            not_ready: each(not_ready),
        }
    }
}

/// Nothing when another fault came before the recovery, which then is not the broker's matter alone.
fn consuming_again(one: &Played, all: &[Played], timeline: &Timeline) -> Option<Duration> {
    if one.fault.target != Target::Rabbitmq || !timeline.at(one.from).consuming {
        return None;
    }
    let lost = one.from + timeline.until(one.from, |look| !look.consuming)?;
    if lost > one.to + NOTICED_WITHIN {
        return None;
    }
    let since = lost.max(one.to);
    let took = timeline.until(since, |look| look.consuming)?;
    is_undisturbed(one, all, since + took).then_some(took)
}

fn black_hole_noticed(one: &Played, all: &[Played], timeline: &Timeline) -> Option<Duration> {
    let is_one = one.fault.target == Target::Rabbitmq && one.fault.kind == Kind::BlackHole;
    if !is_one || !timeline.at(one.from).consuming {
        return None;
    }
    let took = timeline.until(one.from, |look| !look.consuming)?;
    (one.from + took <= one.to && is_undisturbed(one, all, one.from + took)).then_some(took)
}

fn not_ready(one: &Played, all: &[Played], timeline: &Timeline) -> Option<Duration> {
    let is_one = one.fault.is_an_outage() && !matches!(one.fault.target, Target::Millrace(_));
    if !is_one || !timeline.at(one.from).ready {
        return None;
    }
    let took = timeline.until(one.from, |look| !look.ready)?;
    (one.from + took <= one.to && is_undisturbed(one, all, one.from + took)).then_some(took)
}

/// Nothing else that stops the pipeline lasted or began between the beginning of this one and `until`.
fn is_undisturbed(one: &Played, all: &[Played], until: Duration) -> bool {
    let meets = |other: &Played| {
        let elsewhere = matches!(other.fault.target, Target::Postgres | Target::Objects);
        let harmless = elsewhere && !other.fault.is_an_outage();
        other.fault != one.fault && !harmless && other.from < until && other.to >= one.from
    };
    !all.iter().any(meets)
}

// === impl Spread ===

impl Spread {
    fn of(samples: impl Iterator<Item = Duration>) -> Option<Self> {
        let mut seconds: Vec<f64> = samples.map(|sample| sample.as_secs_f64()).collect();
        seconds.sort_by(f64::total_cmp);
        let max = *seconds.last()?;
        // The smallest sample that at least this share of all do not exceed.
        let at_most = |percent: usize| seconds[(seconds.len() * percent).div_ceil(100).max(1) - 1];
        Some(Self {
            samples: seconds.len(),
            p50: at_most(50),
            p99: at_most(99),
            max,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fault::Fault;
    use crate::timeline::Look;

    const GOOD: Look = Look {
        answers: true,
        ready: true,
        consuming: true,
    };
    const BAD: Look = Look {
        answers: true,
        ready: false,
        consuming: false,
    };

    fn played(target: Target, kind: Kind, from: u64, to: u64) -> Played {
        Played {
            fault: Fault {
                at_ms: from,
                kind,
                target,
                duration_ms: to - from,
            },
            from: Duration::from_millis(from),
            to: Duration::from_millis(to),
            termination: None,
        }
    }

    fn seconds(spread: Option<Spread>) -> Option<f64> {
        spread.map(|spread| spread.max)
    }

    #[test]
    fn an_outage_is_noticed_and_its_end_too() {
        let timeline = [Timeline::of(&[(0, GOOD), (2_500, BAD), (9_000, GOOD)])];
        let hole = played(Target::Rabbitmq, Kind::BlackHole, 2_000, 8_000);
        let figures = Figures::of(&[hole], &timeline);
        assert_eq!(seconds(figures.black_hole_noticed), Some(0.5));
        assert_eq!(seconds(figures.not_ready), Some(0.5));
        assert_eq!(seconds(figures.consuming_again), Some(1.0));
    }

    #[test]
    fn a_cut_counts_from_the_moment_it_was_noticed() {
        let timeline = [Timeline::of(&[(0, GOOD), (2_050, BAD), (2_250, GOOD)])];
        let figures = Figures::of(&[played(Target::Rabbitmq, Kind::Cut, 2_000, 2_000)], &timeline);
        assert_eq!(seconds(figures.consuming_again), Some(0.2));
        assert_eq!(seconds(figures.not_ready), None);
    }

    #[test]
    fn a_second_fault_spoils_the_measurement() {
        let timeline = [Timeline::of(&[(0, GOOD), (2_500, BAD), (9_000, GOOD)])];
        let faults = [
            played(Target::Rabbitmq, Kind::Refuse, 2_000, 8_000),
            played(Target::Postgres, Kind::Pause, 8_500, 8_800),
        ];
        let figures = Figures::of(&faults, &timeline);
        assert_eq!(seconds(figures.consuming_again), None);
        assert_eq!(seconds(figures.not_ready), Some(0.5));
    }

    #[test]
    fn a_spread_is_of_all_samples() {
        let spread = Spread::of((1..=200).map(Duration::from_secs));
        let wanted = Spread {
            samples: 200,
            p50: 100.0,
            p99: 198.0,
            max: 200.0,
        };
        assert_eq!(spread, Some(wanted));
        assert_eq!(Spread::of(std::iter::empty()), None);
    }
}
