//! What the tests of alerts share, and the tests of more than one file.

mod delivery;
mod findings;
mod state;

use super::{
    notice::{Kind, Notice},
    outbox::Waiting,
    rule::Rule,
    snapshot::Snapshot,
    watch::Origin,
};
use millrace_batches::recent::{Happened, ItemCounts};
use millrace_postgres::PoolStatus;
use std::time::Duration;

pub(super) fn origin() -> Origin {
    Origin {
        name: "mq/analytics.data.collected".to_owned(),
        replica: "millrace@host/1".to_owned(),
    }
}

pub(super) fn notice(rule: Rule, kind: Kind) -> Notice {
    Notice {
        rule,
        kind,
        since: "2026-01-02T03:04:05Z".parse().unwrap(),
        at: "2026-01-02T03:09:15Z".parse().unwrap(),
        lasted: Duration::from_secs(310),
        value: None,
        threshold: None,
        summary: "as the rule found it".to_owned(),
    }
}

/// Notices as they wait, even several about one rule.
pub(super) fn waiting(notices: impl IntoIterator<Item = Notice>) -> Vec<Waiting> {
    let numbered = (1..).zip(notices);
    numbered
        .map(|(number, notice)| Waiting { number, notice })
        .collect()
}

/// A pipeline at work, with nothing wrong.
fn calm() -> Snapshot {
    Snapshot {
        broker: Ok(()),
        object_store: Ok(()),
        database: Ok(()),
        pool: PoolStatus {
            max_size: 30,
            size: 2,
            available: 1,
            waiting: 0,
        },
        minute: happened(20, &[("tiktok", items(990, 10))]),
        five_minutes: happened(100, &[("tiktok", items(4_950, 50))]),
        before: items(11_880, 120),
        before_seen: Duration::from_secs(12 * 60),
    }
}

fn items(success: u64, error: u64) -> ItemCounts {
    ItemCounts {
        success,
        error,
        rejected: 0,
    }
}

/// So many stored events of a second each, and these items.
fn happened(stored: u64, items: &[(&'static str, ItemCounts)]) -> Happened {
    let mut happened = Happened {
        stored,
        items: items.iter().copied().collect(),
        ..Happened::default()
    };
    for _ in 0..stored {
        happened.latency.record(Duration::from_secs(1));
    }
    happened
}
