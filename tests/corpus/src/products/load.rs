//! Sends a corpus as producers would.

use super::{Expectation, ProductRecord, Products};
use futures_util::future::try_join_all;
use serde::Serialize;
use std::{collections::BTreeMap, future::Future, time::Duration};

/// Where records go.
pub trait Send: Sync {
    /// Sends one record; done when it is safe with the broker.
    fn send(&self, record: ProductRecord) -> impl Future<Output = anyhow::Result<()>> + std::marker::Send;
}

/// What was sent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ProductsSummary {
    /// Records, of whatever kind.
    pub records: usize,
    /// Bytes of their values.
    pub bytes: u64,
    /// Events that must be stored.
    pub events: usize,
    /// Records with the id of one of them.
    pub repeated: usize,
    /// Records without a value.
    pub tombstones: usize,
    /// Records by the reason for which they must be rejected.
    pub expected_rejected: BTreeMap<&'static str, usize>,
}

/// Records on their way at one time. Those of one product stay in their order: the broker gets them in the order of
/// sending.
const AT_ONCE: usize = 500;

/// Sends all records. `progress` hears of each.
///
/// # Errors
/// The first record that could not be sent.
pub async fn load<S: Send>(
    records: Products,
    per_second: Option<u32>,
    to: &S,
    progress: impl Fn(),
) -> anyhow::Result<ProductsSummary> {
    let mut summary = ProductsSummary::default();
    let mut pace = per_second.map(|rate| tokio::time::interval(Duration::from_secs(1) / rate.max(1)));
    let mut records = records.peekable();
    while records.peek().is_some() {
        let mut sent = Vec::new();
        for record in records.by_ref().take(if pace.is_some() { 1 } else { AT_ONCE }) {
            summary.count(&record);
            progress();
            sent.push(to.send(record));
        }
        if let Some(pace) = &mut pace {
            pace.tick().await;
        }
        try_join_all(sent).await?;
    }
    Ok(summary)
}

// === impl ProductsSummary ===

impl ProductsSummary {
    fn count(&mut self, record: &ProductRecord) {
        self.records += 1;
        self.bytes += record.value.as_ref().map_or(0, |value| value.len() as u64);
        match record.expectation {
            Expectation::Stored => self.events += 1,
            Expectation::Repeated => self.repeated += 1,
            Expectation::Skipped => self.tombstones += 1,
            Expectation::Rejected(reason) => *self.expected_rejected.entry(reason).or_default() += 1,
        }
    }
}
