//! Since when what is wrong: the memory between two looks.

use super::{
    finding::{Finding, Health},
    notice::{Kind, Notice},
    rule::Rule,
    watch::DependencyView,
    watched::{Look, Watched},
};
use jiff::Timestamp;
use std::{
    cmp::Reverse,
    sync::Arc,
    time::{Duration, Instant},
};

/// A moment on both clocks: one to measure by, one to tell people.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment {
    pub(super) at: Instant,
    pub(super) wall: Timestamp,
}

/// All rules of all pipelines, and their state.
pub(super) struct AlertState(Vec<Watching>);

/// A pipeline, and the state of its rules.
struct Watching {
    look: Look,
    dependencies: DependencyView,
    pages: Vec<Page>,
}

/// One rule and its state.
#[derive(Debug)]
pub(super) struct Page {
    pub(super) rule: Rule,
    about: Arc<str>,
    /// How long a change must last before it counts.
    hold: Duration,
    phase: Phase,
    /// What the last look found, while it fires.
    summary: String,
}

#[derive(Clone, Copy, Debug)]
enum Phase {
    Quiet,
    /// Bad, and not for long enough yet.
    Pending {
        since: Moment,
    },
    Firing {
        since: Moment,
        /// When people last heard of it.
        told: Instant,
        /// Since when it is good again.
        good_since: Option<Instant>,
    },
}

/// How often people are told that it is still so.
pub(super) const REMIND: Duration = Duration::from_secs(60 * 60);

// === impl AlertState ===

impl AlertState {
    pub(super) fn new(watched: Vec<(Watched, DependencyView)>, hold: Duration) -> Self {
        let watching = |(watched, dependencies): (Watched, DependencyView)| Watching {
            look: watched.look,
            dependencies,
            pages: watched
                .rules
                .into_iter()
                .map(|rule| Page::new(rule, watched.name.clone(), hold))
                .collect(),
        };
        Self(watched.into_iter().map(watching).collect())
    }

    /// Every rule.
    pub(super) fn rules(&self) -> impl Iterator<Item = Rule> {
        self.pages().map(|page| page.rule)
    }

    /// What the rules of each pipeline find at `now`.
    pub(super) fn look(&self, now: Instant) -> Vec<Vec<Finding>> {
        let all = self.0.iter();
        all.map(|one| (one.look)(now, &(one.dependencies)())).collect()
    }

    /// What there is to tell after a look.
    pub(super) fn learn(&mut self, found: Vec<Vec<Finding>>, now: Moment) -> Vec<Notice> {
        let pages = self.0.iter_mut().map(|one| one.pages.iter_mut());
        let each = pages.zip(found).flat_map(|(pages, found)| pages.zip(found));
        each.filter_map(|(page, finding)| page.turn(finding, now))
            .collect()
    }

    /// The rules that fire, the worst first, since when, and what the last look found.
    pub(super) fn firing(&self) -> Vec<(Rule, Timestamp, &str)> {
        let firing = self.pages().filter_map(|page| match page.phase {
            Phase::Firing { since, .. } => Some((page.rule, since.wall, page.summary.as_str())),
            _ => None,
        });
        let mut firing: Vec<_> = firing.collect();
        firing.sort_by_key(|(rule, ..)| Reverse(rule.severity));
        firing
    }

    fn pages(&self) -> impl Iterator<Item = &Page> {
        self.0.iter().flat_map(|one| &one.pages)
    }
}

// === impl Page ===

impl Page {
    pub(super) fn new(rule: Rule, about: Arc<str>, hold: Duration) -> Self {
        Self {
            rule,
            about,
            hold,
            phase: Phase::Quiet,
            summary: String::new(),
        }
    }

    /// Takes a finding in. A change that does not last is none: a broker that restarts pages no person, and
    /// an alert that pauses for a moment is the same alert.
    pub(super) fn turn(&mut self, finding: Finding, now: Moment) -> Option<Notice> {
        let health = finding.health;
        match self.phase {
            Phase::Quiet | Phase::Pending { .. } if health != Health::Bad => {
                self.phase = Phase::Quiet;
                None
            }
            Phase::Quiet => {
                self.phase = Phase::Pending { since: now };
                self.pending(now, finding, now)
            }
            Phase::Pending { since } => self.pending(since, finding, now),
            Phase::Firing {
                since,
                told,
                good_since,
            } => {
                let good_since = (health == Health::Good).then(|| good_since.unwrap_or(now.at));
                self.phase = Phase::Firing {
                    since,
                    told,
                    good_since,
                };
                self.fire(since, told, good_since, finding, now)
            }
        }
    }

    fn pending(&mut self, since: Moment, finding: Finding, now: Moment) -> Option<Notice> {
        if now.at.saturating_duration_since(since.at) < self.hold {
            return None;
        }
        self.phase = Phase::Firing {
            since,
            told: now.at,
            good_since: None,
        };
        self.summary.clone_from(&finding.summary);
        Some(self.notice(Kind::Started, since, finding, now))
    }

    fn fire(
        &mut self,
        since: Moment,
        told: Instant,
        good_since: Option<Instant>,
        finding: Finding,
        now: Moment,
    ) -> Option<Notice> {
        let lasts = |then: Instant, span| now.at.saturating_duration_since(then) >= span;
        if good_since.is_some_and(|good| lasts(good, self.hold)) {
            self.phase = Phase::Quiet;
            return Some(self.notice(Kind::Over, since, finding, now));
        }
        if good_since.is_some() {
            return None; // The summary of what was bad stands until it is over.
        }
        self.summary.clone_from(&finding.summary);
        if !lasts(told, REMIND) {
            return None;
        }
        self.phase = Phase::Firing {
            since,
            told: now.at,
            good_since,
        };
        Some(self.notice(Kind::Still, since, finding, now))
    }

    fn notice(&self, kind: Kind, since: Moment, finding: Finding, now: Moment) -> Notice {
        Notice {
            rule: self.rule,
            about: self.about.clone(),
            kind,
            since: since.wall,
            at: now.wall,
            lasted: now.at.saturating_duration_since(since.at),
            value: finding.value,
            threshold: finding.threshold,
            summary: finding.summary,
        }
    }
}
