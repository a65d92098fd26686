//! What happens, as the live stream tells it. Which it is, is told by what the line has.

use crate::telemetry::Line;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

/// An event that was stored by this replica: the event `product_event` of the stream.
#[derive(Serialize, ToSchema)]
pub(super) struct ProductEventNow {
    /// When.
    at: Timestamp,
    /// Its id.
    event_id: String,
    /// What happened.
    event_type: String,
    /// To which product.
    product_id: String,
    /// Where it came from.
    topic: String,
    /// Its partition.
    partition: u64,
    /// Its offset.
    offset: u64,
}

/// A record that was rejected by this replica: the event `rejected` of the stream.
#[derive(Serialize, ToSchema)]
pub(super) struct RejectedNow {
    /// When.
    at: Timestamp,
    /// Why, as a code.
    reason: String,
    /// Where it came from.
    topic: String,
    /// Its partition.
    partition: u64,
    /// Its offset.
    offset: u64,
}

/// A file that was stored by this replica: the event `archive_file` of the stream.
#[derive(Serialize, ToSchema)]
pub(super) struct ArchiveFileNow {
    /// When.
    at: Timestamp,
    /// Its key.
    key: String,
    /// Events in it.
    events: u64,
    /// Its length.
    bytes: u64,
}

/// The event of the stream that a line is; none where it is none.
pub(super) fn told(line: &Line) -> Option<(&'static str, Value)> {
    let text = |name| line.text(name).map(str::to_owned);
    let count = |name| line.count(name).unwrap_or_default();
    let at = line.at;
    if let Some(key) = text("file.key") {
        let file = ArchiveFileNow {
            at,
            key,
            events: count("file.events"),
            bytes: count("file.bytes"),
        };
        return Some(("archive_file", serde_json::to_value(file).ok()?));
    }
    let topic = text("topic")?;
    let (partition, offset) = (count("partition"), count("offset"));
    if let Some(reason) = text("reason") {
        let rejected = RejectedNow {
            at,
            reason,
            topic,
            partition,
            offset,
        };
        return Some(("rejected", serde_json::to_value(rejected).ok()?));
    }
    let event = ProductEventNow {
        at,
        event_id: text("event_id")?,
        event_type: text("event_type")?,
        product_id: text("product_id")?,
        topic,
        partition,
        offset,
    };
    Some(("product_event", serde_json::to_value(event).ok()?))
}
