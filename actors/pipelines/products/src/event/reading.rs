//! What a record is read with: its limits, and what was odd about it.

use crate::domain::Reason;
use std::borrow::Cow;

/// Limits of one record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// `MAX_EVENT_BYTES`: longest value.
    pub max_event_bytes: usize,
    /// `MAX_JSON_DEPTH`: deepest nesting; `{}` is one deep.
    pub max_json_depth: usize,
    /// `MAX_FUTURE_MINUTES`: how far ahead of its receipt the time of an event may be.
    pub max_future_minutes: u32,
}

/// Why the time of an event is not the one that it names. One event may have several: the time of its record is looked
/// at like its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TimeFallback {
    /// It names none: that of the record counts, else its receipt.
    Missing,
    /// What it names is no time: that of the record counts, else its receipt.
    Unreadable,
    /// Too far ahead: its receipt counts.
    Future,
    /// Before 2000: its receipt counts.
    Past,
}

/// What was odd about records that were read all the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Records without a value.
    pub tombstones: u64,
    /// Events that bring no id that can be used.
    pub without_id: u64,
    /// Ids and names that U+0000 was taken out of.
    pub nuls_removed: u64,
    /// Ids and names in which half a surrogate pair was replaced.
    pub half_pairs_replaced: u64,
    /// By [`TimeFallback`], in the order of [`TimeFallback::ALL`].
    pub time_fallbacks: [u64; 4],
}

/// Why a record is no event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub reason: Reason,
    pub detail: Cow<'static, str>,
}

// === impl Limits ===

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_event_bytes: 1 << 20,
            max_json_depth: 64,
            max_future_minutes: 60,
        }
    }
}

// === impl TimeFallback ===

impl TimeFallback {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Missing, Self::Unreadable, Self::Future, Self::Past];

    /// As metrics name it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Unreadable => "unreadable",
            Self::Future => "future",
            Self::Past => "past",
        }
    }
}

// === impl Counts ===

impl Counts {
    /// Counts a time that was not taken as named.
    pub(super) fn fell_back(&mut self, kind: TimeFallback) {
        self.time_fallbacks[kind as usize] += 1;
    }
}

// === impl Refusal ===

impl Refusal {
    pub(super) fn new(reason: Reason, detail: impl Into<Cow<'static, str>>) -> Self {
        Self {
            reason,
            detail: detail.into(),
        }
    }

    /// A field that is missing, or of the wrong kind.
    pub(super) fn schema(pointer: &str, what: impl std::fmt::Display) -> Self {
        Self::new(Reason::SchemaViolation, format!("{pointer}: {what}"))
    }
}
