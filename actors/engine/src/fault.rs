//! Why a message was not handled, sorted by who is to blame.

use millrace_text::mask;

/// A failure of a stage's verb. The stage decides who is to blame where the error is born.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The event can never succeed: dead-letter it and carry on.
    #[error("{reason}: {detail}")]
    Poison {
        /// Stable code.
        reason: &'static str,
        /// What was wrong, for people.
        detail: String,
    },
    /// A dependency is down and not the event: hold it, rebuild the stage, try again.
    #[error("{dependency} unavailable: {detail}")]
    Outage {
        /// Which dependency: `rabbitmq`, `object_store`, `database`.
        dependency: &'static str,
        /// What it said.
        detail: String,
    },
    /// Trouble with this event alone that may pass: try it later, and count the attempt.
    #[error("{cause}: {detail}")]
    Transient {
        /// Short name of the trouble, for logs and metrics.
        cause: &'static str,
        /// What was wrong, for people.
        detail: String,
    },
    /// The world lags behind the event: try it later, for as long as the stage has patience.
    #[error("{cause}: {detail}")]
    Deferred {
        /// Short name of what is awaited.
        cause: &'static str,
        /// What was missing, for people.
        detail: String,
    },
}

// === impl Fault ===

impl Fault {
    /// The event's own fault.
    pub fn poison(reason: impl Into<&'static str>, detail: impl Into<String>) -> Self {
        Self::Poison {
            reason: reason.into(),
            detail: shown(detail),
        }
    }

    /// Its name among a bounded set: the reason, the dependency or the trouble.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Poison { reason, .. } => reason,
            Self::Outage { dependency, .. } => dependency,
            Self::Transient { cause, .. } | Self::Deferred { cause, .. } => cause,
        }
    }

    /// A dependency's fault.
    pub fn outage(dependency: &'static str, detail: impl Into<String>) -> Self {
        Self::Outage {
            dependency,
            detail: shown(detail),
        }
    }

    /// No fault of the event or a dependency, worth a counted retry.
    pub fn transient(cause: &'static str, detail: impl Into<String>) -> Self {
        Self::Transient {
            cause,
            detail: shown(detail),
        }
    }

    /// Too early.
    pub fn deferred(cause: &'static str, detail: impl Into<String>) -> Self {
        Self::Deferred {
            cause,
            detail: shown(detail),
        }
    }
}

/// Details go to logs, headers, pages and traces: what a dependency said may repeat an address with a login in it.
pub(super) fn shown(detail: impl Into<String>) -> String {
    let mut detail = detail.into();
    mask::mask(&mut detail);
    detail
}
