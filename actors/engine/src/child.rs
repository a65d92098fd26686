//! What the supervisor knows of one actor.

use super::{Affected, Cause, Fate, Rebuild, RestartPolicy, Watchdog, lifecycle::Lifecycle};
use actix::Recipient;
use std::time::Duration;
use tokio::time::Instant;

/// A supervised actor.
pub(crate) struct Child {
    pub(crate) control: Recipient<Rebuild>,
    pub(crate) life: Lifecycle,
    /// What it works on, as seen from outside its thread.
    watchdog: Watchdog,
    /// None for a worker; whether it has drained for a source.
    pub(crate) drained: Option<bool>,
    /// A failure was reported and no work was done since.
    pub(crate) failing: bool,
    /// It is not rebuilt any more.
    pub(crate) given_up: bool,
    /// The run that was overdue at the last look.
    overdue: Option<Instant>,
}

// === impl Child ===

impl Child {
    pub(crate) fn new(
        control: Recipient<Rebuild>,
        watchdog: Watchdog,
        source: bool,
        policy: RestartPolicy,
    ) -> Self {
        Self {
            control,
            life: Lifecycle::new(policy),
            watchdog,
            drained: source.then_some(false),
            failing: false,
            given_up: false,
            overdue: None,
        }
    }

    pub(crate) fn is_source(&self) -> bool {
        self.drained.is_some()
    }

    /// Why nothing will be heard of this actor again, and what becomes of the events it holds.
    pub(crate) fn lost(&mut self, deadline: Duration) -> Option<(Cause, Vec<Affected>)> {
        if self.given_up {
            return None;
        }
        if !self.control.connected() {
            // What it held was dropped with its thread, and what is dropped is tried again.
            let cause = Cause::Broken("its thread ended".to_owned());
            return Some((cause, self.watchdog.affected(Fate::Retried)));
        }
        // Its own timer would have ended the run at the deadline, so a thread that is still at it is
        // blocked. Two looks, because after a stop of the whole process all timers are late together.
        let overdue = self
            .watchdog
            .since()
            .filter(|since| since.elapsed() > deadline + deadline / 2);
        let before = std::mem::replace(&mut self.overdue, overdue);
        let since = overdue.filter(|_| before == overdue)?;
        Some((
            Cause::Hung(since.elapsed()),
            self.watchdog.affected(Fate::Requeued),
        ))
    }
}
