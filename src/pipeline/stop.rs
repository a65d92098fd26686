//! Signals that stop the program.

use millrace_actors::supervision::Drain;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing::{info, warn};

/// The first SIGTERM or SIGINT drains; a second one leaves at once. What is then unfinished stays
/// unacknowledged and is delivered again.
pub(super) async fn on_signal(drain: Drain) {
    let (Ok(terminate), Ok(interrupt)) = (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
    else {
        return warn!("cannot listen for signals; SIGTERM will end the process without a drain");
    };
    let mut signals = Signals { terminate, interrupt };
    let first = signals.next().await;
    info!(
        signal = first.0,
        "stopping: finishing what is in flight; a second signal leaves at once"
    );
    drain.order();
    let (name, number) = signals.next().await;
    warn!(signal = name, "second signal: leaving at once");
    std::process::exit(128 + number);
}

struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

// === impl Signals ===

impl Signals {
    async fn next(&mut self) -> (&'static str, i32) {
        tokio::select! {
            _ = self.terminate.recv() => ("SIGTERM", SignalKind::terminate().as_raw_value()),
            _ = self.interrupt.recv() => ("SIGINT", SignalKind::interrupt().as_raw_value()),
        }
    }
}
