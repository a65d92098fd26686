//! A queue, a bucket and a database for one run, with the tables as the product's migrations make them.

use crate::{
    batch::Batch,
    contender::{self, Contender},
};
use anyhow::ensure;
use futures_util::{StreamExt, TryStreamExt, stream};
use millrace_stack::{RawPublisher, Service, Stack, Tenant, wait_for};
use object_store::ObjectStoreExt as _;
use serde_json::json;
use std::time::Duration;
use tokio_postgres::Client;

pub(crate) const QUEUE: &str = "analytics.data.collected";
const UPLOADS: usize = 16;
/// Delivery mode 2: persistent.
const PERSISTENT: [u8; 3] = [0x10, 0x00, 2];
/// With nothing new for so long, nothing will come.
const PATIENCE: Duration = Duration::from_secs(120);

/// All there is for one run, but for the consumers.
pub(crate) struct Arena<'a> {
    pub(crate) tenant: Tenant<'a>,
    pub(crate) database: Client,
}

// === impl Arena ===

impl<'a> Arena<'a> {
    /// The tables are those that `product` makes.
    pub(crate) async fn open(stack: &'a Stack, name: &str, product: &Contender) -> anyhow::Result<Self> {
        let tenant = stack.tenant(name).await?;
        let migrated = tenant.command(product.program(), &["migrate"], &[]).await?;
        ensure!(
            migrated.status.success(),
            "{}",
            String::from_utf8_lossy(&migrated.stderr)
        );
        tenant
            .declare_queue(QUEUE, json!({"x-queue-type": "quorum"}))
            .await?;
        let database = tenant.connect_postgres().await?;
        Ok(Self { tenant, database })
    }

    pub(crate) async fn upload(&self, batches: &[Batch]) -> anyhow::Result<()> {
        let store = self.tenant.objects()?;
        stream::iter(batches)
            .map(|batch| {
                let (key, body) = (batch.key.as_str().into(), batch.body.clone());
                let store = &store;
                async move { store.put(&key, body.into()).await }
            })
            .buffer_unordered(UPLOADS)
            .try_for_each(|_| async { Ok(()) })
            .await?;
        Ok(())
    }

    /// Publishes their events in this order.
    pub(crate) async fn publish(&self, batches: &[Batch], order: &[usize]) -> anyhow::Result<()> {
        let mut publisher = self.tenant.raw_publisher().await?;
        for position in order {
            self.announce(&mut publisher, &batches[*position]).await?;
        }
        Ok(())
    }

    /// Publishes one event; returns when the broker has it.
    pub(crate) async fn announce(&self, publisher: &mut RawPublisher, batch: &Batch) -> anyhow::Result<()> {
        let event = batch.event(self.tenant.bucket());
        publisher
            .publish("", QUEUE.as_bytes(), &PERSISTENT, event.as_bytes())
            .await
    }

    /// Waits until so many events are in the ledger. `progress` hears how many there are.
    pub(crate) async fn stored(&self, events: usize, progress: impl Fn(usize)) -> anyhow::Result<()> {
        wait_for("all events in the ledger", PATIENCE, async || {
            let stored = self.events().await.map_err(|error| format!("{error:#}"))?;
            progress(stored);
            (stored >= events)
                .then_some(())
                .ok_or_else(|| format!("{stored} of {events}"))
        })
        .await
    }

    /// Events in the ledger.
    pub(crate) async fn events(&self) -> anyhow::Result<usize> {
        Ok(self.count("ingested_batches").await? as usize)
    }

    pub(crate) async fn count(&self, table: &str) -> anyhow::Result<i64> {
        self.value(&format!("SELECT count(*) FROM {table}")).await
    }

    /// The only value of the only row.
    pub(crate) async fn value<V: for<'b> tokio_postgres::types::FromSql<'b>>(
        &self,
        sql: &str,
    ) -> anyhow::Result<V> {
        Ok(self.database.query_one(sql, &[]).await?.try_get(0)?)
    }

    /// Seconds on the clock of the database, which is that of this machine.
    pub(crate) async fn now(&self) -> anyhow::Result<f64> {
        self.value("SELECT extract(epoch FROM clock_timestamp())::float8")
            .await
    }

    /// Starts the consumers, and stores these batches unmeasured.
    pub(crate) async fn start(
        &self,
        contender: &Contender,
        before: &[Batch],
    ) -> anyhow::Result<Vec<Service>> {
        let services = contender.spawn(&self.tenant)?;
        contender::ready(&services).await?;
        if !before.is_empty() {
            let order: Vec<_> = (0..before.len()).collect();
            self.publish(before, &order).await?;
            self.stored(before.len(), |_| ()).await?;
        }
        Ok(services)
    }

    /// Ends the consumers and removes the database: its size is no burden for the next run.
    pub(crate) async fn close(self, services: Vec<Service>) -> anyhow::Result<()> {
        for service in &services {
            service.terminate().await?;
        }
        let drop = format!("DROP DATABASE \"{}\" WITH (FORCE)", self.tenant.vhost());
        let server = self.tenant.stack().postgres.connect("postgres").await?;
        server.batch_execute(&drop).await?;
        Ok(())
    }
}
