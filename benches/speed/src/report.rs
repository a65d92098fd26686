//! What was measured, as the JSON file holds it.

use crate::{machine::Machine, shape::Case};
use serde::{Deserialize, Serialize};

/// One run of the program.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Report {
    pub(crate) machine: Machine,
    /// Postgres was held to one core and the consumer to the other.
    pub(crate) pinned: bool,
    pub(crate) rounds: usize,
    /// Seconds of each measurement of latency; 0: none was made.
    pub(crate) latency_seconds: f64,
    pub(crate) runs: Vec<Run>,
    pub(crate) limits: Vec<Limit>,
    pub(crate) latencies: Vec<Latency>,
    pub(crate) kills: Vec<Kill>,
    pub(crate) scale: Vec<Point>,
}

/// One load through one consumer.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Run {
    pub(crate) case: Case,
    pub(crate) round: usize,
    pub(crate) contender: String,
    #[serde(flatten)]
    pub(crate) figures: Figures,
}

/// Speed and price. Where an item was delivered twice it counts once.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Figures {
    pub(crate) items: usize,
    /// Unpacked.
    pub(crate) json_bytes_per_item: f64,
    /// From the moment the consumer may begin to the last commit.
    pub(crate) seconds: f64,
    pub(crate) items_per_second: f64,
    pub(crate) rows_per_second: f64,
    /// Processor time of the consumer's processes.
    pub(crate) cpu_us_per_item: f64,
    pub(crate) postgres_us_per_item: f64,
    pub(crate) wal_bytes_per_item: f64,
    /// Of the consumer's processes together.
    pub(crate) peak_mib: f64,
}

/// What bounds a load from above.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Limit {
    pub(crate) case: Case,
    pub(crate) round: usize,
    pub(crate) name: String,
    pub(crate) items_per_second: f64,
    /// Of Postgres for `COPY`, of one thread of ours for `parse`; none where several share a process.
    pub(crate) cpu_us_per_item: Option<f64>,
    pub(crate) wal_bytes_per_item: Option<f64>,
}

/// Events at a fixed rate, whatever becomes of them.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Latency {
    pub(crate) case: Case,
    pub(crate) contender: String,
    /// Of the consumer's own peak.
    pub(crate) percent: usize,
    pub(crate) items_per_second: f64,
    pub(crate) events: usize,
    /// From the moment an event was due to its commit.
    pub(crate) p50_ms: f64,
    pub(crate) p99_ms: f64,
    /// From the start of the process to the first commit.
    pub(crate) first_row_ms: f64,
}

/// What a SIGKILL in the middle of a load left.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Kill {
    pub(crate) contender: String,
    pub(crate) events: usize,
    pub(crate) stored_before: usize,
    /// Posts and comments that never came.
    pub(crate) lost_rows: i64,
    /// Posts that were written again after their event was in the ledger.
    pub(crate) doubled_rows: i64,
}

/// The cost of an item at one place of an axis.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Point {
    pub(crate) axis: String,
    /// As people write it: `60 MB`.
    pub(crate) at: String,
    pub(crate) x: f64,
    #[serde(flatten)]
    pub(crate) figures: Figures,
    /// Of all indexes, for each post in the tables.
    pub(crate) index_bytes_per_item: f64,
}

/// The middle one.
pub(crate) fn median(values: impl IntoIterator<Item = f64>) -> Option<f64> {
    let mut values: Vec<_> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}

/// The value below which so many of a hundred lie.
pub(crate) fn percentile(sorted: &[f64], percent: f64) -> f64 {
    let position = (percent / 100.0 * sorted.len() as f64).ceil() as usize;
    sorted
        .get(position.saturating_sub(1))
        .copied()
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_of_the_nearest_rank() {
        let values: Vec<_> = (1..=200).map(f64::from).collect();
        assert_eq!(percentile(&values, 50.0), 100.0);
        assert_eq!(percentile(&values, 99.0), 198.0);
        assert_eq!(percentile(&values[..3], 99.0), 3.0);
    }

    #[test]
    fn nothing_has_no_median() {
        assert_eq!(median([]), None);
        assert_eq!(median([3.0, 1.0, 2.0]), Some(2.0));
    }
}
