//! Who answers.

use jiff::{SignedDuration, Timestamp};
use std::sync::Arc;
use std::time::Instant;

/// This process, as the API names it. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Replica {
    /// How the broker's operators see it too.
    pub name: Arc<str>,
    /// Since when it runs.
    pub started_at: Timestamp,
    /// The same moment on the clock that never jumps.
    started: Instant,
}

// === impl Replica ===

impl Replica {
    /// A process that starts now.
    pub fn new(name: impl Into<Arc<str>>) -> Self {
        Self {
            name: name.into(),
            started_at: Timestamp::now(),
            started: Instant::now(),
        }
    }

    /// The time of a moment, to the millisecond; always the same for the same moment, even when the clock
    /// is set meanwhile.
    pub fn time_of(&self, moment: Instant) -> Timestamp {
        let since = match moment.checked_duration_since(self.started) {
            Some(later) => SignedDuration::try_from(later),
            None => SignedDuration::try_from(self.started - moment).map(|earlier| -earlier),
        };
        let at = since
            .ok()
            .and_then(|since| self.started_at.checked_add(since).ok());
        let ms = at.unwrap_or(self.started_at).as_millisecond();
        Timestamp::from_millisecond(ms).unwrap_or(self.started_at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_moment_has_one_time_before_and_after_the_start() {
        let replica = Replica::new("r");
        for ms in [0, 1, 999, 12_345] {
            let apart = Duration::from_millis(ms);
            let later = replica.time_of(replica.started + apart);
            assert_eq!(
                later.as_millisecond() - replica.started_at.as_millisecond(),
                ms as i64
            );
            let earlier = replica.time_of(replica.started - apart);
            assert_eq!(
                replica.started_at.as_millisecond() - earlier.as_millisecond(),
                ms as i64
            );
        }
    }
}
