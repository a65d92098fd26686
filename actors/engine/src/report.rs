//! What an actor tells its supervisor, and what it is told.

use super::{ActorId, Depth, Watchdog, fault::shown};
use actix::{Message, Recipient};
use std::{fmt, sync::Arc, time::Duration};
use tracing::Span;

/// Why an actor failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cause {
    /// A dependency is down.
    Outage {
        /// Which.
        dependency: &'static str,
        /// What it said.
        detail: String,
    },
    /// The actor's own code panicked.
    Panic(String),
    /// A run of the actor's work made no progress for this long.
    Hung(Duration),
    /// The actor could not be built, or a source ended on its own, for a reason that is not an outage.
    Broken(String),
}

/// What became of an event that a failed actor held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// Kept by the actor, first in line after the restart.
    Held,
    /// Sent back to be tried again later.
    Retried,
    /// Out of reach in a blocked thread: it stays unacknowledged and is delivered again.
    Requeued,
}

/// An event that a failed actor held.
#[derive(Debug)]
pub(crate) struct Affected {
    /// The event's id.
    pub(crate) subject: Arc<str>,
    /// Its span, so that the line about it carries its fields.
    pub(crate) span: Span,
    /// What became of it.
    pub(crate) fate: Fate,
}

/// Actor → supervisor.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) enum Report {
    /// A new actor is there.
    Joined {
        /// Which.
        child: ActorId,
        /// Where it takes orders.
        control: Recipient<Rebuild>,
        /// Its mailbox.
        depth: Depth,
        /// What it works on.
        watchdog: Watchdog,
        /// Whether it is a source; the pipeline has drained once all sources have.
        source: bool,
    },
    /// The actor is built.
    Built {
        /// Which.
        child: ActorId,
        /// Whether no event waits for it.
        idle: bool,
    },
    /// The actor does its work.
    Works {
        /// Which.
        child: ActorId,
    },
    /// The actor failed and waits for [`Rebuild`].
    Failed {
        /// Which.
        child: ActorId,
        /// Why.
        cause: Cause,
        /// The events that it held.
        affected: Vec<Affected>,
    },
    /// A source has drained and will not come back.
    Drained {
        /// Which.
        child: ActorId,
    },
}

/// Supervisor → actor: build yourself anew.
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct Rebuild;

// === impl Cause ===

impl Cause {
    /// Every kind.
    pub const LABELS: [&'static str; 4] = ["outage", "panic", "hung", "broken"];

    /// The kind, as a metric label.
    pub fn label(&self) -> &'static str {
        match self {
            Self::Outage { .. } => "outage",
            Self::Panic(_) => "panic",
            Self::Hung(_) => "hung",
            Self::Broken(_) => "broken",
        }
    }

    /// A library's last words may repeat an address.
    pub(crate) fn from_panic(payload: Box<dyn std::any::Any + Send>) -> Self {
        let text = payload.downcast_ref::<&str>().map(|text| (*text).to_owned());
        let text = text.or_else(|| payload.downcast_ref::<String>().cloned());
        Self::Panic(text.map_or_else(|| "no message".to_owned(), shown))
    }

    pub(crate) fn from_fault(fault: super::Fault) -> Self {
        match fault {
            super::Fault::Outage { dependency, detail } => Self::Outage { dependency, detail },
            other => Self::Broken(other.to_string()),
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Outage { dependency, detail } => write!(f, "{dependency} unavailable: {detail}"),
            Self::Panic(text) => write!(f, "panic: {text}"),
            Self::Hung(time) => write!(f, "no progress for {} s", time.as_secs()),
            Self::Broken(text) => f.write_str(text),
        }
    }
}

// === impl Fate ===

impl Fate {
    /// The fate as it is logged.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Held => "held",
            Self::Retried => "retried",
            Self::Requeued => "requeued",
        }
    }
}
