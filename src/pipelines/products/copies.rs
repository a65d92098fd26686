//! Copies of rejected records, sent beside the way through.

use super::{settings::Settings, stages::Schema};
use crate::pipeline::replica_name;
use actix_rt::Arbiter;
use anyhow::Context;
use futures_util::FutureExt;
use millrace_engine::{Build, DuePace, DueRows, Limits, Load, Port, Supervision};
use millrace_kafka::Producer;
use millrace_postgres::{Database, DueRowsOf};
use millrace_products::copies::{Copier, RejectedCopy, copies_to_send};
use std::{sync::Arc, time::Duration};

/// A process that dies hands over after a minute; one that lives prolongs its claims in time.
const PACE: DuePace = DuePace {
    most: 200,
    look_every: Duration::from_secs(1),
    lease: Duration::from_secs(60),
};

/// Of one write: sent together, confirmed together.
const LIMITS: Limits = Limits {
    messages: 100,
    load: Load {
        rows: 100,
        bytes: 8 << 20,
    },
};

/// What sends copies.
pub(super) struct Copies {
    database: Database,
    copier: Copier,
}

/// The source of copies that are to be sent.
type Outbox = DueRows<DueRowsOf<i64, RejectedCopy>>;

// === impl Copies ===

impl Copies {
    /// None where no topic is named.
    pub(super) fn make(settings: &Settings, database: &Database) -> anyhow::Result<Option<Self>> {
        let Some(topic) = &settings.copies_to else {
            return Ok(None);
        };
        let kafka = &settings.kafka;
        let producer = Producer::new(&kafka.brokers, &kafka.client, &kafka.access);
        let producer = producer.context("the producer of KAFKA_DLQ_TOPIC")?;
        Ok(Some(Self {
            database: database.clone(),
            copier: Copier::new(producer, topic),
        }))
    }

    /// A way in beside that of Kafka.
    pub(super) fn start(self, supervision: &Supervision, schema: &Schema) {
        let (copier, here) = (self.copier, Arbiter::current());
        let build: Build<Copier> = Arc::new(move || {
            let copier = copier.clone();
            async move { Ok(copier) }.boxed_local()
        });
        let port = Port::new([supervision.sink(("copier", 0), &here, LIMITS, build)]);
        let (schema, database) = (schema.clone(), self.database);
        let source: Build<Outbox> = Arc::new(move || {
            let (schema, database) = (schema.clone(), database.clone());
            async move {
                schema.ready().await?;
                Ok(DueRows::new(copies_to_send(database, &replica_name()), PACE))
            }
            .boxed_local()
        });
        supervision.source("outbox", &here, port, source);
    }
}
