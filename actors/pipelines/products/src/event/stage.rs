//! The check as a stage: chunks in, checked chunks out.

use super::{CheckMetrics, Checked, Limits};
use crate::messages::CheckedChunk;
use millrace_engine::{Fault, Messages, Transform, failpoints, trace};
use millrace_kafka::{Care, Chunk};

/// A record of a chunk is about to be read; the subject is its key. One that is not to be read does not get here.
pub const CHECK_RECORD: failpoints::Point = failpoints::Point("products.check");

/// Reads the records of chunks.
#[derive(Clone, Debug)]
pub struct Checker {
    limits: Limits,
    metrics: CheckMetrics,
}

// === impl Checker ===

impl Checker {
    /// Reads within these limits.
    pub fn new(limits: Limits, metrics: CheckMetrics) -> Self {
        Self { limits, metrics }
    }
}

impl Transform for Checker {
    type In = Chunk;
    type Made = Checked;
    type Out = CheckedChunk;

    const VERB: &'static str = "check";

    async fn run(&mut self, chunk: &Chunk) -> Result<Checked, Fault> {
        if chunk.care != Care::Reject {
            for record in &chunk.records {
                let key = record
                    .key
                    .as_deref()
                    .and_then(|key| std::str::from_utf8(key).ok());
                failpoints::reached(CHECK_RECORD, key.unwrap_or_default());
            }
        }
        let checked = Checked::new(chunk, &self.limits);
        self.metrics.observe(&chunk.partition.topic, &checked.counts);
        trace::note("messaging.batch.message_count", trace::count(chunk.records.len()));
        Ok(checked)
    }

    fn finish(chunk: Chunk, checked: Checked) -> Messages<CheckedChunk> {
        checked.put_together(chunk).into()
    }
}
