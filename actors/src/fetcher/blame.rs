//! Who is to blame for a failed request: the event, its object, or the store.

use super::{
    Fetcher,
    bucket::{Bucket, Failure},
    trouble::Trouble,
};
use crate::{
    domain::{CrawlEvent, ObjectPath, Reason},
    supervision::Fault,
};
use jiff::SignedDuration;
use std::time::Duration;

/// The name of our dependency, as the supervisor and `/readyz` know it.
const OBJECT_STORE: &str = "object_store";

// === impl Fetcher ===

impl Fetcher {
    /// Decides who is to blame for a failed request.
    pub(super) async fn blame(
        &self,
        event: &CrawlEvent,
        bucket: &Bucket,
        path: &ObjectPath,
        failure: Failure,
    ) -> Fault {
        let fault = match failure.trouble {
            Trouble::Missing => self.missing(event, path),
            Trouble::Unavailable => outage(bucket, &failure),
            Trouble::NoSuchBucket => self.bucket_or_store(bucket, failure).await,
            Trouble::Denied | Trouble::Busy | Trouble::Broken | Trouble::Unclear | Trouble::NotTheStore => {
                self.object_or_store(bucket, failure).await
            }
        };
        if matches!(fault, Fault::Outage { .. }) {
            self.metrics.connection_errors.inc();
        }
        fault
    }

    /// A store can refuse, throttle, fail or cut one object and serve all others. Holding the event
    /// would let one sick object stop the line, charging it would let a sick store drive good events
    /// out; so ask the store itself: if it serves, this object is to blame.
    async fn object_or_store(&self, bucket: &Bucket, failure: Failure) -> Fault {
        if let Err(failure) = bucket.ping(self.settings.request_timeout).await {
            return self.bucket_or_store(bucket, failure).await;
        }
        match failure.trouble {
            // Who did not ask the store cannot be told anything of the object.
            Trouble::NotTheStore => Fault::not_yet("not_the_store", failure.detail),
            Trouble::Denied => Fault::transient("object_denied", failure.detail),
            // Asked for too often is not broken: it costs waiting, and no attempt.
            Trouble::Busy => Fault::not_yet("store_busy", failure.detail),
            _ => Fault::transient("object_unreadable", failure.detail),
        }
    }

    /// A bucket can be missing or closed to us while others serve: then only the events that point into it wait.
    async fn bucket_or_store(&self, bucket: &Bucket, failure: Failure) -> Fault {
        let told = failure.trouble.explain(&bucket.name, &failure.detail);
        let silent = failure.trouble == Trouble::Unavailable;
        if !silent && self.stores.serves_beside(bucket).await {
            return Fault::not_yet("bucket_unavailable", told);
        }
        Fault::outage(OBJECT_STORE, told)
    }

    /// Stores lag, so a missing object is awaited for a while, then it is the event's own fault.
    fn missing(&self, event: &CrawlEvent, path: &ObjectPath) -> Fault {
        let waited = (self.clock)().duration_since(event.delivery.first_seen);
        let grace = self.settings.object_grace;
        // Absolute, because `first_seen` comes with the message: one far in the future must not make
        // the event wait for ever.
        if waited.unsigned_abs() < grace {
            return Fault::not_yet(Reason::ObjectMissing.code(), format!("{path} is not there yet"));
        }
        let detail = format!(
            "{path} is not there {} after the event was first seen",
            seconds(waited)
        );
        Fault::poison(Reason::ObjectMissing, detail)
    }
}

fn outage(bucket: &Bucket, failure: &Failure) -> Fault {
    Fault::outage(
        OBJECT_STORE,
        failure.trouble.explain(&bucket.name, &failure.detail),
    )
}

fn seconds(duration: SignedDuration) -> String {
    format!("{:?}", Duration::from_secs(duration.unsigned_abs().as_secs()))
}
