//! Waiting for a condition. The only place in the tests that polls.

use std::fmt::Display;
use std::time::{Duration, Instant};

/// The pause between two looks at a condition: short at first, because most things are nearly ready.
const FIRST_PAUSE: Duration = Duration::from_millis(10);
const LONGEST_PAUSE: Duration = Duration::from_millis(150);

/// What a look at a condition can say: `bool`, `Option<T>` and `Result<T, E>` all do.
pub trait Condition {
    /// What the wait returns once the condition holds.
    type Value;

    /// The value when the condition holds, else what was seen instead.
    fn met(self) -> Result<Self::Value, String>;
}

/// Looks again and again until the condition holds.
///
/// # Errors
///
/// After `timeout`, with what was waited for, how long, and what the last look saw.
pub async fn wait_for<C: Condition>(
    what: &str,
    timeout: Duration,
    mut look: impl AsyncFnMut() -> C,
) -> anyhow::Result<C::Value> {
    let started = Instant::now();
    let mut pause = FIRST_PAUSE;
    let mut last_seen = "the first look did not return".to_owned();
    loop {
        // The look itself may hang, for instance on a paused server: it gets what is left of the time.
        let left = timeout.saturating_sub(started.elapsed());
        match tokio::time::timeout(left.max(FIRST_PAUSE), look())
            .await
            .map(Condition::met)
        {
            Ok(Ok(value)) => return Ok(value),
            Ok(Err(seen)) => last_seen = seen,
            Err(_) => last_seen = format!("the last look hung; before that: {last_seen}"),
        }
        if started.elapsed() >= timeout {
            anyhow::bail!("waited {timeout:?} for {what}, in vain: {last_seen}");
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 3 / 2).min(LONGEST_PAUSE);
    }
}

// === impl Condition ===

impl Condition for bool {
    type Value = ();

    fn met(self) -> Result<(), String> {
        if self {
            Ok(())
        } else {
            Err("it is not so".to_owned())
        }
    }
}

impl<T> Condition for Option<T> {
    type Value = T;

    fn met(self) -> Result<T, String> {
        self.ok_or_else(|| "there is none".to_owned())
    }
}

impl<T, E: Display> Condition for Result<T, E> {
    type Value = T;

    fn met(self) -> Result<T, String> {
        // `{:#}` prints the whole chain of an `anyhow::Error`.
        self.map_err(|error| format!("{error:#}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_failure_says_what_was_waited_for_and_what_was_seen() {
        let error = wait_for("rain", Duration::from_millis(20), async || {
            Err::<(), _>("only sun")
        })
        .await
        .unwrap_err();
        assert_eq!(error.to_string(), "waited 20ms for rain, in vain: only sun");
    }

    #[tokio::test]
    async fn a_look_that_hangs_does_not_hang_the_wait() {
        let looks = async || {
            std::future::pending::<()>().await;
            true
        };
        let error = wait_for("nothing", Duration::from_millis(20), looks)
            .await
            .unwrap_err();
        assert!(error.to_string().contains("hung"), "{error}");
    }

    #[tokio::test]
    async fn it_returns_what_the_condition_found() {
        let mut looks = 0;
        let found = wait_for("the third look", Duration::from_secs(5), async || {
            looks += 1;
            (looks == 3).then_some(looks)
        })
        .await
        .unwrap();
        assert_eq!(found, 3);
    }
}
