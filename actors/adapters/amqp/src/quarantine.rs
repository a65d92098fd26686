//! Which events may go into the pipeline: all together, or one quarantined event alone.
//!
//! A process that crashes takes no notes, so an event that was at hand at two crashes may be their cause. Such events go
//! in one by one, each through an empty pipeline, so that a crash while one is at hand says which it was. Meanwhile
//! all others wait, and that has a bound: after each time that the others were kept out they get a multiple of it.

use std::{
    collections::{HashSet, VecDeque},
    time::Duration,
};
use tokio::time::Instant;

/// What was taken from the others is given back so many times before the next is taken.
const SHARE: u32 = 8;
/// How long the others are kept out for the pipeline to run empty, at first. Where that is too short it is twice as
/// long the next time.
const SHORTEST_WAIT: Duration = Duration::from_secs(1);
const LONGEST_WAIT: Duration = Duration::from_secs(8);
/// An event that is worked on alone for longer (a slow store, a slow database) no longer keeps the others out.
const ALONE_AT_MOST: Duration = Duration::from_secs(1);
/// Quarantined events go through an empty pipeline one after another until the others have waited for so long.
const IN_A_ROW: Duration = Duration::from_millis(500);
/// Of so many deliveries that may be unsettled, one may be a quarantined event that waits for its turn.
const ONE_HELD_OF: u16 = 8;
const MOST_HELD: usize = 32;

/// The gate before the pipeline. Deliveries are known by their tags.
pub(super) struct Quarantine<T> {
    /// Quarantined, waiting for their turn.
    held: VecDeque<(u64, T)>,
    others: VecDeque<(u64, T)>,
    /// In the pipeline.
    inside: HashSet<u64>,
    gate: Gate,
    /// Before this the others are not kept out again.
    not_before: Instant,
    wait: Duration,
    most_held: usize,
}

/// Whether the others may go in.
#[derive(Clone, Copy)]
enum Gate {
    Open,
    /// They may not, so that the pipeline runs empty.
    Draining {
        since: Instant,
    },
    /// A quarantined event is at hand; while `shut` they may not.
    Alone {
        tag: u64,
        since: Instant,
        entered: Instant,
        shut: bool,
    },
}

/// Whose turn it is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Turn<T> {
    /// Goes in with the others.
    Together(T),
    /// Is noted as at hand alone, and then goes in.
    Alone(T),
}

// === impl Quarantine ===

impl<T> Quarantine<T> {
    /// For a session that may have so many unsettled deliveries.
    pub(super) fn new(prefetch: u16, now: Instant) -> Self {
        Self {
            held: VecDeque::new(),
            others: VecDeque::new(),
            inside: HashSet::new(),
            gate: Gate::Open,
            not_before: now,
            wait: SHORTEST_WAIT,
            most_held: usize::from(prefetch / ONE_HELD_OF).clamp(usize::from(prefetch > 1), MOST_HELD),
        }
    }

    /// Lines up a delivery that may go in with the others.
    pub(super) fn queue(&mut self, tag: u64, waiting: T) {
        self.others.push_back((tag, waiting));
    }

    /// Takes a quarantined event to wait for its turn; gives it back where too many wait already, because those that
    /// wait must not use up the deliveries that the broker hands out.
    pub(super) fn hold(&mut self, tag: u64, waiting: T) -> Result<(), T> {
        if self.held.len() >= self.most_held && !(self.held.is_empty() && self.is_idle()) {
            return Err(waiting);
        }
        self.held.push_back((tag, waiting));
        Ok(())
    }

    /// The next one that may go in now. In an outage none is kept out: what is inside stays there.
    pub(super) fn next(&mut self, now: Instant, outage: bool) -> Option<Turn<T>> {
        match self.gate {
            Gate::Alone {
                shut: true,
                entered,
                since,
                tag,
            } if now >= entered + ALONE_AT_MOST => {
                self.gate = Gate::Alone {
                    shut: false,
                    entered,
                    since,
                    tag,
                };
                self.repay(now, since);
            }
            Gate::Alone { shut: true, .. } => return None,
            Gate::Draining { since } if self.inside.is_empty() => {
                if let Some((tag, next)) = self.held.pop_front() {
                    self.wait = (2 * (now - since)).clamp(SHORTEST_WAIT, LONGEST_WAIT);
                    return Some(self.go_alone(tag, next, since, now));
                }
                self.gate = Gate::Open;
            }
            Gate::Draining { since } if outage => {
                self.gate = Gate::Open;
                self.repay(now, since);
            }
            Gate::Draining { since } if now >= since + self.wait => {
                self.wait = (2 * self.wait).min(LONGEST_WAIT);
                self.gate = Gate::Open;
                self.repay(now, since);
            }
            Gate::Draining { .. } => return None,
            Gate::Open if self.held.is_empty() || outage => {}
            Gate::Open if self.is_idle() => {
                let (tag, next) = self.held.pop_front()?;
                return Some(self.go_alone(tag, next, now, now));
            }
            Gate::Open if now >= self.not_before => {
                self.gate = Gate::Draining { since: now };
                return self.next(now, outage);
            }
            Gate::Alone { .. } | Gate::Open => {}
        }
        let (tag, next) = self.others.pop_front()?;
        self.inside.insert(tag);
        Some(Turn::Together(next))
    }

    /// Notes that this delivery needs no more work; true where it was the one that is at hand alone.
    pub(super) fn left(&mut self, tag: u64, now: Instant) -> bool {
        self.inside.remove(&tag);
        let Gate::Alone {
            tag: alone,
            since,
            shut,
            ..
        } = self.gate
        else {
            return false;
        };
        if alone != tag {
            return false;
        }
        self.gate = Gate::Open;
        if !shut {
            return true;
        }
        if !self.held.is_empty() && now < since + IN_A_ROW {
            self.gate = Gate::Draining { since };
        } else {
            self.repay(now, since);
        }
        true
    }

    /// When `next` may say something else though nothing has happened.
    pub(super) fn deadline(&self, outage: bool) -> Option<Instant> {
        match self.gate {
            Gate::Alone { shut, entered, .. } => shut.then_some(entered + ALONE_AT_MOST),
            Gate::Draining { since } => Some(since + self.wait),
            Gate::Open => (!self.held.is_empty() && !outage).then_some(self.not_before),
        }
    }

    /// The event that is at hand alone, if there is one.
    pub(super) fn alone(&self) -> Option<u64> {
        match self.gate {
            Gate::Alone { tag, .. } => Some(tag),
            Gate::Open | Gate::Draining { .. } => None,
        }
    }

    /// Quarantined events that wait for their turn.
    pub(super) fn waiting(&self) -> impl Iterator<Item = u64> {
        self.held.iter().map(|(tag, _)| *tag)
    }

    /// None is inside or waits to be: to go alone costs the others nothing.
    fn is_idle(&self) -> bool {
        self.inside.is_empty() && self.others.is_empty() && matches!(self.gate, Gate::Open)
    }

    fn go_alone(&mut self, tag: u64, next: T, since: Instant, entered: Instant) -> Turn<T> {
        self.gate = Gate::Alone {
            tag,
            since,
            entered,
            shut: true,
        };
        self.inside.insert(tag);
        Turn::Alone(next)
    }

    fn repay(&mut self, now: Instant, since: Instant) {
        self.not_before = now + SHARE * (now - since);
    }
}

#[cfg(test)]
#[path = "quarantine_tests.rs"]
mod tests;
