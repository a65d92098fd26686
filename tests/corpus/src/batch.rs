//! What a crawler leaves behind: an object and the event that announces it.

use bytes::Bytes;
use millrace_batches::domain::Reason;

/// One event and the object it points at.
#[derive(Clone, Debug, PartialEq)]
pub struct CrawlBatch {
    /// The event's id, where its body has a readable one.
    pub event_id: Option<String>,
    /// The message body.
    pub event: Bytes,
    /// The object to upload before the event is published.
    pub object: Option<ObjectUpload>,
    /// Items in the object, of whatever kind; 0 for poison.
    pub items: usize,
    /// What must become of it.
    pub expectation: Expectation,
}

/// An object as a crawler uploads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectUpload {
    /// Bucket.
    pub bucket: String,
    /// Key.
    pub key: String,
    /// Content.
    pub body: Bytes,
    /// User metadata.
    pub metadata: Vec<(String, String)>,
}

/// What must become of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expectation {
    /// Its rows are stored.
    Stored,
    /// It goes to the dead-letter queue for this reason.
    DeadLetter(Reason),
}
