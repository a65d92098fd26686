//! When an actor is rebuilt, how long it waits first, and when its supervisor gives up on it.

use crate::backoff::{Backoff, jitter};
use std::{collections::VecDeque, time::Duration};
use tokio::time::Instant;

/// When an actor has failed, and how restarts are paced.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RestartPolicy {
    /// Delay before the first restart.
    pub first_delay: Duration,
    /// Longest delay.
    pub max_delay: Duration,
    /// Crashes tolerated within `window`; one more and the supervisor gives up.
    pub intensity: usize,
    /// See `intensity`.
    pub window: Duration,
    /// An actor that worked this long is healthy: its next failure starts from `first_delay`.
    pub steady_after: Duration,
    /// A run of the work that makes no progress for this long has crashed.
    pub deadline: Duration,
}

/// The failures of one actor so far.
#[derive(Debug)]
pub(crate) struct Lifecycle {
    policy: RestartPolicy,
    /// Crashes within the window. Outages are not among them: waiting for a dependency is no
    /// reason to give up.
    crashes: VecDeque<Instant>,
    /// Failures since the actor was last healthy.
    streak: u32,
    working_since: Option<Instant>,
}

/// What the supervisor does about a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Decision {
    Restart { after: Duration },
    GiveUp,
}

// === impl RestartPolicy ===

impl Default for RestartPolicy {
    fn default() -> Self {
        Self {
            first_delay: Duration::from_millis(200),
            max_delay: Duration::from_secs(3),
            intensity: 10,
            window: Duration::from_secs(60),
            steady_after: Duration::from_secs(5),
            deadline: Duration::from_secs(120),
        }
    }
}

// === impl Lifecycle ===

impl Lifecycle {
    pub(crate) fn new(policy: RestartPolicy) -> Self {
        Self {
            policy,
            crashes: VecDeque::new(),
            streak: 0,
            working_since: None,
        }
    }

    /// The actor did its work.
    pub(crate) fn works(&mut self, now: Instant) {
        self.working_since.get_or_insert(now);
    }

    /// A dependency failed the actor.
    pub(crate) fn outage(&mut self, now: Instant) -> Decision {
        self.count_failure(now);
        Decision::Restart {
            after: self.next_delay(),
        }
    }

    /// The actor itself failed.
    pub(crate) fn crash(&mut self, now: Instant) -> Decision {
        self.count_failure(now);
        self.crashes.push_back(now);
        while self
            .crashes
            .front()
            .is_some_and(|at| now.duration_since(*at) > self.policy.window)
        {
            self.crashes.pop_front();
        }
        if self.crashes.len() > self.policy.intensity {
            Decision::GiveUp
        } else {
            Decision::Restart {
                after: self.next_delay(),
            }
        }
    }

    fn count_failure(&mut self, now: Instant) {
        let steady = |since: Instant| now.duration_since(since) >= self.policy.steady_after;
        if self.working_since.take().is_some_and(steady) {
            self.streak = 0;
        }
        self.streak += 1;
    }

    /// Between half the delay and all of it, so that replicas do not return in step.
    fn next_delay(&self) -> Duration {
        let RestartPolicy {
            first_delay,
            max_delay,
            ..
        } = self.policy;
        Backoff::doubling(first_delay, max_delay)
            .after(self.streak)
            .mul_f64(jitter(0.5))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: RestartPolicy = RestartPolicy {
        first_delay: Duration::from_secs(1),
        max_delay: Duration::from_secs(8),
        intensity: 2,
        window: Duration::from_secs(60),
        steady_after: Duration::from_secs(5),
        deadline: Duration::from_secs(60),
    };

    fn after(decision: Decision) -> Duration {
        match decision {
            Decision::Restart { after } => after,
            Decision::GiveUp => panic!("gave up"),
        }
    }

    #[test]
    fn delays_double_up_to_the_longest_with_jitter_below_them() {
        let mut life = Lifecycle::new(POLICY);
        for longest in [1.0, 2.0, 4.0, 8.0, 8.0, 8.0] {
            let delay = after(life.outage(Instant::now())).as_secs_f64();
            assert!((longest / 2.0..=longest).contains(&delay), "{delay} of {longest}");
        }
    }

    #[test]
    fn outages_never_end_in_giving_up_and_crashes_do() {
        let now = Instant::now();
        let mut life = Lifecycle::new(POLICY);
        for _ in 0..1_000 {
            after(life.outage(now));
        }
        after(life.crash(now));
        after(life.crash(now));
        assert_eq!(life.crash(now), Decision::GiveUp);
    }

    #[test]
    fn crashes_outside_the_window_are_forgotten() {
        let mut now = Instant::now();
        let mut life = Lifecycle::new(POLICY);
        for _ in 0..20 {
            after(life.crash(now));
            now += Duration::from_secs(31);
        }
    }

    #[test]
    fn steady_work_resets_the_delay_and_a_short_success_does_not() {
        let mut now = Instant::now();
        let mut life = Lifecycle::new(POLICY);
        for _ in 0..4 {
            life.outage(now);
        }
        life.works(now);
        now += Duration::from_secs(1);
        assert!(
            after(life.outage(now)) >= Duration::from_secs(4),
            "one second is not steady"
        );
        life.works(now);
        now += Duration::from_secs(6);
        assert!(after(life.outage(now)) <= Duration::from_secs(1));
    }
}
