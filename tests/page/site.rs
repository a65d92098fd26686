//! A running service and what crawlers send it.

use millrace_stack::{Service, Stack, Tenant};
use object_store::ObjectStoreExt as _;
use serde_json::{Value, json};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// One tenant's service.
pub(crate) struct Site<'a> {
    pub(crate) tenant: Tenant<'a>,
    pub(crate) service: Service,
}

// === impl Site ===

impl<'a> Site<'a> {
    pub(crate) async fn start(stack: &'a Stack, name: &str, settings: &[(&str, &str)]) -> Self {
        let tenant = stack.tenant(name).await.unwrap();
        let millrace = Path::new(env!("CARGO_BIN_EXE_millrace"));
        let service = tenant.service(millrace, settings).unwrap();
        service.wait_ready(PATIENCE).await.unwrap();
        Self { tenant, service }
    }

    pub(crate) async fn shared(name: &str) -> Site<'static> {
        Site::start(Stack::shared().await, name, &[]).await
    }

    pub(crate) fn page(&self) -> String {
        format!("{}/", self.service.url())
    }

    /// Stores a batch of a project and announces it.
    pub(crate) async fn batch(&self, event_id: &str, project: &str, items: Value) {
        static OBJECTS: AtomicUsize = AtomicUsize::new(0);
        // Not named after the event: its id may be no file name.
        let key = format!("tiktok/{}.json", OBJECTS.fetch_add(1, Relaxed));
        let store = self.tenant.objects().unwrap();
        let body = items.to_string().into_bytes();
        store.put(&key.as_str().into(), body.into()).await.unwrap();
        let path = format!("{}/{key}", self.tenant.bucket());
        self.announce(event_id, project, &path).await;
    }

    /// Publishes the event of an object that may or may not be there.
    pub(crate) async fn announce(&self, event_id: &str, project: &str, path: &str) {
        let event = json!({
            "event_id": event_id,
            "event_type": "data.collected",
            "timestamp": "2025-12-06T10:30:00.000Z",
            "payload": {
                "project_id": project,
                "job_id": format!("{project}-brand-0"),
                "platform": "tiktok",
                "minio_path": path,
                "batch_index": 1,
                "total_batches": 1,
            },
        });
        let routed = self
            .tenant
            .publish("smap.events", "data.collected", event.to_string());
        assert!(routed.await.unwrap(), "no queue is bound to the exchange");
    }
}

/// So many good items, whose ids begin with `name`.
pub(crate) fn posts(name: &str, count: usize) -> Value {
    let item = |n: usize| {
        json!({
            "meta": {"id": format!("{name}-{n}"), "fetch_status": "success", "crawled_at": "2025-12-06T10:15:30Z"},
            "content": {"description": "Xe đẹp quá!", "view_count": 7},
            "author": {"username": "author"},
        })
    };
    (0..count).map(item).collect()
}

/// One item that its crawler could not get.
pub(crate) fn crawl_error(id: &str, code: &str) -> Value {
    json!({"meta": {"id": id, "fetch_status": "error", "error_code": code, "fetch_error": "no luck"}})
}
