//! Who is to blame for a failed request: the event, its object, or the store.

use super::{
    Fetcher,
    bucket::{Bucket, Failure},
    trouble::Trouble,
};
use crate::{OBJECT_STORE, ObjectPath, reasons};
use jiff::Timestamp;
use millrace_engine::Fault;
use std::time::Duration;

/// How long a store may be too busy for one object and for no other.
const BUSY_PATIENCE: Duration = Duration::from_secs(15 * 60);

// === impl Fetcher ===

impl Fetcher {
    /// Decides who is to blame for a failed request.
    pub(super) async fn classify(
        &self,
        first_seen: Timestamp,
        bucket: &Bucket,
        path: &ObjectPath,
        failure: Failure,
    ) -> Fault {
        let fault = match failure.trouble {
            Trouble::Missing => self.missing(first_seen, path),
            Trouble::NoSuchBucket => self.bucket_or_store(bucket, failure).await,
            Trouble::Unavailable
            | Trouble::Denied
            | Trouble::Busy
            | Trouble::Broken
            | Trouble::Unclear
            | Trouble::NotTheStore => self.object_or_store(first_seen, bucket, failure).await,
        };
        if matches!(fault, Fault::Outage { .. }) {
            self.metrics.connection_errors.inc();
        }
        fault
    }

    /// A store can refuse, throttle, fail or cut one object and serve all others. Holding the event
    /// would let one failing object stop the pipeline, charging it would let a failing store drive good events
    /// out; so ask the store itself: if it serves, this object is to blame.
    async fn object_or_store(&self, first_seen: Timestamp, bucket: &Bucket, failure: Failure) -> Fault {
        if let Err(failure) = bucket.ping(self.settings.request_timeout).await {
            return self.bucket_or_store(bucket, failure).await;
        }
        match failure.trouble {
            // Who did not ask the store cannot be told anything of the object.
            Trouble::NotTheStore => Fault::deferred("not_the_store", failure.detail),
            Trouble::Denied => Fault::transient("object_denied", failure.detail),
            // Asked for too often is not broken: it costs waiting, and no attempt, for a while.
            Trouble::Busy if self.age(first_seen) < BUSY_PATIENCE => {
                Fault::deferred("store_busy", failure.detail)
            }
            Trouble::Busy => Fault::transient("store_busy", failure.detail),
            // A store that was away for a moment is back when it is asked; silence about one object stays.
            Trouble::Unavailable if self.age(first_seen) < self.settings.object_grace => {
                Fault::deferred("object_silent", failure.detail)
            }
            Trouble::Unavailable => Fault::transient("object_silent", failure.detail),
            _ => Fault::transient("object_unreadable", failure.detail),
        }
    }

    /// A bucket can be missing or closed to us while others serve: then only the events that point into it wait.
    async fn bucket_or_store(&self, bucket: &Bucket, failure: Failure) -> Fault {
        let told = failure.trouble.explain(&bucket.name, &failure.detail);
        let silent = failure.trouble == Trouble::Unavailable;
        if !silent && self.stores.serves_beside(bucket).await {
            return Fault::deferred("bucket_unavailable", told);
        }
        Fault::outage(OBJECT_STORE, told)
    }

    /// Absolute, because `first_seen` comes with the message: one far in the future must not make the event wait
    /// for ever.
    fn age(&self, first_seen: Timestamp) -> Duration {
        (self.clock)().duration_since(first_seen).unsigned_abs()
    }

    /// Stores lag, so a missing object is awaited for a while, then it is the event's own fault.
    fn missing(&self, first_seen: Timestamp, path: &ObjectPath) -> Fault {
        let waited = self.age(first_seen);
        if waited < self.settings.object_grace {
            return Fault::deferred(reasons::OBJECT_MISSING, format!("{path} is not there yet"));
        }
        let detail = format!(
            "{path} is not there {:?} after the event was first seen",
            Duration::from_secs(waited.as_secs())
        );
        Fault::poison(reasons::OBJECT_MISSING, detail)
    }
}
