//! Thresholds that users may choose.

use crate::config::{Decimal, Reader, Setting, settings};

settings! { "Thresholds of alerts";
    ERROR_PERCENT: Decimal = Setting::new("ERROR_ALERT_THRESHOLD", Decimal::between(0.0, 100.0), "10", "Alert when more than this percentage of a platform's items of the last 5 minutes are no posts.");
    SPIKE_FACTOR: Decimal = Setting::new("ERROR_SPIKE_THRESHOLD", Decimal::between(1.0, 1_000_000.0), "5", "Alert when the errors of a minute are so many times what they were before.");
}

/// When to alert.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::pipelines::batches) struct Thresholds {
    /// `ERROR_ALERT_THRESHOLD`: percent of items that are no posts.
    pub(super) error_percent: f64,
    /// `ERROR_SPIKE_THRESHOLD`: errors of a minute against those of before.
    pub(super) spike_factor: f64,
}

// === impl Thresholds ===

impl Thresholds {
    /// Reads the group.
    pub(in crate::pipelines::batches) fn read(reader: &mut Reader<'_>) -> Self {
        Self {
            error_percent: reader.get(&ERROR_PERCENT),
            spike_factor: reader.get(&SPIKE_FACTOR),
        }
    }
}
