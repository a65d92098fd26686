//! What had to be changed so that it could be stored.

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident = $label:literal,)*) => {
        /// Why a value was changed, or left to `extra`.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum CleanKind {
            $($(#[$doc])* $name,)*
        }

        impl CleanKind {
            /// Every kind there is.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The kind as a metric label.
            pub const fn label(self) -> &'static str {
                match self {
                    $(Self::$name => $label,)*
                }
            }
        }
    };
}

kinds! {
    /// U+0000 was removed: Postgres stores it in no text and no `jsonb`.
    NulRemoved = "nul_removed",
    /// Half a surrogate pair became U+FFFD.
    SurrogateReplaced = "surrogate_replaced",
    /// Bytes that are not UTF-8 became U+FFFD.
    Utf8Replaced = "utf8_replaced",
    /// `NaN` or an infinity became null.
    NotANumber = "not_a_number",
    /// A raw control character in a string became an escape.
    ControlEscaped = "control_escaped",
    /// A comma between items was missing, or one too many.
    CommaMisplaced = "comma_misplaced",
    /// A byte order mark before the body was skipped.
    BomSkipped = "bom_skipped",
    /// NULs behind the body were skipped.
    PaddingSkipped = "padding_skipped",
    /// A text column was cut at the cap.
    TextTruncated = "text_truncated",
    /// A text column was sent something that is no text.
    TextUnreadable = "text_unreadable",
    /// A count was negative, fractional, beyond 64 bits or no number.
    CountUnreadable = "count_unreadable",
    /// A time could not be read, or lies outside the years 1 to 9999.
    TimeUnreadable = "time_unreadable",
    /// A duration was negative or no number.
    DurationUnreadable = "duration_unreadable",
    /// A yes-or-no was neither.
    FlagUnreadable = "flag_unreadable",
    /// The tags, or one of them, were no text.
    TagsUnreadable = "tags_unreadable",
    /// A comment was no object, the comments no array, or replies nested too deep.
    CommentUnreadable = "comment_unreadable",
    /// A comment was beyond `MAX_COMMENTS_PER_BATCH` and stays in its post's `extra`.
    CommentsOverCap = "comments_over_cap",
    /// Tags beyond the 10,000 that one item may have stay in its `extra`.
    TagsOverCap = "tags_over_cap",
    /// An object had more than 10,000 fields; its item is rejected.
    FieldsOverCap = "fields_over_cap",
    /// A part of the item (content, author, interaction) was no object.
    SectionUnreadable = "section_unreadable",
    /// A key was too long for an index.
    KeyTooLong = "key_too_long",
    /// The JSON of one column was beyond what `jsonb` takes.
    JsonTooLarge = "json_too_large",
    /// A number in `extra` was beyond what `jsonb` takes, and became a string.
    NumberQuoted = "number_quoted",
    /// A key was written twice in one object; the last one counts, as in `jsonb`.
    KeyRepeated = "key_repeated",
}

/// How often each [`CleanKind`] happened in one batch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally([u64; CleanKind::ALL.len()]);

// === impl Tally ===

impl Tally {
    /// Counts one.
    pub(super) fn add(&mut self, kind: CleanKind) {
        self.add_many(kind, 1);
    }

    /// Counts several.
    pub(super) fn add_many(&mut self, kind: CleanKind, times: u64) {
        self.0[kind as usize] += times;
    }

    /// How often it happened.
    pub fn count(&self, kind: CleanKind) -> u64 {
        self.0[kind as usize]
    }

    /// The kinds that happened, and how often.
    pub fn iter(&self) -> impl Iterator<Item = (CleanKind, u64)> {
        let all = CleanKind::ALL.iter().map(|kind| (*kind, self.count(*kind)));
        all.filter(|(_, times)| *times > 0)
    }
}
