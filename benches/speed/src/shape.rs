//! The shape of a load, and the loads that are measured.

use serde::{Deserialize, Serialize};

/// What items and batches look like.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Shape {
    pub(crate) platform: &'static str,
    pub(crate) items_a_batch: usize,
    /// The fewest and the most comments below a post.
    pub(crate) comments: (usize, usize),
    /// The fewest and the most bytes of a transcription.
    pub(crate) transcription: (usize, usize),
    /// All posts are by so many authors; none: an author has a few posts, next to each other.
    pub(crate) authors: Option<u64>,
    pub(crate) projects: usize,
    /// Keys lie anywhere in the indexes; otherwise next to each other.
    pub(crate) is_scattered: bool,
    pub(crate) is_packed: bool,
}

/// A load of `make bench`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Case {
    /// TikTok: 50 items of about 10 KB with 22 comments, zstd
    A,
    /// YouTube: 20 items of 60 to 80 KB
    B,
    /// TikTok posts without comments
    C,
    /// As `a`, and half of the messages are redeliveries of stored events
    D,
    /// As `a`, crawled before: every row is there and changes
    E,
    /// As `a`, and all batches share twenty authors
    F,
}

/// Events between a first delivery and its first redelivery.
const LONG_AGO: usize = 100;

const TIKTOK: Shape = Shape {
    platform: "tiktok",
    items_a_batch: 50,
    comments: (14, 30),
    transcription: (600, 1_400),
    authors: None,
    projects: 4,
    is_scattered: false,
    is_packed: true,
};

// === impl Case ===

impl Case {
    pub(crate) const ALL: [Self; 6] = [Self::A, Self::B, Self::C, Self::D, Self::E, Self::F];

    /// A few words for tables and plots.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::A => "TikTok",
            Self::B => "YouTube",
            Self::C => "posts without comments",
            Self::D => "50 % redeliveries",
            Self::E => "re-crawls that update",
            Self::F => "hot authors",
        }
    }

    pub(crate) fn letter(self) -> char {
        char::from(b'a' + self as u8)
    }

    pub(crate) fn shape(self) -> Shape {
        match self {
            Self::A | Self::D | Self::E => Shape::tiktok(),
            Self::B => Shape {
                platform: "youtube",
                items_a_batch: 20,
                transcription: (53_000, 73_000),
                ..TIKTOK
            },
            Self::C => Shape {
                comments: (0, 0),
                ..TIKTOK
            },
            Self::F => Shape {
                authors: Some(20),
                ..TIKTOK
            },
        }
    }

    /// Items of a round where the others have `items`: YouTube's are several times as large.
    pub(crate) fn items(self, items: usize) -> usize {
        let batch = self.shape().items_a_batch;
        let wanted = if self == Self::B { items / 4 } else { items };
        wanted.div_ceil(batch).max(1) * batch
    }

    pub(crate) fn is_crawled_before(self) -> bool {
        self == Self::E
    }

    /// The positions of the events to publish, in order. A redelivery comes when its event was stored long ago, also
    /// for a consumer with many at hand, and the last message is a first delivery, so that the time ends with it.
    pub(crate) fn order(self, events: usize) -> Vec<usize> {
        let long = LONG_AGO.min(events / 2);
        let redeliveries = if self == Self::D {
            events.saturating_sub(1)
        } else {
            0
        };
        let mut order = Vec::with_capacity(events + redeliveries);
        let mut again = (0..redeliveries).peekable();
        for event in 0..events {
            // They come evenly among the first deliveries after that.
            let due = |number: &usize| long + number * (events - long) / redeliveries <= event;
            while let Some(number) = again.next_if(due) {
                order.push(number % long);
            }
            order.push(event);
        }
        order
    }
}

// === impl Shape ===

impl Shape {
    pub(crate) fn tiktok() -> Self {
        TIKTOK
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_of_the_messages_are_redeliveries_and_the_last_is_none() {
        assert_eq!(Case::D.order(4), [0, 1, 0, 1, 2, 0, 3]);
        let order = Case::D.order(1_000);
        let place = |event: usize| order.iter().position(|other| *other == event).unwrap();
        for (at, event) in order.iter().enumerate() {
            assert!(
                at == place(*event) || at >= place(*event) + LONG_AGO,
                "{event} at {at}"
            );
        }
        assert_eq!((order.len(), order[1_998]), (1_999, 999));
        assert_eq!(Case::A.order(3), [0, 1, 2]);
    }

    #[test]
    fn a_round_has_whole_batches() {
        assert_eq!(Case::A.items(101), 150);
        assert_eq!(Case::B.items(200), 60);
    }
}
