//! What happens to products: each is created, changes, runs low, goes, and may come again.

use super::{Kind, ProductsSettings};
use crate::dice::{Dice, Stream};
use jiff::Timestamp;

/// Something that happens to a product.
pub(super) struct Happening {
    pub kind: Kind,
    /// Its product.
    pub product: u64,
    pub at: Timestamp,
    /// After it.
    pub stock: i64,
    /// In cents, after it.
    pub cents: u64,
}

/// What is known of each product.
pub(super) struct Lives(Vec<Life>);

#[derive(Clone, Copy)]
struct Life {
    is_there: bool,
    stock: i64,
    cents: u64,
}

/// A warning is sent below this.
pub(super) const THRESHOLD: i64 = 10;

/// A late event is late by at most so many minutes.
const LATE_MINUTES: u64 = 600;

// === impl Lives ===

impl Lives {
    pub(super) fn new(settings: &ProductsSettings) -> Self {
        let unborn = Life {
            is_there: false,
            stock: 0,
            cents: 0,
        };
        Self(vec![unborn; settings.products.max(1)])
    }

    /// What the event of this number is about.
    pub(super) fn next(&mut self, settings: &ProductsSettings, number: u64) -> Happening {
        let mut dice = Dice::new(settings.seed, Stream::Happening, number);
        let product = dice.skewed(self.0.len() as u64 - 1);
        let life = &mut self.0[product as usize];
        let kind = match dice.below(100) {
            // Some products are heard of first when they change: their creation was before this service.
            0..85 if !life.is_there => Kind::Created,
            0..8 => Kind::Deleted,
            8..28 => Kind::LowStock,
            _ => Kind::Updated,
        };
        life.is_there = kind != Kind::Deleted;
        life.cents = dice.between(100, 99_999);
        life.stock = match kind {
            Kind::LowStock => dice.below(THRESHOLD as u64) as i64,
            _ => dice.skewed(200) as i64,
        };
        Happening {
            kind,
            product,
            at: time(settings, number, &mut dice),
            stock: life.stock,
            cents: life.cents,
        }
    }
}

/// Events happen one after another, but for late ones; no two have the same microsecond, save for a few on purpose.
fn time(settings: &ProductsSettings, number: u64, dice: &mut Dice) -> Timestamp {
    let span = i64::from(settings.minutes) * 60_000_000;
    let left = settings.events as u64 - number;
    let before = span / (settings.events as i64).max(1) * left as i64;
    let late = match dice.chance(settings.late_percent.into()) {
        true => dice.between(1, LATE_MINUTES * 60_000_000) as i64,
        false => 0,
    };
    // Whole seconds meet: then type and id decide.
    let odd = if dice.chance(10) {
        0
    } else {
        dice.below(1_000_000) as i64
    };
    let micros = settings.until.as_microsecond() - before - late;
    let micros = micros - micros.rem_euclid(1_000_000) + odd - 1_000_000;
    Timestamp::from_microsecond(micros).unwrap_or(settings.until)
}
