//! When a person, or the service manager, wants us to end.

use tokio::signal::unix::{SignalKind, signal};

/// Returns at the first Ctrl-C, SIGTERM, or hang-up of the terminal.
pub async fn interrupted() -> anyhow::Result<()> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hangup = signal(SignalKind::hangup())?;
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
        _ = hangup.recv() => {}
    }
    Ok(())
}
