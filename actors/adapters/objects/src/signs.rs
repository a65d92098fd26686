//! What an answer shows of who gave it: the store, or something that stands before it or in its place.

use object_store::client::HttpResponse;
use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering::Relaxed},
};

/// What an answer with an object shows beside the object.
#[derive(Clone, Debug)]
pub(super) struct Signs {
    /// It has the id that stores give to each request.
    pub(super) signed: bool,
    /// It says how long the object is.
    pub(super) measured: bool,
    /// It has an entity tag, as every object of a store has.
    pub(super) tagged: bool,
    /// It calls itself a page.
    pub(super) page: bool,
}

/// Whether a store signs its answers, as learned from those it gave.
#[derive(Clone, Debug, Default)]
pub(super) struct SigningStore(Arc<AtomicBool>);

/// Ids of requests: S3 and what speaks like it, Google, Azure. What stands between adds none of them.
const REQUEST_IDS: [&str; 5] = [
    "x-amz-request-id",
    "x-amz-id-2",
    "x-guploader-uploadid",
    "x-goog-generation",
    "x-ms-request-id",
];

/// First bytes of what is packed: zstd frames, skippable ones (but for half a byte), gzip.
const PACKED: [&[u8]; 2] = [&[0x28, 0xB5, 0x2F, 0xFD], &[0x1F, 0x8B]];

// === impl Signs ===

impl Signs {
    pub(super) fn of(response: &HttpResponse) -> Self {
        let headers = response.headers();
        let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
        Self {
            signed: is_signed(response),
            measured: headers.contains_key("content-length"),
            tagged: headers.contains_key("etag"),
            page: text("content-type").is_some_and(|kind| kind.to_ascii_lowercase().contains("text/html")),
        }
    }

    /// What is odd about this answer, where no store would give it so for a batch.
    pub(super) fn oddity(&self, body: &[u8]) -> Option<&'static str> {
        if body.is_empty() {
            Some("it is empty")
        } else if self.page {
            Some("it calls itself text/html")
        } else if !self.tagged {
            Some("it has no ETag")
        } else if !begins_like_a_batch(body) {
            Some("it begins neither like JSON nor like zstd or gzip")
        } else {
            None
        }
    }
}

// === impl SigningStore ===

impl SigningStore {
    pub(super) fn learn(&self, response: &HttpResponse) {
        if is_signed(response) {
            self.0.store(true, Relaxed);
        }
    }

    pub(super) fn is_to_sign(&self) -> bool {
        self.0.load(Relaxed)
    }
}

pub(super) fn is_signed(response: &HttpResponse) -> bool {
    REQUEST_IDS
        .iter()
        .any(|name| response.headers().contains_key(*name))
}

fn begins_like_a_batch(body: &[u8]) -> bool {
    let skippable = |magic: &[u8]| magic[0] & 0xF0 == 0x50 && magic[1..] == [0x2A, 0x4D, 0x18];
    let text = body
        .strip_prefix(b"\xEF\xBB\xBF")
        .unwrap_or(body)
        .trim_ascii_start();
    matches!(text.first(), Some(b'[' | b'{'))
        || PACKED.iter().any(|magic| body.starts_with(magic))
        || body.get(..4).is_some_and(skippable)
}
