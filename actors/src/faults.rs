//! Places where a test makes the process die, panic or stall: one before and after each step from
//! delivery to acknowledgement. Compiled out of release builds unless the feature `faults` is on.
//!
//! A test sets `FAILPOINTS` as the `fail` crate reads it, for example `write.committed=3*off->1*return(kill)`
//! to die after the fourth commit, or `parse.begin=return(kill evt_7)` to die of one event; `return(say WORDS)` panics
//! with these words, whatever the event.

/// A place on the way of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Point {
    /// A delivery has arrived and was not looked at.
    Delivered,
    /// A group of redelivered events is noted, and has not gone on.
    Marked,
    /// A quarantined event is noted as at hand alone, and has not gone on.
    Struck,
    /// A fetcher has an event.
    FetchBegin,
    /// A fetcher has the object.
    FetchEnd,
    /// A parser has an object.
    ParseBegin,
    /// A parser has the rows.
    ParseEnd,
    /// A transaction has begun; nothing is written.
    WriteBegin,
    /// All rows are written; not committed.
    WriteEnd,
    /// The transaction is committed; nobody was told.
    WriteCommitted,
    /// A copy for another queue is about to be published.
    CopyBegin,
    /// The copy is on its way; not confirmed.
    CopySent,
    /// The broker has confirmed the copy; the original is not acknowledged.
    CopyConfirmed,
    /// The acknowledgement is about to be sent.
    AckBegin,
    /// The acknowledgement is on its way.
    AckSent,
}

// === impl Point ===

impl Point {
    /// Every place there is.
    pub const ALL: [Self; 15] = [
        Self::Delivered,
        Self::Marked,
        Self::Struck,
        Self::FetchBegin,
        Self::FetchEnd,
        Self::ParseBegin,
        Self::ParseEnd,
        Self::WriteBegin,
        Self::WriteEnd,
        Self::WriteCommitted,
        Self::CopyBegin,
        Self::CopySent,
        Self::CopyConfirmed,
        Self::AckBegin,
        Self::AckSent,
    ];

    /// The name in `FAILPOINTS`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::Marked => "marked",
            Self::Struck => "struck",
            Self::FetchBegin => "fetch.begin",
            Self::FetchEnd => "fetch.end",
            Self::ParseBegin => "parse.begin",
            Self::ParseEnd => "parse.end",
            Self::WriteBegin => "write.begin",
            Self::WriteEnd => "write.end",
            Self::WriteCommitted => "write.committed",
            Self::CopyBegin => "copy.begin",
            Self::CopySent => "copy.sent",
            Self::CopyConfirmed => "copy.confirmed",
            Self::AckBegin => "ack.begin",
            Self::AckSent => "ack.sent",
        }
    }
}

/// Takes the faults that `FAILPOINTS` asks for. Says so aloud: nobody should run with them by accident.
pub fn arm() {
    #[cfg(any(debug_assertions, feature = "faults"))]
    if let Ok(wanted) = std::env::var("FAILPOINTS") {
        tracing::warn!(wanted, "faults are armed; this is for tests only");
        // Forgotten, because the end of a scenario disarms it.
        std::mem::forget(fail::FailScenario::setup());
    }
}

/// Tells that the event `subject` has come to `point`; does nothing unless a fault is armed for it.
#[inline]
pub fn reached(point: Point, subject: &str) {
    #[cfg(any(debug_assertions, feature = "faults"))]
    fail::fail_point!(point.name(), |order: Option<String>| obey(
        &order.unwrap_or_default(),
        point,
        subject
    ));
    #[cfg(not(any(debug_assertions, feature = "faults")))]
    let _ = (point, subject);
}

#[cfg(any(debug_assertions, feature = "faults"))]
fn obey(order: &str, point: Point, subject: &str) {
    if let Some(words) = order.strip_prefix("say ") {
        panic!("{words}");
    }
    let (order, only) = order.split_once(' ').unwrap_or((order, subject));
    if only != subject {
        return;
    }
    match order {
        "kill" => std::process::abort(),
        "panic" => panic!("fault at {} with {subject}", point.name()),
        other => panic!("FAILPOINTS: unknown order {other:?}"),
    }
}
