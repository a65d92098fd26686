//! The fetcher: from a path to an object's bytes.

use super::{
    FetcherMetrics, FetcherSettings, Stores,
    bucket::{Bucket, Failure},
    signs::Signs,
    trouble::Trouble,
};
use crate::{ObjectPath, reasons};
use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use jiff::Timestamp;
use millrace_engine::trace;
use millrace_engine::{ByteBudget, Fault, Reservation};
use object_store::{Attribute, Attributes, GetResult, GetResultPayload};
use std::sync::Arc;
use tokio::time::Instant;

/// Gets objects as they are stored.
#[derive(Clone)]
pub struct Fetcher {
    pub(super) stores: Arc<Stores>,
    pub(super) settings: FetcherSettings,
    budget: Arc<ByteBudget>,
    pub(super) metrics: FetcherMetrics,
    pub(super) clock: fn() -> Timestamp,
}

/// An object, and its share of the memory budget.
#[derive(Debug)]
pub struct Object {
    /// What is known of it beside its bytes.
    pub info: ObjectInfo,
    /// Its bytes, compressed or not.
    pub body: Bytes,
    /// Freed when it is dropped.
    pub reservation: Reservation,
}

/// What is known of an object beside its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectInfo {
    /// `bucket/key`.
    pub path: String,
    /// Entity tag, where the store gave one.
    pub etag: Option<String>,
    /// The key or the metadata claims zstd.
    pub claims_zstd: bool,
}

/// What one request came to.
enum Round {
    /// The object.
    Done(Object),
    /// The object is this large and does not fit now.
    Wait(u64),
}

/// A share of the budget that was waited for.
struct Held {
    reservation: Reservation,
    bytes: u64,
}

/// Requests for one object before it counts as one that never stays the same size.
const MAX_ROUNDS: usize = 4;

// === impl Fetcher ===

impl Fetcher {
    /// A fetcher; several may share stores, budget and metrics.
    pub fn new(
        stores: Arc<Stores>,
        settings: &FetcherSettings,
        budget: Arc<ByteBudget>,
        metrics: FetcherMetrics,
    ) -> Self {
        Self {
            stores,
            settings: settings.clone(),
            budget,
            metrics,
            clock: Timestamp::now,
        }
    }

    /// The same fetcher with another clock, for tests.
    #[must_use]
    pub fn with_clock(mut self, clock: fn() -> Timestamp) -> Self {
        self.clock = clock;
        self
    }

    /// The object that this path names; `first_seen` says since when it is asked for.
    ///
    /// # Errors
    /// Poison, with one of [`reasons`], where nothing will help; an outage of `object_store`; else what is wrong with
    /// this object alone, for now.
    pub async fn get(&self, path: &str, first_seen: Timestamp) -> Result<Object, Fault> {
        let path = self
            .stores
            .parse(path)
            .map_err(|bad| Fault::poison(reasons::BAD_PATH, bad.to_string()))?;
        trace::note("aws.s3.bucket", path.bucket().to_owned());
        trace::note("aws.s3.key", path.key().to_owned());
        let bucket = self.stores.bucket(path.bucket()).ok_or_else(|| {
            let detail = format!("bucket {:?} is none of {}", path.bucket(), self.stores.allowed());
            Fault::poison(reasons::BUCKET_NOT_ALLOWED, detail)
        })?;
        self.rounds(first_seen, bucket, &path).await
    }

    /// Asks until the object fits into memory. An object that does not fit is let go and asked for
    /// again later: an open response would hold a connection for as long as the budget is full, run
    /// into the store's own timeout, and fill socket buffers that no budget counts.
    async fn rounds(
        &self,
        first_seen: Timestamp,
        bucket: &Bucket,
        path: &ObjectPath,
    ) -> Result<Object, Fault> {
        let mut held = None;
        for _ in 0..MAX_ROUNDS {
            let started = Instant::now();
            let bound = self.settings.whole_fetch_timeout();
            let round = match tokio::time::timeout(bound, self.round(bucket, path, held.take())).await {
                Ok(round) => round,
                Err(_) => Err(Failure::unclear(format!("{path} was not complete after {bound:?}")).into()),
            };
            match round {
                Ok(Round::Done(object)) => {
                    self.metrics.fetched.inc();
                    let took = started.elapsed().as_secs_f64();
                    self.metrics.duration.observe(took);
                    tracing::debug!(
                        object.path = object.info.path,
                        object.bytes = object.body.len(),
                        fetch.duration_seconds = took,
                        "object fetched"
                    );
                    return Ok(object);
                }
                Ok(Round::Wait(bytes)) => {
                    let reservation = self.budget.reserve(bytes).await;
                    held = Some(Held { reservation, bytes });
                }
                Err(Stop::Fault(fault)) => return Err(fault),
                Err(Stop::Failure(failure)) => {
                    return Err(self.classify(first_seen, bucket, path, failure).await);
                }
            }
        }
        let detail = format!("{path} grew on each of {MAX_ROUNDS} requests");
        Err(Fault::transient("object_changes", detail))
    }

