//! A running service with its servers, and the words the tests use.

use millrace_oracle::Copies;
use millrace_stack::{Message, Service, Stack, Tenant, wait_for};
use object_store::ObjectStoreExt as _;
use serde_json::{Value, json};
use std::{
    collections::HashSet,
    path::Path,
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
    time::Duration,
};

pub(crate) const QUEUE: &str = "analytics.data.collected";
pub(crate) const DLQ: &str = "analytics.data.collected.dlq";
/// The header of a dead letter that says why.
pub(crate) const REASON: &str = "x-millrace-reason";
pub(crate) const PATIENCE: Duration = Duration::from_secs(180);

/// For tests that keep writers waiting at a lock: however long the machine takes, it is no outage.
pub(crate) const NO_WAIT_IS_TOO_LONG: [(&str, &str); 2] = [
    ("DATABASE_STATEMENT_TIMEOUT_SECONDS", "600"),
    ("STAGE_DEADLINE_SECONDS", "3600"),
];

/// These settings and those of [`NO_WAIT_IS_TOO_LONG`].
pub(crate) fn patiently<'a>(settings: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    [settings, &NO_WAIT_IS_TOO_LONG].concat()
}

pub(crate) fn millrace() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_millrace"))
}

/// One tenant's servers and the service on them.
pub(crate) struct Running<'a> {
    pub(crate) tenant: Tenant<'a>,
    pub(crate) service: Service,
    pub(crate) database: tokio_postgres::Client,
}

// === impl Running ===

impl<'a> Running<'a> {
    /// Starts the service with these settings and waits until it is ready.
    pub(crate) async fn start(tenant: Tenant<'a>, settings: &[(&str, &str)]) -> Self {
        let service = tenant.service(millrace(), settings).unwrap();
        Self::with(tenant, service).await
    }

    /// The same with a service that was started in another way.
    pub(crate) async fn with(tenant: Tenant<'a>, service: Service) -> Self {
        service.wait_ready(PATIENCE).await.unwrap();
        let database = tenant.connect_postgres().await.unwrap();
        Self {
            tenant,
            service,
            database,
        }
    }

    /// A service on the shared servers.
    pub(crate) async fn shared(name: &str, settings: &[(&str, &str)]) -> Running<'static> {
        Running::start(Stack::shared().await.tenant(name).await.unwrap(), settings).await
    }

    /// Stores an object and returns the path that an event names it by.
    pub(crate) async fn put(&self, key: &str, body: impl Into<Vec<u8>>) -> String {
        let store = self.tenant.objects().unwrap();
        store.put(&key.into(), body.into().into()).await.unwrap();
        format!("{}/{key}", self.tenant.bucket())
    }

    /// Publishes a message as it is.
    pub(crate) async fn publish(&self, body: impl AsRef<[u8]>) {
        self.publish_with(&json!({}), body).await;
    }

    /// The same with headers, an object.
    pub(crate) async fn publish_with(&self, headers: &Value, body: impl AsRef<[u8]>) {
        let routed = self
            .tenant
            .publish_with(headers, "smap.events", "data.collected", body)
            .await
            .unwrap();
        assert!(routed, "no queue is bound to the exchange");
    }

    /// Publishes an event about an object.
    pub(crate) async fn announce(&self, event_id: &str, path: &str) {
        self.publish(event(event_id, path).to_string()).await;
    }

    /// Stores a batch of so many good items and announces it.
    pub(crate) async fn batch(&self, event_id: &str, items: usize) {
        let path = self
            .put(&format!("tiktok/{event_id}.json"), batch_of(event_id, items))
            .await;
        self.announce(event_id, &path).await;
    }

    /// Waits until these events are in the ledger.
    pub(crate) async fn stored(&self, event_ids: &[String]) {
        wait_for("events in the ledger", PATIENCE, async || {
            let found = self
                .count("ingested_batches WHERE event_id = ANY($1)", &[&event_ids])
                .await;
            if found == event_ids.len() as i64 {
                Ok(())
            } else {
                Err(format!("{found} of {}", event_ids.len()))
            }
        })
        .await
        .unwrap_or_else(|error| panic!("{error:#}\n{}", self.service.lines().join("\n")));
    }

    /// Rows of `FROM …`.
    pub(crate) async fn count(
        &self,
        from: &str,
        values: &[&(dyn tokio_postgres::types::ToSql + Sync)],
    ) -> i64 {
        self.database
            .query_one(&format!("SELECT count(*) FROM {from}"), values)
            .await
            .unwrap()
            .get(0)
    }

    /// Waits for so many dead letters and returns them, each once where its copy was published again.
    pub(crate) async fn dead_letters(&self, count: usize) -> Vec<Message> {
        wait_for("dead letters", PATIENCE, async || {
            let found = self.tenant.peek(DLQ, 2 * count + 1).await;
            let mut found = found.map_err(|error| error.to_string())?;
            if found.len() > count && copies([&self.service]) == Copies::AtLeastOne {
                let mut seen = HashSet::new();
                found.retain(|letter| seen.insert((letter.payload.clone(), letter.header(REASON))));
            }
            if found.len() == count {
                Ok(found)
            } else {
                Err(format!("{} of {count}", found.len()))
            }
        })
        .await
        .unwrap_or_else(|error| panic!("{error:#}\n{}", self.service.lines().join("\n")))
    }

    /// Waits until the queue is empty and nothing is unacknowledged.
    pub(crate) async fn queue_empties(&self) {
        self.tenant.wait_until_empty(QUEUE, PATIENCE).await.unwrap();
    }
}

/// How often a copy may be there. A broker that does not confirm one in time gets it again, and keeps both: on a machine
/// that is busy enough its quorum queues do that by themselves, and the service says so.
pub(crate) fn copies<'a>(services: impl IntoIterator<Item = &'a Service>) -> Copies {
    let refused =
        |line: &String| line.contains("queue takes no copies") || line.contains("rabbitmq unavailable");
    if services
        .into_iter()
        .any(|service| service.lines().iter().any(refused))
    {
        Copies::AtLeastOne
    } else {
        Copies::Exact
    }
}

/// The event that a crawler would send.
pub(crate) fn event(event_id: &str, path: &str) -> Value {
    json!({
        "event_id": event_id,
        "event_type": "data.collected",
        "timestamp": "2025-12-06T10:30:00.000Z",
        "payload": {
            "project_id": "proj_xyz",
            "job_id": "proj_xyz-brand-0",
            "platform": "tiktok",
            "minio_path": path,
            "content_count": 1,
            "batch_index": 1,
            "total_batches": 1,
        },
    })
}

/// Good items whose ids are used nowhere else.
pub(crate) fn batch_of(name: &str, items: usize) -> String {
    let item = |n: usize| {
        json!({
            "meta": {"id": format!("{name}-{n}"), "fetch_status": "success", "crawled_at": "2025-12-06T10:15:30Z"},
            "content": {"description": "Xe đẹp quá!", "view_count": 7},
            "author": {"username": format!("author-{}", n % 3)},
            "comments": [{"external_id": format!("{name}-{n}-c"), "text": "hay"}],
        })
    };
    Value::from_iter((0..items).map(item)).to_string()
}

/// An id that no other event of this run has.
pub(crate) fn fresh_id() -> String {
    static LAST: AtomicUsize = AtomicUsize::new(0);
    format!("evt_{}", LAST.fetch_add(1, Relaxed))
}
