//! The lines about failed actors.

use super::{ActorId, Affected, Cause, lifecycle::Decision};
use tracing::{debug, error, warn};

/// One line for each event that a failed actor held, and one where it held none. Of an outage that
/// goes on, only the `first` failure is news. Giving up is one more line.
pub(crate) fn announce(
    child: ActorId,
    cause: &Cause,
    affected: &[Affected],
    restarts: u64,
    decision: Decision,
    first: bool,
) {
    let (kind, pipeline) = (cause.label(), child.pipeline);
    let (delay_ms, next) = match decision {
        Decision::Restart { after } => (
            Some(u64::try_from(after.as_millis()).unwrap_or(u64::MAX)),
            "restarting",
        ),
        Decision::GiveUp => (None, "giving up"),
    };
    if !first && matches!(cause, Cause::Outage { .. }) {
        return debug!(pipeline, actor = %child, cause = kind, error = %cause, restarts, delay_ms, "actor still fails");
    }
    if affected.is_empty() && delay_ms.is_some() {
        error!(pipeline, actor = %child, cause = kind, error = %cause, restarts, delay_ms, "actor failed; restarting");
    }
    for Affected { subject, span, fate } in affected {
        let _entered = span.enter();
        warn!(
            pipeline, actor = %child, event_id = %subject, fate = fate.as_str(), cause = kind, error = %cause, restarts, delay_ms,
            "actor failed while it held this event; {next}"
        );
    }
    if decision == Decision::GiveUp {
        error!(pipeline, actor = %child, cause = kind, error = %cause, restarts, "actor cannot go on; giving up and draining");
    }
}
