//! Delays between tries that fail: they grow up to a longest one, and chance keeps apart what failed together.

use rand::RngExt;
use std::time::Duration;

/// How long to wait after failures in a row.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Backoff {
    /// After the first failure.
    pub first: Duration,
    /// No delay is longer.
    pub longest: Duration,
    /// What a delay is multiplied by for the next one.
    pub factor: f64,
}

// === impl Backoff ===

impl Backoff {
    /// Each delay is twice the one before it.
    pub const fn doubling(first: Duration, longest: Duration) -> Self {
        Self {
            first,
            longest,
            factor: 2.0,
        }
    }

    /// The delay after the `failures`th failure in a row, from 1, in whole milliseconds.
    pub fn after(&self, failures: u32) -> Duration {
        let exponent = i32::try_from(failures.saturating_sub(1)).unwrap_or(i32::MAX);
        let delay = self.first.as_secs_f64() * self.factor.powi(exponent);
        let delay = delay.min(self.longest.as_secs_f64());
        Duration::from_millis((delay * 1_000.0) as u64)
    }
}

/// What to multiply a delay by, so that replicas and messages that failed together do not come back together: from
/// 1 − `part` to 1.
pub fn jitter(part: f64) -> f64 {
    rand::rng().random_range(1.0 - part..=1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_grow_up_to_the_longest_and_stay_there() {
        let secs = Duration::from_secs;
        let doubling = Backoff::doubling(secs(1), secs(8));
        let delays: Vec<_> = (0..=6)
            .map(|failures| doubling.after(failures).as_secs())
            .collect();
        assert_eq!(delays, [1, 1, 2, 4, 8, 8, 8]);
        assert_eq!(doubling.after(u32::MAX), secs(8), "however many there were");
        let slow = Backoff {
            factor: 1.5,
            ..Backoff::doubling(Duration::from_millis(100), secs(1))
        };
        let delays = [1, 2, 3, 9].map(|failures| slow.after(failures).as_millis());
        assert_eq!(delays, [100, 150, 225, 1_000]);
    }

    #[test]
    fn chance_only_shortens() {
        for _ in 0..1_000 {
            let share = jitter(0.2);
            assert!((0.8..=1.0).contains(&share), "{share}");
        }
    }
}
