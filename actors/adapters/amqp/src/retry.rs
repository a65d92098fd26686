//! When a failed event comes back.

use crate::{RetrySettings, settings::LEAST_DELAY};
use millrace_engine::Backoff;
use std::time::Duration;

/// What a charged or uncharged retry means for one event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Plan {
    /// Again after this delay, with so many attempts on its account.
    After { delay: Duration, attempts: u32 },
    /// It had all its attempts.
    Exhausted,
}

// === impl RetrySettings ===

impl RetrySettings {
    /// Plans the retry of an event whose `attempt` (from 1) just failed.
    pub(super) fn plan(&self, attempt: u32, charged: bool, age: Duration) -> Plan {
        if !charged {
            return Plan::After {
                delay: self.delay_at_age(age),
                attempts: attempt.saturating_sub(1),
            };
        }
        if attempt >= self.max_attempts {
            return Plan::Exhausted;
        }
        Plan::After {
            delay: self.step(attempt.saturating_sub(1)),
            attempts: attempt,
        }
    }

    /// The `n`th delay, from 0.
    fn step(&self, n: u32) -> Duration {
        let backoff = Backoff {
            first: self.initial_delay,
            longest: self.max_delay,
            factor: self.multiplier,
        };
        // Whole milliseconds: the broker's unit, and part of a queue's name.
        backoff.after(n.saturating_add(1)).max(LEAST_DELAY)
    }

    /// The longest step that is at most half the event's age, so that waits grow with patience.
    pub(super) fn delay_at_age(&self, age: Duration) -> Duration {
        let mut delay = self.step(0);
        for n in 1..64 {
            let next = self.step(n);
            if next <= delay || next > age / 2 {
                break;
            }
            delay = next;
        }
        delay
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SETTINGS: RetrySettings = RetrySettings {
        max_attempts: 3,
        initial_delay: Duration::from_secs(1),
        max_delay: Duration::from_secs(30),
        multiplier: 2.0,
    };

    fn after(secs: u64, attempts: u32) -> Plan {
        Plan::After {
            delay: Duration::from_secs(secs),
            attempts,
        }
    }

    #[test]
    fn charged_attempts_back_off_and_end() {
        let plan = |attempt| SETTINGS.plan(attempt, true, Duration::ZERO);
        assert_eq!(
            (plan(1), plan(2), plan(3)),
            (after(1, 1), after(2, 2), Plan::Exhausted)
        );
    }

    #[test]
    fn uncharged_retries_wait_longer_as_the_event_ages_and_cost_nothing() {
        let plan = |age| SETTINGS.plan(2, false, Duration::from_secs(age));
        assert_eq!(
            (plan(0), plan(3), plan(8), plan(500)),
            (after(1, 1), after(1, 1), after(4, 1), after(30, 1))
        );
    }

    #[test]
    fn delays_of_zero_are_no_hot_loop() {
        let none = RetrySettings {
            max_attempts: 1_000,
            initial_delay: Duration::ZERO,
            max_delay: Duration::ZERO,
            multiplier: 1.0,
        };
        let delays = [
            none.plan(7, true, Duration::ZERO),
            none.plan(7, false, Duration::ZERO),
        ];
        let floor = |attempts| Plan::After {
            delay: LEAST_DELAY,
            attempts,
        };
        assert_eq!(delays, [floor(7), floor(6)]);
    }

    #[test]
    fn a_flat_ladder_ends() {
        let flat = RetrySettings {
            multiplier: 1.0,
            ..SETTINGS
        };
        assert_eq!(flat.plan(1, false, Duration::from_secs(500)), after(1, 0));
    }
}
