//! Where a test may stop the process between a delivery and its acknowledgement.

use millrace_engine::failpoints::Point;

/// A delivery has arrived and was not looked at.
pub const DELIVERED: Point = Point("delivered");
/// A group of redelivered events is noted, and has not gone on.
pub const MARKED: Point = Point("marked");
/// A quarantined event is noted as at hand alone, and has not gone on.
pub const NOTED: Point = Point("noted");
/// A copy for another queue is about to be published.
pub const COPY_BEGIN: Point = Point("copy.begin");
/// The copy is on its way; not confirmed.
pub const COPY_SENT: Point = Point("copy.sent");
/// The broker has confirmed the copy; the original is not acknowledged.
pub const COPY_CONFIRMED: Point = Point("copy.confirmed");
/// The acknowledgement is about to be sent.
pub const ACK_BEGIN: Point = Point("ack.begin");
/// The acknowledgement is on its way.
pub const ACK_SENT: Point = Point("ack.sent");

/// Every place there is, in the order of the way.
pub const ALL: [Point; 8] = [
    DELIVERED,
    MARKED,
    NOTED,
    COPY_BEGIN,
    COPY_SENT,
    COPY_CONFIRMED,
    ACK_BEGIN,
    ACK_SENT,
];
