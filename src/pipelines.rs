//! The pipelines that this program knows: the only file that names all of them.

mod batches;
#[cfg(feature = "kafka")]
mod products;

#[cfg(test)]
pub(crate) use batches::PANELS as BATCHES_PANELS;
pub use batches::{Settings as BatchesSettings, alert_rules as batches_alert_rules};

use crate::pipeline::Pipeline;
use std::sync::OnceLock;

/// Those that are part of the program, one line each.
static OURS: &[&dyn Pipeline] = &[
    &batches::Batches,
    #[cfg(feature = "kafka")]
    &products::Products,
];

/// Those of a program that brings more.
static MORE: OnceLock<&'static [&'static dyn Pipeline]> = OnceLock::new();

/// What runs where `PIPELINES` is not set.
pub(crate) const DEFAULT: &str = "batches";

/// Every pipeline there is.
pub(crate) fn all() -> impl Iterator<Item = &'static dyn Pipeline> {
    let more = MORE.get().copied().unwrap_or_default();
    OURS.iter().chain(more).copied()
}

/// Adds pipelines to those of the program, before anything reads its settings. Only the first call counts.
pub fn with(more: &'static [&'static dyn Pipeline]) {
    let _ = MORE.set(more);
}
