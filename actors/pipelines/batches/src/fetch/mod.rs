//! The stage that gets the batch of an event.

mod metrics;

pub use metrics::register;

use crate::{
    failpoints,
    messages::{BatchRef, BatchSource, RawBatch},
};
use millrace_engine::{
    ByteBudget, Fault, Stage,
    failpoints::reached,
    trace::{self, Kind},
};
use millrace_objects::{Fetcher, Object, ObjectInfo};
use std::sync::Arc;

/// Gets the object of an event, as it is stored.
#[derive(Clone)]
pub struct Fetch {
    fetcher: Fetcher,
    budget: Arc<ByteBudget>,
}

// === impl Fetch ===

impl Fetch {
    /// The stage; several may share fetcher and budget.
    pub fn new(fetcher: Fetcher, budget: Arc<ByteBudget>) -> Self {
        Self { fetcher, budget }
    }

    async fn object(&self, input: &BatchRef) -> Result<Object, Fault> {
        let event = &input.event;
        match &input.source {
            BatchSource::Object(path) => self.fetcher.get(path, event.delivery.first_seen).await,
            // Legacy producers put the batch into the message: nothing to get, but it weighs the same.
            BatchSource::Inline(body) => Ok(Object {
                info: ObjectInfo {
                    path: format!("inline:{}", event.event_id),
                    etag: None,
                    claims_zstd: false,
                },
                reservation: self.budget.reserve(body.len() as u64).await,
                body: body.clone(),
            }),
        }
    }
}

impl Stage for Fetch {
    type In = BatchRef;
    type Out = RawBatch;

    const VERB: &'static str = "fetch";
    const KIND: Kind = Kind::Client;

    async fn run(&mut self, input: &BatchRef) -> Result<RawBatch, Fault> {
        let event = &input.event;
        reached(failpoints::FETCH_BEGIN, &event.event_id);
        let Object {
            info,
            body,
            reservation,
        } = self.object(input).await?;
        trace::note("millrace.object.size", trace::count(body.len()));
        reached(failpoints::FETCH_END, &event.event_id);
        Ok(RawBatch {
            event: event.clone(),
            object: info,
            body,
            reservation,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{CrawlEvent, Platform};
    use bytes::Bytes;
    use millrace_engine::Delivery;
    use millrace_objects::{FetcherMetrics, FetcherSettings, StoreSettings, Stores};
    use std::time::Duration;

    #[tokio::test]
    async fn a_batch_in_the_message_passes_through_and_weighs_the_same() {
        let delivery = Delivery::first(jiff::Timestamp::UNIX_EPOCH);
        let root = tempfile::tempdir().unwrap();
        let settings = FetcherSettings {
            store: StoreSettings::Url {
                url: format!("file://{}", root.path().display()),
                options: Vec::new(),
            },
            authorities: None,
            buckets: vec!["crawl-results".to_owned()],
            max_connections: 1,
            max_object_bytes: 100,
            connect_timeout: Duration::from_secs(1),
            request_timeout: Duration::from_secs(1),
            request_attempts: 1,
            object_grace: Duration::ZERO,
        };
        let budget = ByteBudget::new(100);
        let stores = Arc::new(Stores::new(&settings).unwrap());
        let fetcher = Fetcher::new(stores, &settings, budget.clone(), FetcherMetrics::default());
        let input = BatchRef {
            event: Arc::new(CrawlEvent::new(
                "evt_1",
                "proj-brand-0",
                Platform::Tiktok,
                delivery,
            )),
            source: BatchSource::Inline(Bytes::from_static(b"[{}]")),
        };
        let batch = Fetch::new(fetcher, budget.clone()).run(&input).await.unwrap();
        assert_eq!(batch.object.path, "inline:evt_1");
        assert_eq!((batch.body.as_ref(), budget.used()), (b"[{}]".as_slice(), 4));
    }
}