    async fn round(&self, bucket: &Bucket, path: &ObjectPath, held: Option<Held>) -> Result<Round, Stop> {
        let response = bucket.get(path.key()).await?;
        let cap = self.settings.max_object_bytes;
        let signs = response.extensions.get::<Signs>().cloned();
        let measured = signs.as_ref().is_none_or(|signs| signs.measured);
        // Without a length it may be as large as any.
        let size = if measured { response.meta.size } else { cap };
        if size > cap {
            return Err(too_large(path, size, cap).into());
        }
        let reservation = match held {
            Some(held) if held.bytes >= size => {
                held.reservation.shrink(held.bytes - size);
                Some(held.reservation)
            }
            // The object has grown meanwhile; waiting for more while holding some could wait for itself.
            Some(held) => {
                drop(held);
                self.budget.try_reserve(size)
            }
            None => self.budget.try_reserve(size),
        };
        let Some(reservation) = reservation else {
            return Ok(Round::Wait(size));
        };
        let info = ObjectInfo {
            path: path.to_string(),
            etag: response.meta.e_tag.as_deref().map(unquoted),
            claims_zstd: claims_zstd(path.key(), &response.attributes),
        };
        let body = read(bucket, response, path, measured.then_some(size), cap).await?;
        reservation.shrink(size - body.len() as u64);
        if let Some(signs) = signs {
            let bound = self.settings.request_timeout;
            bucket.vouches(&signs, &body, bound).await?;
        }
        Ok(Round::Done(Object {
            info,
            body,
            reservation,
        }))
    }
}

/// What ends a round early.
enum Stop {
    /// The outcome is clear.
    Fault(Fault),
    /// Its cause is still to be found.
    Failure(Failure),
}

// === impl Stop ===

impl From<Fault> for Stop {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        Self::Failure(failure)
    }
}

fn too_large(path: &ObjectPath, size: u64, cap: u64) -> Fault {
    let detail = format!("{path} has {size} bytes, the cap is {cap}");
    Fault::poison(reasons::OBJECT_TOO_LARGE, detail)
}

async fn read(
    bucket: &Bucket,
    response: GetResult,
    path: &ObjectPath,
    size: Option<u64>,
    cap: u64,
) -> Result<Bytes, Stop> {
    let body = match response.payload {
        // One read of the range that the size was taken from, instead of a stream of small pieces.
        GetResultPayload::File(..) => match response.bytes().await {
            Ok(body) => body,
            Err(error) => return Err(body_failure(bucket, &error).await.into()),
        },
        GetResultPayload::Stream(_) => {
            let stream = response.into_stream();
            match collect(stream, size.unwrap_or_default(), cap).await {
                Ok(body) => body,
                Err(Unread::TooLarge(size)) => return Err(too_large(path, size, cap).into()),
                Err(Unread::Broken(error)) => return Err(body_failure(bucket, &error).await.into()),
            }
        }
    };
    if let Some(size) = size
        && body.len() as u64 != size
    {
        let detail = format!("{path} ended after {} of {size} bytes", body.len());
        return Err(Failure::unclear(detail).into());
    }
    Ok(body)
}

/// A request that failed within a body says nothing certain about the store, whatever its kind: the
/// store answered this very request.
async fn body_failure(bucket: &Bucket, error: &object_store::Error) -> Failure {
    Failure {
        trouble: Trouble::Unclear,
        ..bucket.failure(error).await
    }
}

/// Why a body was not read to its end.
#[derive(Debug)]
enum Unread {
    TooLarge(u64),
    Broken(object_store::Error),
}

/// Reads a body, and not a byte over the cap, whatever the headers promised.
async fn collect(
    mut body: impl Stream<Item = object_store::Result<Bytes>> + Unpin,
    size: u64,
    cap: u64,
) -> Result<Bytes, Unread> {
    let expected = usize::try_from(size.min(cap)).unwrap_or_default();
    let mut whole = Vec::with_capacity(expected);
    while let Some(piece) = body.next().await {
        let piece = piece.map_err(Unread::Broken)?;
        let length = (whole.len() + piece.len()) as u64;
        if length > cap {
            return Err(Unread::TooLarge(length));
        }
        whole.extend_from_slice(&piece);
    }
    // What grew without knowing its end has room to spare, which no budget counts.
    whole.shrink_to_fit();
    Ok(whole.into())
}

fn claims_zstd(key: &str, attributes: &Attributes) -> bool {
    let says = |name: &'static str, value: &str| {
        attributes
            .get(&Attribute::Metadata(name.into()))
            .is_some_and(|found| found.trim().eq_ignore_ascii_case(value))
    };
    key.to_ascii_lowercase().ends_with(".zst")
        || says("compressed", "true")
        || says("compression-algorithm", "zstd")
}

fn unquoted(etag: &str) -> String {
    etag.trim_matches('"').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::stream;

    #[tokio::test]
    async fn a_body_is_read_up_to_the_cap_and_not_further() {
        let pieces = || stream::iter([Ok(Bytes::from_static(b"abc")), Ok(Bytes::from_static(b"def"))]);
        assert_eq!(collect(pieces(), 6, 6).await.unwrap(), "abcdef");
        // A store that promised 3 bytes and sends 6.
        assert!(matches!(collect(pieces(), 3, 5).await, Err(Unread::TooLarge(6))));
    }

    #[test]
    fn zstd_is_claimed_by_key_or_metadata() {
        let with = |name: &'static str, value: &'static str| {
            Attributes::from_iter([(Attribute::Metadata(name.into()), value)])
        };
        assert!(claims_zstd("a/b.json.zst", &Attributes::new()));
        assert!(claims_zstd("a", &with("compressed", "True")));
        assert!(claims_zstd("a", &with("compression-algorithm", "zstd")));
        assert!(!claims_zstd("a", &with("compressed", "false")));
        assert!(!claims_zstd("a", &with("compression-algorithm", "gzip")));
        assert!(!claims_zstd("a.zst.json", &Attributes::new()));
    }
}
