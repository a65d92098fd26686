//! Why a record is rejected.

use std::fmt;

/// As `rejected_events`, metrics and dead letters name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// No JSON object in UTF-8.
    MalformedEvent,
    /// Framed for a schema registry, or in another encoding.
    UnsupportedEncoding,
    /// None of the four.
    UnsupportedEventType,
    /// A major version that is not 1.
    UnsupportedVersion,
    /// A field is missing or of the wrong kind.
    SchemaViolation,
    /// Above `MAX_EVENT_BYTES`.
    EventTooLarge,
    /// Nested deeper than `MAX_JSON_DEPTH`.
    TooDeep,
    /// The database refuses its row.
    RowRefused,
    /// A stage or a process died of it.
    KilledWorker,
}

// === impl Reason ===

impl Reason {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::MalformedEvent,
        Self::UnsupportedEncoding,
        Self::UnsupportedEventType,
        Self::UnsupportedVersion,
        Self::SchemaViolation,
        Self::EventTooLarge,
        Self::TooDeep,
        Self::RowRefused,
        Self::KilledWorker,
    ];

    /// Its name outside.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::MalformedEvent => "malformed_event",
            Self::UnsupportedEncoding => "unsupported_encoding",
            Self::UnsupportedEventType => "unsupported_event_type",
            Self::UnsupportedVersion => "unsupported_version",
            Self::SchemaViolation => "schema_violation",
            Self::EventTooLarge => "event_too_large",
            Self::TooDeep => "too_deep",
            Self::RowRefused => "row_refused",
            Self::KilledWorker => "killed_worker",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
