//! What the archive needs to know.

use std::time::Duration;

/// How events become objects, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArchiveSettings {
    /// One object for many events, or for each.
    pub layout: Layout,
    /// In front of every key; with a `/` at its end, or empty.
    pub prefix: String,
    /// How long after its end an hour is flushed.
    pub grace: Duration,
    /// How long what comes after that may gather.
    pub late: Duration,
    /// Bytes of records at which a file is planned before the time.
    pub file_bytes: u64,
    /// Events at which a file is planned before the time.
    pub file_events: u64,
    /// An hour that is closed gets an object that says so.
    pub close_marker: bool,
}

/// How events become objects.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Layout {
    /// A compressed file of lines.
    #[default]
    Hourly,
    /// An object for each event, as it was sent.
    PerEvent,
}

// === impl ArchiveSettings ===

impl Default for ArchiveSettings {
    fn default() -> Self {
        const MINUTE: u64 = 60;
        Self {
            layout: Layout::default(),
            prefix: String::new(),
            grace: Duration::from_secs(5 * MINUTE),
            late: Duration::from_secs(60 * MINUTE),
            file_bytes: 64 << 20,
            file_events: 100_000,
            close_marker: false,
        }
    }
}

// === impl Layout ===

impl Layout {
    /// As `ARCHIVE_LAYOUT` names it.
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "hourly" => Some(Self::Hourly),
            "per-event" => Some(Self::PerEvent),
            _ => None,
        }
    }
}
