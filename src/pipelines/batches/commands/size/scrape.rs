//! What a running replica does, from two looks at its `/metrics`.

use crate::exit::Failure;
use anyhow::{Context, anyhow};
use std::time::Duration;
use tokio::time::{Instant, sleep};
use url::Url;

/// How long a look may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// One replica between two looks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Seen {
    /// Stored in a second.
    pub(super) items: f64,
    pub(super) items_an_event: f64,
    /// For an object; none was fetched otherwise.
    pub(super) fetch_seconds: Option<f64>,
    /// Events in flight at the two looks, the mean.
    pub(super) held: f64,
}

/// What is read of one look.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Look {
    items: f64,
    events: f64,
    fetches: f64,
    fetch_seconds: f64,
    held: f64,
}

/// Looks twice.
pub(super) async fn watch(url: &Url, pause: Duration) -> Result<Seen, Failure> {
    let (first, before) = (look(url).await.map_err(Failure::unavailable)?, Instant::now());
    sleep(pause).await;
    let (second, took) = (look(url).await.map_err(Failure::unavailable)?, before.elapsed());
    between(&first, &second, took.as_secs_f64()).map_err(Failure::usage)
}

async fn look(url: &Url) -> anyhow::Result<Look> {
    let client = reqwest::Client::builder().timeout(PATIENCE).no_proxy().build()?;
    let answer = async {
        client
            .get(url.clone())
            .send()
            .await?
            .error_for_status()?
            .text()
            .await
    };
    let text = answer.await.context("no metrics from that replica")?;
    Look::read(&text).with_context(|| format!("{url} has no metrics of millrace"))
}

fn between(first: &Look, second: &Look, seconds: f64) -> anyhow::Result<Seen> {
    let (items, events) = (second.items - first.items, second.events - first.events);
    if items < 0.0 || events < 0.0 {
        return Err(anyhow!(
            "the replica's counters went back: it was started again between the two looks, or a load balancer stands before several"
        ));
    }
    if items == 0.0 || events == 0.0 {
        return Err(anyhow!(
            "the replica stored no items in {seconds:.0} s: look while it has a backlog, or give --replica-items-per-second"
        ));
    }
    let fetches = second.fetches - first.fetches;
    Ok(Seen {
        items: items / seconds,
        items_an_event: items / events,
        fetch_seconds: (fetches > 0.0).then(|| (second.fetch_seconds - first.fetch_seconds) / fetches),
        held: f64::midpoint(first.held, second.held),
    })
}

// === impl Look ===

impl Look {
    fn read(text: &str) -> Option<Self> {
        Some(Self {
            items: sum(text, "analytics_items_processed_total").unwrap_or_default(),
            events: sum(text, "analytics_events_processed_total")?,
            fetches: sum(text, "analytics_batch_fetch_duration_seconds_count").unwrap_or_default(),
            fetch_seconds: sum(text, "analytics_batch_fetch_duration_seconds_sum").unwrap_or_default(),
            held: sum(text, "analytics_inflight_events")?,
        })
    }
}

/// Over all labels; none where there is no such series.
fn sum(text: &str, name: &str) -> Option<f64> {
    let value = |line: &str| {
        let rest = line.strip_prefix(name)?;
        // No value of a label of these holds a brace.
        let value = match rest.strip_prefix('{') {
            Some(labels) => labels.split_once('}')?.1,
            None => rest.strip_prefix(' ')?,
        };
        value.split_whitespace().next()?.parse::<f64>().ok()
    };
    let mut values = text.lines().filter_map(value).peekable();
    values.peek()?;
    Some(values.sum())
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: &str = "# TYPE analytics_items_processed_total counter\n\
        analytics_items_processed_total{platform=\"tiktok\",status=\"success\"} 100\n\
        analytics_items_processed_total{platform=\"youtube\",status=\"error\"} 20\n\
        analytics_events_processed_total{platform=\"tiktok\"} 3\n\
        analytics_batch_fetch_duration_seconds_sum 1.5\n\
        analytics_batch_fetch_duration_seconds_count 30\n\
        analytics_inflight_events 34\n";

    fn look(items: f64, events: f64) -> Look {
        Look {
            items,
            events,
            fetches: 30.0,
            fetch_seconds: 1.5,
            held: 34.0,
        }
    }

    #[test]
    fn a_look_sums_over_labels() {
        assert_eq!(Look::read(FIRST), Some(look(120.0, 3.0)));
        assert_eq!(Look::read("up 1\n"), None);
    }

    #[test]
    fn two_looks_make_a_rate() {
        let later = Look {
            fetches: 50.0,
            fetch_seconds: 2.1,
            held: 20.0,
            ..look(2_120.0, 43.0)
        };
        let seen = between(&look(120.0, 3.0), &later, 10.0).unwrap();
        assert_eq!((seen.items, seen.items_an_event, seen.held), (200.0, 50.0, 27.0));
        assert!((seen.fetch_seconds.unwrap() - 0.03).abs() < 1e-9);
    }

    #[test]
    fn a_replica_that_did_nothing_or_was_replaced_says_so() {
        let idle = between(&look(120.0, 3.0), &look(120.0, 3.0), 10.0).unwrap_err();
        assert!(idle.to_string().contains("no items"), "{idle}");
        let replaced = between(&look(120.0, 3.0), &look(50.0, 1.0), 10.0).unwrap_err();
        assert!(replaced.to_string().contains("went back"), "{replaced}");
    }
}
