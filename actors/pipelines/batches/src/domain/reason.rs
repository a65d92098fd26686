//! Why an event was dead-lettered or an item rejected: one set of stable codes for dead letters,
//! rejected items, logs, spans and metrics.

use millrace_amqp::reasons as amqp;
use millrace_objects::reasons as objects;
use std::fmt;

macro_rules! reasons {
    ($($(#[$doc:meta])* $name:ident = $code:expr,)*) => {
        /// A stable code. Its text is part of the contract with dashboards and scripts.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Reason {
            $($(#[$doc])* $name,)*
        }

        impl Reason {
            /// Every reason there is.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The code as it is stored, logged, counted and sent.
            pub const fn code(self) -> &'static str {
                match self {
                    $(Self::$name => $code,)*
                }
            }
        }
    };
}

reasons! {
    /// The event's body is not an event.
    MalformedEvent = "malformed_event",
    /// The message's properties cannot be read.
    UndecodableMessage = amqp::UNDECODABLE_MESSAGE,
    /// The event is of a type that is not ours.
    UnsupportedEventType = "unsupported_event_type",
    /// The event's path names no object.
    BadPath = objects::BAD_PATH,
    /// The event's path names a bucket outside the allow-list.
    BucketNotAllowed = objects::BUCKET_NOT_ALLOWED,
    /// The object did not appear within the grace period.
    ObjectMissing = objects::OBJECT_MISSING,
    /// The object exceeds the size cap.
    ObjectTooLarge = objects::OBJECT_TOO_LARGE,
    /// The object is not valid zstd.
    DecompressionFailed = "decompression_failed",
    /// The object unpacks to more than the cap.
    DecompressedTooLarge = "decompressed_too_large",
    /// The object is not JSON of a shape we read.
    MalformedJson = "malformed_json",
    /// An item nests deeper than the cap; or the object does, so that its items cannot be found.
    TooDeep = "too_deep",
    /// The object holds more items than the cap.
    TooManyItems = "too_many_items",
    /// The database refuses a row of this batch, whatever we do.
    RowRefused = "row_refused",
    /// Transient trouble outlasted the allowed attempts.
    AttemptsExhausted = amqp::ATTEMPTS_EXHAUSTED,
    /// The event killed the process that worked on it, again and again.
    KilledWorker = amqp::KILLED_WORKER,
    /// The item is not an object of the shape we read.
    MalformedItem = "malformed_item",
    /// The item has no id.
    MissingId = "missing_id",
    /// The item's `fetch_status` is none that we know.
    UnknownFetchStatus = "unknown_fetch_status",
    /// The item's post is stored, but not all of its comments: the batch has more than the cap.
    TooManyComments = "too_many_comments",
}

// === impl Reason ===

impl Reason {
    /// The codes under which an event may be dead-lettered.
    pub fn of_events() -> impl Iterator<Item = &'static str> {
        let reasons = Self::ALL.iter().filter(|reason| !reason.is_of_item());
        reasons.map(|reason| reason.code())
    }

    /// Whether it is only ever about one item of a batch, and not about the event.
    pub const fn is_of_item(self) -> bool {
        matches!(
            self,
            Self::MalformedItem | Self::MissingId | Self::UnknownFetchStatus | Self::TooManyComments
        )
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl From<Reason> for &'static str {
    fn from(reason: Reason) -> Self {
        reason.code()
    }
}
