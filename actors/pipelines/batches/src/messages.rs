//! What the actors say to each other. One delivery is one message the whole way.

use crate::domain::{CrawlEvent, Items};
use bytes::Bytes;
use millrace_engine::Reservation;
pub use millrace_objects::ObjectInfo;
use std::sync::Arc;

/// Ingress → fetcher: an event and where its items are.
#[derive(Debug)]
pub struct BatchRef {
    /// The event.
    pub event: Arc<CrawlEvent>,
    /// Where its items are.
    pub source: BatchSource,
}

/// Where the items of an event are.
#[derive(Debug)]
pub enum BatchSource {
    /// In an object: the path as the producer wrote it, not yet checked.
    Object(String),
    /// In the message itself (legacy producers).
    Inline(Bytes),
}

/// Fetcher → parser: an object's bytes, as stored.
#[derive(Debug)]
pub struct RawBatch {
    /// The event.
    pub event: Arc<CrawlEvent>,
    /// The object.
    pub object: ObjectInfo,
    /// The object's bytes, compressed or not.
    pub body: Bytes,
    /// This batch's share of the memory budget; freed when the batch is settled.
    pub reservation: Reservation,
}

/// Parser → writer: rows.
#[derive(Debug)]
pub struct ParsedBatch {
    /// The event.
    pub event: Arc<CrawlEvent>,
    /// The object.
    pub object: ObjectInfo,
    /// The items by table.
    pub items: Items,
    /// How heavy a write of them is: bytes of JSON the items came from, and of the event's text in each post.
    pub bytes: usize,
    /// This batch's share of the memory budget; freed when the batch is settled.
    pub reservation: Reservation,
}
