//! Records on their way through the pipeline, and what must come of them.

use crate::mix::{Mixed, PARTITIONS, TYPES};
use millrace_oracle::products::{Actual, ProductSettings, SentRecord, compare, expect, report};
use millrace_stack::{Kafka, Sent, Service, Stack, Tenant, wait_for};
use std::{path::Path, time::Duration};

pub(crate) const PATIENCE: Duration = Duration::from_secs(180);

/// Topics, a group and a database of one test, and what was sent.
pub(crate) struct Trial<'s> {
    pub(crate) kafka: &'static Kafka,
    pub(crate) tenant: Tenant<'s>,
    pub(crate) topics: Vec<String>,
    pub(crate) group: String,
    pub(crate) sent: Vec<SentRecord>,
}

pub(crate) fn millrace() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_millrace"))
}

// === impl Trial ===

impl<'s> Trial<'s> {
    /// On these servers, and the broker that all tests share.
    pub(crate) async fn on(stack: &'s Stack, name: &str) -> Self {
        let kafka = Kafka::shared().await;
        let tenant = stack.tenant(name).await.unwrap();
        let mut topics = Vec::new();
        for kind in TYPES {
            let topic = kafka.name(&format!("{name}-{kind}"));
            kafka.create_topic(&topic, PARTITIONS, &[]).await.unwrap();
            topics.push(topic);
        }
        Self {
            group: kafka.name(name),
            kafka,
            tenant,
            topics,
            sent: Vec::new(),
        }
    }

    /// Runs a command that reads this trial, to its end.
    pub(crate) async fn command(&self, args: &[&str]) -> std::process::Output {
        let (brokers, topics) = (self.kafka.brokers(), self.topics.join(","));
        let settings = [
            ("PIPELINES", "products"),
            ("KAFKA_BROKERS", brokers.as_str()),
            ("KAFKA_TOPICS", topics.as_str()),
            ("KAFKA_GROUP_ID", self.group.as_str()),
        ];
        self.tenant.command(millrace(), args, &settings).await.unwrap()
    }

    /// Starts a replica with these settings, beside what makes it read this trial.
    pub(crate) fn replica(&self, more: &[(&str, &str)]) -> Service {
        let (brokers, topics) = (self.kafka.brokers(), self.topics.join(","));
        let settings = [
            ("PIPELINES", "products"),
            ("KAFKA_BROKERS", brokers.as_str()),
            ("KAFKA_TOPICS", topics.as_str()),
            ("KAFKA_GROUP_ID", self.group.as_str()),
            ("CHUNK_MAX_RECORDS", "40"),
            ("KAFKA_SESSION_TIMEOUT_MS", "6000"),
            ("KAFKA_HEARTBEAT_INTERVAL_MS", "1000"),
            ("KAFKA_REBALANCE_TIMEOUT_MS", "10000"),
            ("ARCHIVE_BUCKET_NAME", self.tenant.bucket()),
        ];
        let settings = [&settings[..], more].concat();
        self.tenant.service(millrace(), &settings).unwrap()
    }

    /// Sends records in their order within each topic, and remembers where they are.
    pub(crate) async fn send(&mut self, records: &[Mixed]) {
        for (index, topic) in self.topics.iter().enumerate() {
            let of_topic = records.iter().filter(|(kind, _)| *kind == index);
            let of_topic: Vec<Sent> = of_topic.map(|(_, sent)| sent.clone()).collect();
            let places = self.kafka.produce(topic, &of_topic).await.unwrap();
            let placed = of_topic.into_iter().zip(places);
            self.sent.extend(placed.map(|(sent, (partition, offset))| {
                SentRecord {
                    topic: topic.clone(),
                    partition,
                    offset,
                    timestamp: sent
                        .timestamp
                        .and_then(|at| jiff::Timestamp::from_millisecond(at).ok()),
                    key: sent.key,
                    value: sent.value,
                    headers: sent.headers,
                }
            }));
        }
    }

    /// Waits until every row of every table is as the oracle computes it from what was sent.
    pub(crate) async fn comes_true(&self, replicas: &[&Service]) {
        self.compared(replicas, &[]).await;
    }

    /// The same where something beside what was sent was counted.
    pub(crate) async fn comes_true_but_for_counts(&self, replicas: &[&Service]) {
        self.compared(replicas, &["product_stats"]).await;
    }

    /// Makes as if records with this key had not been sent.
    pub(crate) fn forget_key(&mut self, key: &[u8]) {
        self.sent.retain(|record| record.key.as_deref() != Some(key));
    }

    async fn compared(&self, replicas: &[&Service], without: &[&str]) {
        let expected = expect(self.sent.clone(), &ProductSettings::now());
        assert!(expected.events() > 0 && expected.duplicates() > 0, "{expected:?}");
        let database = self.tenant.connect_postgres().await.unwrap();
        let compared = wait_for("all rows as computed", PATIENCE, async || {
            let mut differences = compare(&expected, &Actual::read(&database).await?);
            differences.retain(|difference| !without.contains(&difference.table));
            anyhow::ensure!(differences.is_empty(), "{}", report(&differences));
            Ok(())
        });
        if let Err(error) = compared.await {
            let logs = replicas.iter().flat_map(|replica| replica.lines());
            let logs: Vec<_> = logs.filter(|line| !line.contains("DEBUG")).collect();
            let last = logs.len().saturating_sub(60);
            panic!("{error:#}\n{}", logs[last..].join("\n"));
        }
        // Each event waits for the archive, or is in one of its files.
        let archived = "SELECT (SELECT count(*) FROM archive_pending JOIN product_events USING (event_id, received_on)) \
            + (SELECT coalesce(sum(events), 0)::bigint FROM archive_files), (SELECT count(*) FROM product_events)";
        let row = database.query_one(archived, &[]).await.unwrap();
        let (archived, events): (i64, i64) = (row.get(0), row.get(1));
        assert_eq!(archived, events);
    }

    /// How many events are stored.
    pub(crate) async fn stored(&self, database: &tokio_postgres::Client) -> i64 {
        let count = database
            .query_one("SELECT count(*) FROM product_events", &[])
            .await;
        count.map_or(0, |row| row.get(0))
    }

    /// Waits until more than so many events are stored.
    pub(crate) async fn wait_for_more_than(&self, events: i64) {
        let database = self.tenant.connect_postgres().await.unwrap();
        wait_for("more events", PATIENCE, async || {
            let stored = self.stored(&database).await;
            anyhow::ensure!(stored > events, "{stored} events");
            Ok(())
        })
        .await
        .unwrap();
    }
}
