//! Signals that stop the program.

use millrace_engine::Drain;
use std::time::Duration;
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    time::sleep,
};
use tracing::{info, warn};

/// How long a drain waits for dependencies that are down. One that is restarted is back within it; with the time
/// to notice an outage and to say goodbye to a broker that does not answer, a stop takes less than ten seconds.
const OUTAGE_PATIENCE: Duration = Duration::from_secs(4);
/// Pause between two looks at the dependencies.
const LOOK: Duration = Duration::from_millis(250);

/// The signals that stop the program. From the moment they are listened to, they no longer end the
/// process by themselves; so that is done first of all.
pub(super) struct StopSignals {
    terminate: Signal,
    interrupt: Signal,
}

/// Cuts a drain short that has lasted for a while and finds a dependency down: what waits for it would only wait
/// until the grace period is over. `down` names such a dependency.
pub(super) async fn leave_an_outage(drain: Drain, down: impl Fn() -> Option<&'static str>) {
    drain.ordered().await;
    sleep(OUTAGE_PATIENCE).await;
    loop {
        if let Some(dependency) = down() {
            warn!(
                dependency.name = dependency,
                "{dependency} is down: what waits for it is left to the next delivery"
            );
            return drain.shorten();
        }
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
    use tokio::time::{Instant, timeout};

    const LONG: Duration = Duration::from_secs(3_600);

    #[tokio::test(start_paused = true)]
    async fn an_outage_cuts_a_drain_short_after_some_patience() {
        let drain = Drain::default();
        tokio::spawn(leave_an_outage(drain.clone(), || Some("database")));
        assert!(
            timeout(LONG, drain.shortened()).await.is_err(),
            "not without an order"
        );

        drain.order();
        let ordered = Instant::now();
        timeout(LONG, drain.shortened()).await.unwrap();
        assert!(ordered.elapsed() >= OUTAGE_PATIENCE);
    }

    #[tokio::test(start_paused = true)]
    async fn a_dependency_that_is_lost_later_does_so_at_once() {
        let drain = Drain::default();
        drain.order();
        let ordered = Instant::now();
        let down = move || (ordered.elapsed() >= 2 * OUTAGE_PATIENCE).then_some("rabbitmq");
        tokio::spawn(leave_an_outage(drain.clone(), down));
        timeout(LONG, drain.shortened()).await.unwrap();
        let took = ordered.elapsed();
        assert!(
            took >= 2 * OUTAGE_PATIENCE && took <= 2 * OUTAGE_PATIENCE + LOOK,
            "{took:?}"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn dependencies_that_come_back_in_time_cut_nothing_short() {
        let drain = Drain::default();
        let started = Instant::now();
        let down = move || (started.elapsed() < OUTAGE_PATIENCE / 2).then_some("object_store");
        tokio::spawn(leave_an_outage(drain.clone(), down));
        drain.order();
        assert!(timeout(LONG, drain.shortened()).await.is_err());
    }
}
