//! What was odd about an event that was accepted all the same.

/// Something to count. The set of names is bounded, so they can be metric labels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Note {
    /// There was no timestamp; the time of receipt stands in.
    TimestampMissing,
    /// The timestamp could not be read; the time of receipt stands in.
    TimestampUnreadable,
    /// No rule could read a project from the job id (`analytics_job_id_unparsed_total`).
    JobIdUnparsed,
    /// A legacy message named no job.
    JobIdMissing,
    /// No platform was named.
    PlatformMissing,
    /// A legacy message had no event id; one was derived from its body.
    EventIdDerived,
    /// This optional field was unusable and is treated as absent.
    FieldIgnored(&'static str),
    /// U+0000 or a lone surrogate was taken out of some text.
    TextCleaned,
}

// === impl Note ===

impl Note {
    /// One of each kind.
    pub const KINDS: [Self; 8] = [
        Self::TimestampMissing,
        Self::TimestampUnreadable,
        Self::JobIdUnparsed,
        Self::JobIdMissing,
        Self::PlatformMissing,
        Self::EventIdDerived,
        Self::FieldIgnored("any"),
        Self::TextCleaned,
    ];

    /// The kind of oddity, for a metric label.
    pub const fn code(self) -> &'static str {
        match self {
            Self::TimestampMissing => "timestamp_missing",
            Self::TimestampUnreadable => "timestamp_unreadable",
            Self::JobIdUnparsed => "job_id_unparsed",
            Self::JobIdMissing => "job_id_missing",
            Self::PlatformMissing => "platform_missing",
            Self::EventIdDerived => "event_id_derived",
            Self::FieldIgnored(_) => "field_ignored",
            Self::TextCleaned => "text_cleaned",
        }
    }
}
