//! Recent events, for people who ask: one port, and two stores behind it. An expired event is never told, whether it is
//! deleted yet or not.

mod due;
mod dynamo;
mod item;
mod journal;
mod projector;
mod queue;
mod watch;

pub use due::PROJECTION;
pub use dynamo::DynamoEvents;
pub use item::SHAPE;
pub use journal::JournalEvents;
pub use projector::{ProjectionMetrics, Projector, QueuedEvent};
pub use queue::{ProjectionQueue, Waiting};
pub use watch::{ProjectionWatch, Seen};

use crate::domain::EventType;
use jiff::Timestamp;
use std::{future::Future, pin::Pin};

/// An event as a store keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecentEvent {
    /// Its id.
    pub id: String,
    /// What happened, as it was sent: a store may hold events of an older service.
    pub event_type: String,
    /// To which product; none where an older service did not say.
    pub product_id: Option<String>,
    /// Who sells it.
    pub seller_id: Option<String>,
    /// When it happened.
    pub at: Timestamp,
    /// When it was taken in.
    pub received_at: Timestamp,
    /// From when on it is told no more.
    pub expires_at: Timestamp,
    /// What was sent, as JSON; none where it was too large for the store.
    pub payload: Option<String>,
}

/// Which events. They are told newest first, and those of one moment by the bytes of their ids, the last one first.
#[derive(Clone, Debug, Default)]
pub struct EventQuestion {
    /// Of one product.
    pub product_id: Option<String>,
    /// Of one kind.
    pub event_type: Option<EventType>,
    /// Of one seller.
    pub seller_id: Option<String>,
    /// Not before.
    pub since: Option<Timestamp>,
    /// Before.
    pub until: Option<Timestamp>,
    /// Behind this event.
    pub after: Option<EventPlace>,
    /// At most so many.
    pub limit: usize,
}

/// The place of an event among all: its time and its id.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub struct EventPlace(pub Timestamp, pub String);

/// An event that a store will never take, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefusedEvent {
    /// Its id.
    pub id: String,
    /// What the store says of it.
    pub why: String,
}

/// A store has no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NoAnswer(pub String);

/// What a store answers, in its time.
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, NoAnswer>> + Send + 'a>>;

/// A store of recent events.
pub trait RecentStore: Send + Sync {
    /// Puts events; one that is there already becomes the same again. Those that are refused for themselves come back,
    /// and an error means that not all others are there.
    fn put<'a>(&'a self, events: &'a [RecentEvent]) -> Answer<'a, Vec<RefusedEvent>>;

    /// The event with this id, if there is one that has not expired `now`.
    fn get<'a>(&'a self, id: &'a str, now: Timestamp) -> Answer<'a, Option<RecentEvent>>;

    /// Those that have not expired `now`.
    fn list<'a>(&'a self, question: &'a EventQuestion, now: Timestamp) -> Answer<'a, Vec<RecentEvent>>;
}

// === impl RecentEvent ===

impl RecentEvent {
    /// Its place among all.
    pub fn place(&self) -> EventPlace {
        EventPlace(self.at, self.id.clone())
    }
}

// === impl EventQuestion ===

impl EventQuestion {
    /// Whether an event is one of these.
    pub fn asks_for(&self, event: &RecentEvent) -> bool {
        let is =
            |wanted: Option<&str>, found: Option<&str>| wanted.is_none_or(|wanted| found == Some(wanted));
        is(self.product_id.as_deref(), event.product_id.as_deref())
            && is(self.seller_id.as_deref(), event.seller_id.as_deref())
            && is(self.event_type.map(EventType::as_str), Some(&event.event_type))
            && self.since.is_none_or(|since| event.at >= since)
            && self.until.is_none_or(|until| event.at < until)
            && self.after.as_ref().is_none_or(|after| event.place() < *after)
    }
}
