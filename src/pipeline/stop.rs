//! Signals that stop the program.

use millrace_actors::supervision::Drain;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing::{info, warn};

/// The signals that stop the program. From the moment they are listened to, they no longer end the
/// process by themselves; so that is done first of all.
pub(super) struct StopSignals {
    terminate: Signal,
    interrupt: Signal,
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
