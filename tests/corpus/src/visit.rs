//! One crawl of one item. The same item may be crawled again; what it is stays, its counts grow.

use super::{
    clock::{self, Moment},
    dice::{Dice, Stream},
    job::Job,
    settings::{CorpusSettings, Temper},
};
use jiff::Timestamp;

/// Which crawl of an item this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// The one that every item has.
    First,
    /// A day later: counts have grown.
    Later,
    /// A day earlier, and announced late: it may fill gaps, and change nothing else.
    Earlier,
}

/// One item as one job sees it.
#[derive(Clone, Copy)]
pub(super) struct Visit<'a> {
    pub(super) settings: &'a CorpusSettings,
    pub(super) job: &'a Job,
    pub(super) item: u64,
    pub(super) turn: Turn,
}

// === impl Turn ===

impl Turn {
    /// The second at which `item` is crawled in this turn.
    pub(super) fn second(self, item: u64) -> i64 {
        let second = item as i64;
        match self {
            Self::First => second,
            Self::Later => second + clock::DAY,
            Self::Earlier => second - clock::DAY,
        }
    }

    fn moment(self) -> Moment {
        match self {
            Self::First => Moment::FirstCrawl,
            Self::Later => Moment::LaterCrawl,
            Self::Earlier => Moment::EarlierCrawl,
        }
    }
}

// === impl Visit ===

impl Visit<'_> {
    /// The item's own dice: the same in every turn, so that only `turn` tells two visits apart.
    pub(super) fn dice(&self) -> Dice {
        Dice::new(self.settings.seed, Stream::Item, self.item)
    }

    /// When the item was crawled.
    pub(super) fn crawled_at(&self) -> Timestamp {
        let second = self.turn.second(self.item);
        clock::at(self.settings.base_time, second, self.turn.moment())
    }

    /// When the item was published: days before, and the same in every turn.
    pub(super) fn published_at(&self, dice: &mut Dice) -> Timestamp {
        let before = 2 * clock::DAY + dice.below(90 * clock::DAY as u64) as i64;
        clock::at(
            self.settings.base_time,
            self.item as i64 - before,
            Moment::Published,
        )
    }

    /// A count as this turn sees it.
    pub(super) fn grown(&self, first: u64) -> u64 {
        match self.turn {
            Turn::First => first,
            Turn::Later => first + first / 3 + 7,
            Turn::Earlier => first / 2,
        }
    }

    /// Which of the equivalent spellings this visit uses.
    pub(super) fn spelling(&self) -> u64 {
        self.item / 4 + self.turn as u64
    }

    pub(super) fn hostile(&self) -> bool {
        self.settings.temper == Temper::Hostile
    }
}
