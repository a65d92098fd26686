//! What happened, for a person.

use std::collections::BTreeMap;

use anyhow::Context;
use indicatif::{BinaryBytes, HumanCount};
use millrace_stack::{Metrics, Service, Tenant};
use tokio_postgres::Client;

use crate::account::{Account, DEAD_LETTERS};
use crate::corpus::Load;

const TABLES: [&str; 6] = [
    "post_analytics",
    "authors",
    "comments",
    "crawl_errors",
    "rejected_items",
    "ingested_batches",
];
const LATENCY: &str = "analytics_event_processing_duration_seconds";
/// More dead letters than this are not looked at one by one.
const PEEK_LIMIT: usize = 1_000;

/// All figures, gathered once the work is done.
pub(crate) struct Summary {
    load: Load,
    account: Account,
    rows: Vec<(String, u64)>,
    errors: Vec<(String, u64)>,
    dead_letters: BTreeMap<String, u64>,
    /// From the first event's arrival to the last commit.
    seconds: f64,
    metrics: Metrics,
    memory_kib: Option<u64>,
    peak_memory_kib: Option<u64>,
}

// === impl Summary ===

impl Summary {
    pub(crate) async fn gather(
        tenant: &Tenant<'_>,
        service: &Service,
        load: &Load,
        account: &Account,
    ) -> anyhow::Result<Self> {
        let database = tenant.connect_postgres().await?;
        Ok(Self {
            load: load.clone(),
            account: account.clone(),
            rows: rows(&database).await?,
            errors: errors(&database).await?,
            dead_letters: dead_letters(tenant).await?,
            seconds: working_seconds(&database).await?,
            metrics: service.metrics().await?,
            memory_kib: service.memory_kib("VmRSS"),
            peak_memory_kib: service.memory_kib("VmHWM"),
        })
    }

    pub(crate) fn print(&self) {
        self.print_events();
        print_counts("Rows", &self.rows);
        print_counts("Crawl errors by category", &self.errors);
        let dead_letters: Vec<(String, u64)> = self.dead_letters.clone().into_iter().collect();
        print_counts("Dead letters by reason", &dead_letters);
        self.print_unexpected();
        self.print_speed();
    }

    fn print_events(&self) {
        let (load, account) = (&self.load, &self.account);
        println!("\nEvents");
        print_line("published", &count(load.messages()));
        print_line("stored", &count(account.stored));
        print_line(
            "duplicates",
            &format!("{} (acknowledged, changed nothing)", count(account.duplicates)),
        );
        print_line("dead letters", &count(account.dead_letters));
        let missing = i128::from(account.messages) - i128::from(account.done());
        let outcome = if missing == 0 {
            "all accounted for".to_owned()
        } else {
            format!("{missing} NOT ACCOUNTED FOR")
        };
        print_line("", &outcome);
        println!("Corpus");
        print_line("items", &count(load.items));
        print_line(
            "objects",
            &format!("{}, {}", count(load.objects), BinaryBytes(load.bytes)),
        );
    }

    /// The corpus knows which dead letters it asks for.
    fn print_unexpected(&self) {
        if self.dead_letters != self.load.expected_dead_letters {
            println!("  but these were expected: {:?}", self.load.expected_dead_letters);
        }
    }

    fn print_speed(&self) {
        println!("Speed");
        if let Some(first) = self.account.first_row_after {
            print_line(
                "first rows after",
                &format!("{:.1} s, servers included", first.as_secs_f64()),
            );
        }
        #[expect(clippy::cast_precision_loss, reason = "for people")]
        let items_per_second = self.account.items as f64 / self.seconds.max(0.001);
        print_line(
            "items/s",
            &format!("{items_per_second:.0} over {:.1} s", self.seconds),
        );
        for (name, quantile) in [("latency p50", 0.5), ("latency p99", 0.99)] {
            let latency = self.metrics.quantile(LATENCY, quantile);
            print_line(
                name,
                &latency.map_or("unknown".to_owned(), |seconds| format!("{:.0} ms", seconds * 1e3)),
            );
        }
        let memory =
            |kib: Option<u64>| kib.map_or("unknown".to_owned(), |kib| BinaryBytes(kib * 1024).to_string());
        print_line(
            "memory",
            &format!(
                "{}, at most {}",
                memory(self.memory_kib),
                memory(self.peak_memory_kib)
            ),
        );
    }
}

async fn rows(database: &Client) -> anyhow::Result<Vec<(String, u64)>> {
    let mut rows = Vec::new();
    for table in TABLES {
        let row = database
            .query_one(&format!("SELECT count(*) FROM {table}"), &[])
            .await;
        let row = row.with_context(|| format!("cannot count {table}"))?;
        rows.push((table.to_owned(), row.get::<_, i64>(0).cast_unsigned()));
    }
    Ok(rows)
}

async fn errors(database: &Client) -> anyhow::Result<Vec<(String, u64)>> {
    let sql =
        "SELECT error_category, sum(occurrences)::bigint FROM crawl_errors GROUP BY 1 ORDER BY 2 DESC, 1";
    let rows = database
        .query(sql, &[])
        .await
        .context("cannot count the crawl errors")?;
    Ok(rows
        .iter()
        .map(|row| (row.get(0), row.get::<_, i64>(1).cast_unsigned()))
        .collect())
}

async fn dead_letters(tenant: &Tenant<'_>) -> anyhow::Result<BTreeMap<String, u64>> {
    let mut reasons = BTreeMap::new();
    for message in tenant.peek(DEAD_LETTERS, PEEK_LIMIT).await? {
        let reason = message
            .header("x-millrace-reason")
            .unwrap_or_else(|| "without a reason".to_owned());
        *reasons.entry(reason).or_default() += 1;
    }
    Ok(reasons)
}

async fn working_seconds(database: &Client) -> anyhow::Result<f64> {
    let sql = "SELECT coalesce(extract(epoch FROM max(committed_at) - min(received_at)), 0)::float8 FROM ingested_batches";
    Ok(database
        .query_one(sql, &[])
        .await
        .context("cannot read the ledger's times")?
        .get(0))
}

fn print_counts(title: &str, counts: &[(String, u64)]) {
    println!("{title}");
    if counts.is_empty() {
        print_line("none", "");
    }
    for (name, number) in counts {
        print_line(name, &count(*number));
    }
}

fn print_line(name: &str, value: &str) {
    println!("  {name:<24} {value}");
}

fn count(number: u64) -> String {
    HumanCount(number).to_string()
}
