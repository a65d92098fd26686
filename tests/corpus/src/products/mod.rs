//! A corpus of product events that looks like the real thing: the same seed gives the same records.
//!
//! ```
//! use millrace_corpus::products::{Products, ProductsSettings};
//!
//! let records = Products::new(ProductsSettings { events: 120, ..ProductsSettings::default() });
//! assert!(records.count() >= 120);
//! ```

mod event;
mod life;
pub mod load;
mod poison;
mod wrapping;

use super::{
    DeadLetters, Temper,
    dice::{Dice, Stream},
};
use bytes::Bytes;
use jiff::Timestamp;
use life::Lives;
use std::collections::VecDeque;

/// The topics, in the order of `Kind`.
pub const TOPICS: [&str; 4] = [
    "ProductCreated",
    "ProductUpdated",
    "LowStockWarning",
    "ProductDeleted",
];

/// Seed, size and temper of a corpus.
#[derive(Clone, Debug, PartialEq)]
pub struct ProductsSettings {
    /// The same seed gives the same corpus, byte for byte.
    pub seed: u64,
    /// Different events that are to be stored.
    pub events: usize,
    /// Products that they are about.
    pub products: usize,
    /// When the last of them happens: a corpus reads no clock.
    pub until: Timestamp,
    /// Minutes from the first to the last.
    pub minutes: u32,
    /// Of 100 events so many happened hours before those around them.
    pub late_percent: u8,
    /// Of 100 records so many are sent again.
    pub repeat_percent: u8,
    /// How well-behaved the producers are.
    pub temper: Temper,
    /// Whether some records must be rejected.
    pub rejected: DeadLetters,
    /// `MAX_EVENT_BYTES` of the service, for a record that exceeds it; none: no such record.
    pub max_event_bytes: Option<usize>,
    /// `MAX_JSON_DEPTH` of the service, for a record that exceeds it.
    pub max_json_depth: usize,
}

/// A record to send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProductRecord {
    /// One of [`TOPICS`].
    pub topic: &'static str,
    /// The id of its product, mostly.
    pub key: Option<Bytes>,
    /// None: a tombstone.
    pub value: Option<Bytes>,
    /// Name and value.
    pub headers: Vec<(String, Option<Bytes>)>,
    /// In whole milliseconds, as Kafka has them.
    pub timestamp: Timestamp,
    /// What must become of it.
    pub expectation: Expectation,
}

/// What must become of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expectation {
    /// It is an event.
    Stored,
    /// It is one that was sent before, or has the id of one.
    Repeated,
    /// It has no value.
    Skipped,
    /// It is rejected for this reason.
    Rejected(&'static str),
}

/// What happens to a product.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Created,
    Updated,
    LowStock,
    Deleted,
}

/// The records of a corpus, made one by one: a large corpus needs little memory.
pub struct Products {
    settings: ProductsSettings,
    lives: Lives,
    next_event: u64,
    next_record: u64,
    /// Records that may be sent again.
    lately: VecDeque<ProductRecord>,
    poison: VecDeque<ProductRecord>,
}

/// So many records are remembered to be sent again.
const REMEMBERED: usize = 64;

/// Of the records that are sent again so many say something else under the id that they had.
const CHANGED_PERCENT: u64 = 20;

/// A record that is none, or has no value, follows so many others, while there are both.
const BETWEEN_POISON: u64 = 9;

// === impl ProductsSettings ===

impl Default for ProductsSettings {
    fn default() -> Self {
        Self {
            seed: 1,
            events: 1_000,
            products: 100,
            until: Timestamp::constant(1_772_323_200, 0), // 2026-03-01T00:00:00Z
            minutes: 120,
            late_percent: 5,
            repeat_percent: 5,
            temper: Temper::Plain,
            rejected: DeadLetters::None,
            max_event_bytes: None,
            max_json_depth: 64,
        }
    }
}

// === impl Kind ===

impl Kind {
    fn topic(self) -> &'static str {
        TOPICS[self as usize]
    }
}

// === impl Products ===

impl Products {
    /// The corpus of these settings.
    pub fn new(settings: ProductsSettings) -> Self {
        Self {
            lives: Lives::new(&settings),
            next_event: 0,
            next_record: 0,
            lately: VecDeque::with_capacity(REMEMBERED),
            poison: poison::poison(&settings).into(),
            settings,
        }
    }

    /// Sends again what was sent before: as it was, or with another body under the same id.
    fn repeat(&self, dice: &mut Dice) -> Option<ProductRecord> {
        let again = self.lately.get(dice.below(self.lately.len() as u64) as usize)?;
        let changed = dice
            .chance(CHANGED_PERCENT)
            .then(|| event::changed(again))
            .flatten();
        Some(ProductRecord {
            expectation: Expectation::Repeated,
            ..changed.unwrap_or_else(|| again.clone())
        })
    }

    fn event(&mut self) -> ProductRecord {
        let number = self.next_event;
        self.next_event += 1;
        let happening = self.lives.next(&self.settings, number);
        let record = event::record(&self.settings, number, &happening);
        if self.lately.len() == REMEMBERED {
            self.lately.pop_front();
        }
        self.lately.push_back(record.clone());
        record
    }
}

// === impl Iterator for Products ===

impl Iterator for Products {
    type Item = ProductRecord;

    fn next(&mut self) -> Option<ProductRecord> {
        let number = self.next_record;
        self.next_record += 1;
        if number % (BETWEEN_POISON + 1) == BETWEEN_POISON
            && let Some(poison) = self.poison.pop_front()
        {
            return Some(poison);
        }
        let mut dice = Dice::new(self.settings.seed, Stream::Order, number);
        if dice.chance(self.settings.repeat_percent.into())
            && let Some(again) = self.repeat(&mut dice)
            && self.next_event < self.settings.events as u64
        {
            return Some(again);
        }
        match self.next_event < self.settings.events as u64 {
            true => Some(self.event()),
            false => self.poison.pop_front(),
        }
    }
}
