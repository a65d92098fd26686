//! One thing that goes wrong.

use std::fmt;
use std::time::Duration;

use serde::Serialize;

/// What goes wrong, with which part, when and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Fault {
    /// Milliseconds since the first fault could have been.
    pub at_ms: u64,
    /// What.
    pub kind: Kind,
    /// With which part.
    pub target: Target,
    /// Milliseconds until it is mended; a server takes some time more to come back.
    pub duration_ms: u64,
}

/// The part that a fault is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// The broker.
    Rabbitmq,
    /// The database.
    Postgres,
    /// The object storage.
    Objects,
    /// This replica of the product.
    Millrace(usize),
}

/// What can go wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Open connections are reset.
    Cut,
    /// Open connections are reset every second: each session has just begun when it ends.
    Flap,
    /// Open connections are reset and new ones refused.
    Refuse,
    /// The network swallows everything.
    BlackHole,
    /// So many bytes a second get through.
    Trickle(u32),
    /// Everything arrives so many milliseconds later.
    Latency(u32),
    /// SIGKILL, then a start.
    Kill,
    /// An orderly stop (SIGTERM for the product), then a start.
    Stop,
    /// SIGSTOP, then SIGCONT.
    Pause,
    /// An operator closes all AMQP connections.
    CloseConnections,
    /// An operator deletes a retry queue while it is empty.
    DeleteRetryQueue,
    /// The broker's password for the product is changed, and later changed back.
    RotatePassword,
    /// An operator ends all sessions of the product in the database.
    TerminateBackends,
    /// The database takes no writes.
    ReadOnly,
    /// Another session holds a lock on the largest table.
    LockTable,
    /// Another session holds locks on a few rows that many batches write.
    LockRows,
    /// What answers instead of the store is an ingress without a route.
    StrayPages,
    /// The dead-letter queue takes nothing more.
    FullDeadLetters,
    /// Messages come whose properties are no text where they should be.
    UndecodableMessages,
}

// === impl Fault ===

impl Fault {
    /// When, since the start.
    pub fn at(&self) -> Duration {
        Duration::from_millis(self.at_ms)
    }

    /// For how long.
    pub fn duration(&self) -> Duration {
        Duration::from_millis(self.duration_ms)
    }

    /// Whether it happens on the way to the server, not to the server itself.
    pub fn is_on_the_way(&self) -> bool {
        matches!(
            self.kind,
            Kind::Cut
                | Kind::Flap
                | Kind::Refuse
                | Kind::BlackHole
                | Kind::Trickle(_)
                | Kind::Latency(_)
                | Kind::StrayPages
        )
    }

    /// Whether the product cannot use the target at all while it lasts.
    pub fn is_an_outage(&self) -> bool {
        matches!(
            self.kind,
            Kind::Refuse
                | Kind::BlackHole
                | Kind::Kill
                | Kind::Stop
                | Kind::Pause
                | Kind::ReadOnly
                | Kind::StrayPages
        )
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (at, target, kind) = (self.at().as_secs_f64(), self.target, self.kind);
        write!(f, "{at:8.1} s  {target:<10} {kind}")?;
        if self.duration_ms > 0 {
            write!(f, " for {:.1} s", self.duration().as_secs_f64())?;
        }
        Ok(())
    }
}

// === impl Target ===

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rabbitmq => f.pad("rabbitmq"),
            Self::Postgres => f.pad("postgres"),
            Self::Objects => f.pad("objects"),
            Self::Millrace(index) => f.pad(&format!("millrace {}", index + 1)),
        }
    }
}

// === impl Kind ===

impl Kind {
    /// Its name, without figures.
    pub fn name(self) -> &'static str {
        match self {
            Self::Cut => "cut",
            Self::Flap => "flap",
            Self::Refuse => "refuse",
            Self::BlackHole => "black hole",
            Self::Trickle(_) => "trickle",
            Self::Latency(_) => "latency",
            Self::Kill => "kill",
            Self::Stop => "stop",
            Self::Pause => "pause",
            Self::CloseConnections => "close connections",
            Self::DeleteRetryQueue => "delete retry queue",
            Self::RotatePassword => "rotate password",
            Self::TerminateBackends => "terminate backends",
            Self::ReadOnly => "read only",
            Self::LockTable => "lock table",
            Self::LockRows => "lock rows",
            Self::StrayPages => "stray pages",
            Self::FullDeadLetters => "full dead letters",
            Self::UndecodableMessages => "undecodable messages",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Trickle(rate) => write!(f, "trickle of {rate} bytes/s"),
            Self::Latency(ms) => write!(f, "latency of {ms} ms"),
            other => f.write_str(other.name()),
        }
    }
}
