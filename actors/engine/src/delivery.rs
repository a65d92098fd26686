//! How a message reached us.

use jiff::Timestamp;

/// How a message reached us this time.
#[derive(Clone, Debug, PartialEq)]
pub struct Delivery {
    /// When this copy arrived.
    pub received_at: Timestamp,
    /// When the first copy arrived: retried copies carry it along.
    pub first_seen: Timestamp,
    /// 1 for the first try; grows with each charged retry.
    pub attempt: u32,
    /// The producer's trace, 32 hex digits, where it sent one.
    pub trace_id: Option<String>,
}

// === impl Delivery ===

impl Delivery {
    /// The first one of a message that came in no trace.
    pub fn first(at: Timestamp) -> Self {
        Self {
            received_at: at,
            first_seen: at,
            attempt: 1,
            trace_id: None,
        }
    }
}
