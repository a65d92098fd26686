//! Signals that stop the program.

use millrace_actors::supervision::Drain;
use std::time::Duration;
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    time::{Instant, sleep},
};
use tracing::{info, warn};

/// How long a drain waits for a dependency that is down. One that is restarted is back within it; with
/// the time to notice an outage and to leave, a stop takes less than ten seconds.
const OUTAGE_PATIENCE: Duration = Duration::from_secs(4);
/// Pause between two looks at the dependencies.
const LOOK: Duration = Duration::from_millis(250);

/// The signals that stop the program. From the moment they are listened to, they no longer end the
/// process by themselves; so that is done first of all.
pub(super) struct StopSignals {
    terminate: Signal,
    interrupt: Signal,
}

/// Cuts a drain short when a dependency stays down: what waits for it would only wait until the grace
/// period is over. `down` names such a dependency.
pub(super) async fn leave_an_outage(drain: Drain, down: impl Fn() -> Option<&'static str>) {
    drain.ordered().await;
    let mut since = None;
    loop {
        since = match (down(), since) {
            (None, _) => None,
            (Some(dependency), Some(since)) if Instant::now() >= since + OUTAGE_PATIENCE => {
                warn!(
                    dependency.name = dependency,
                    patience_s = OUTAGE_PATIENCE.as_secs_f64(),
                    "{dependency} is still down: what waits for it is left to the next delivery"
                );
                return drain.cut_short();
            }
            (Some(_), since) => Some(since.unwrap_or_else(Instant::now)),
        };
        sleep(LOOK).await;
    }
}

// === impl StopSignals ===

impl StopSignals {
    /// Listens from now on.
    pub(super) fn listen() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    /// The first SIGTERM or SIGINT drains; a second one leaves at once. What is then unfinished stays
    /// unacknowledged and is delivered again.
    pub(super) async fn obey(mut self, drain: Drain) {
        let (name, _) = self.next().await;
        info!(
            signal = name,
            "stopping: finishing what is in flight; a second signal leaves at once"
        );
        drain.order();
        let (name, number) = self.next().await;
        warn!(signal = name, "second signal: leaving at once");
        std::process::exit(128 + number);
    }

    async fn next(&mut self) -> (&'static str, i32) {
        tokio::select! {
            _ = self.terminate.recv() => ("SIGTERM", SignalKind::terminate().as_raw_value()),
            _ = self.interrupt.recv() => ("SIGINT", SignalKind::interrupt().as_raw_value()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::timeout;

    const LONG: Duration = Duration::from_secs(3_600);

    #[tokio::test(start_paused = true)]
    async fn an_outage_cuts_a_drain_short_after_some_patience() {
        let drain = Drain::default();
        tokio::spawn(leave_an_outage(drain.clone(), || Some("database")));
        assert!(
            timeout(LONG, drain.is_cut_short()).await.is_err(),
            "not without an order"
        );

        drain.order();
        let ordered = Instant::now();
        timeout(LONG, drain.is_cut_short()).await.unwrap();
        let took = ordered.elapsed();
        assert!(
            took >= OUTAGE_PATIENCE && took <= OUTAGE_PATIENCE + 2 * LOOK,
            "{took:?}"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn dependencies_that_come_back_in_time_cut_nothing_short() {
        let drain = Drain::default();
        let started = Instant::now();
        let down = move || {
            // Down for three seconds of every five.
            (started.elapsed().as_millis() % 5_000 < 3_000).then_some("object_store")
        };
        tokio::spawn(leave_an_outage(drain.clone(), down));
        drain.order();
        assert!(timeout(LONG, drain.is_cut_short()).await.is_err());
    }
}
