//! Where crawlers put things and how they spell them. The first that is present wins; present means
//! not `null`, `""` or `"NULL"`.

/// A section of an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Top,
    Meta,
    Content,
    Author,
    Interaction,
    Interactions,
    ContentInteraction,
    ContentInteractions,
}

/// One name of a value, and the section it stands in.
#[derive(Clone, Copy, Debug)]
pub(super) struct Spelling {
    pub(super) place: Place,
    pub(super) key: &'static str,
}

pub(super) const VIEW_COUNT: [Spelling; 5] = count("view_count", "views");
pub(super) const LIKE_COUNT: [Spelling; 5] = count("like_count", "likes");
pub(super) const COMMENT_COUNT: [Spelling; 5] = count("comment_count", "comments_count");
pub(super) const SHARE_COUNT: [Spelling; 5] = count("share_count", "shares");
pub(super) const SAVE_COUNT: [Spelling; 5] = count("save_count", "saves");

pub(super) const TEXT: [Spelling; 2] = [content("description"), content("text")];
pub(super) const DURATION: [Spelling; 2] = [content("duration_seconds"), content("duration")];
pub(super) const TAGS: [Spelling; 2] = [content("tags"), content("hashtags")];
pub(super) const ERROR_TEXT: [Spelling; 2] = [meta("fetch_error"), meta("error_message")];

pub(super) const AUTHOR_KEY: [Spelling; 3] = [author("username"), author("id"), content("channel_id")];
pub(super) const AUTHOR_NAME: [Spelling; 2] = [author("display_name"), author("name")];
pub(super) const FOLLOWERS: [Spelling; 2] = [author("follower_count"), author("followers")];
pub(super) const VERIFIED: [Spelling; 2] = [author("verified"), author("is_verified")];

pub(super) const COMMENT_ID: [Spelling; 2] = [top("external_id"), top("id")];
pub(super) const COMMENT_AUTHOR_NAME: [Spelling; 2] = [top("author_display_name"), top("author_name")];
pub(super) const COMMENT_LIKES: [Spelling; 2] = [top("like_count"), top("likes")];

/// A field of the item, or of a comment, itself.
pub(super) const fn top(key: &'static str) -> Spelling {
    Spelling {
        place: Place::Top,
        key,
    }
}

/// A field of `meta`.
pub(super) const fn meta(key: &'static str) -> Spelling {
    Spelling {
        place: Place::Meta,
        key,
    }
}

/// A field of `content`.
pub(super) const fn content(key: &'static str) -> Spelling {
    Spelling {
        place: Place::Content,
        key,
    }
}

/// A field of `author`.
pub(super) const fn author(key: &'static str) -> Spelling {
    Spelling {
        place: Place::Author,
        key,
    }
}

/// A count of `content`, or of an `interaction` or `interactions` in the item or in `content`.
const fn count(own: &'static str, key: &'static str) -> [Spelling; 5] {
    [
        content(own),
        Spelling {
            place: Place::Interaction,
            key,
        },
        Spelling {
            place: Place::Interactions,
            key,
        },
        Spelling {
            place: Place::ContentInteraction,
            key,
        },
        Spelling {
            place: Place::ContentInteractions,
            key,
        },
    ]
}

// === impl Place ===

impl Place {
    /// Every section, parents first.
    pub(super) const ALL: &[Self] = &[
        Self::Top,
        Self::Meta,
        Self::Content,
        Self::Author,
        Self::Interaction,
        Self::Interactions,
        Self::ContentInteraction,
        Self::ContentInteractions,
    ];

    /// The section that holds this one, and under which key.
    pub(super) const fn parent(self) -> Option<(Self, &'static str)> {
        match self {
            Self::Top => None,
            Self::Meta => Some((Self::Top, "meta")),
            Self::Content => Some((Self::Top, "content")),
            Self::Author => Some((Self::Top, "author")),
            Self::Interaction => Some((Self::Top, "interaction")),
            Self::Interactions => Some((Self::Top, "interactions")),
            Self::ContentInteraction => Some((Self::Content, "interaction")),
            Self::ContentInteractions => Some((Self::Content, "interactions")),
        }
    }
}
