//! What events make of a product, whatever the order in which they arrive: see `domain`.
//!
//! For each value a row remembers of which event it is, so that an earlier event can fill a gap and never moves a value
//! back. What is of the last event is not said twice.

use crate::domain::{Change, Event, EventType};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// The place of an event among those of its product: time, type and id.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct Place(i64, u8, String);

/// A value and the event that it is of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Aged<T> {
    place: Place,
    value: T,
}

/// The state of a product.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct State {
    pub(super) product_id: String,
    first_at: i64,
    last: Place,
    seller_id: Option<Aged<String>>,
    name: Option<Aged<String>>,
    /// As text, with its digits.
    price: Option<Aged<String>>,
    stock: Option<Aged<i64>>,
    category: Option<Aged<String>>,
    threshold: Option<Aged<i64>>,
    created: Option<Place>,
    updated: Option<Place>,
    deleted: Option<Place>,
    /// The last warning, with the stock above which it ends.
    warned: Option<Aged<i64>>,
}

/// A row of `product_state`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct StateRow {
    pub(super) product_id: String,
    pub(super) seller_id: Option<String>,
    pub(super) name: Option<String>,
    pub(super) price: Option<String>,
    pub(super) stock: Option<i64>,
    pub(super) category: Option<String>,
    pub(super) status: &'static str,
    pub(super) low_stock: bool,
    pub(super) threshold: Option<i64>,
    pub(super) first_seen_at: Timestamp,
    pub(super) last_event_at: Timestamp,
    pub(super) last_event_id: String,
    pub(super) deleted_at: Option<Timestamp>,
    pub(super) value_ages: String,
}

/// `value_ages`: the kind of the last event, the last event of each kind, and of which event a value is that is not of
/// the last one.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Ages {
    last: u8,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    created: Option<Place>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    updated: Option<Place>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    deleted: Option<Place>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    warned: Option<(Place, i64)>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    seller_id: Option<Place>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    name: Option<Place>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    price: Option<Place>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    stock: Option<Place>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    category: Option<Place>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    threshold: Option<Place>,
}

/// What is read of a row to go on from it.
#[derive(Debug)]
pub(super) struct StoredState {
    pub(super) product_id: String,
    pub(super) seller_id: Option<String>,
    pub(super) name: Option<String>,
    pub(super) price: Option<String>,
    pub(super) stock: Option<i64>,
    pub(super) category: Option<String>,
    pub(super) threshold: Option<i64>,
    pub(super) first_seen_at: Timestamp,
    pub(super) last_event_at: Timestamp,
    pub(super) last_event_id: String,
    pub(super) ages: Ages,
}

// === impl Place ===

impl Place {
    fn of(event: &Event) -> Self {
        let rank = EventType::ALL.iter().position(|one| *one == event.event_type);
        let rank = rank.and_then(|rank| u8::try_from(rank).ok()).unwrap_or(u8::MAX);
        Self(event.at.as_microsecond(), rank, event.id.clone())
    }
}

// === impl State ===

impl State {
    /// Of a product of which only this event is known.
    pub(super) fn new(event: &Event) -> Self {
        let place = Place::of(event);
        let mut state = Self {
            product_id: event.product_id.clone(),
            first_at: place.0,
            last: place,
            seller_id: None,
            name: None,
            price: None,
            stock: None,
            category: None,
            threshold: None,
            created: None,
            updated: None,
            deleted: None,
            warned: None,
        };
        state.learn(event);
        state
    }

    /// Takes another event in.
    pub(super) fn learn(&mut self, event: &Event) {
        let place = Place::of(event);
        self.first_at = self.first_at.min(place.0);
        if place > self.last {
            self.last = place.clone();
        }
        later(&mut self.seller_id, &place, event.seller_id.as_ref());
        match &event.change {
            Change::Values(values) => {
                later(&mut self.name, &place, Some(&values.name));
                later(&mut self.price, &place, Some(&values.price));
                later(&mut self.stock, &place, Some(&values.stock));
                later(&mut self.category, &place, values.category.as_ref());
                let of_kind = match event.event_type {
                    EventType::Created => &mut self.created,
                    _ => &mut self.updated,
                };
                latest(of_kind, &place);
            }
            Change::LowStock {
                stock,
                threshold,
                name,
                category,
            } => {
                later(&mut self.stock, &place, Some(stock));
                later(&mut self.threshold, &place, threshold.as_ref());
                later(&mut self.name, &place, name.as_ref());
                later(&mut self.category, &place, category.as_ref());
                later(&mut self.warned, &place, Some(&threshold.unwrap_or(*stock)));
            }
            Change::Deleted => latest(&mut self.deleted, &place),
        }
    }

    fn is_deleted(&self) -> bool {
        self.deleted > self.created
    }

    fn status(&self) -> &'static str {
        match self.is_deleted() {
            true => "deleted",
            false if self.created > self.updated => "created",
            false => "updated",
        }
    }

    fn low_stock(&self) -> bool {
        let Some(warned) = &self.warned else {
            return false;
        };
        let is_over = |stock: &Aged<i64>| stock.place > warned.place && stock.value > warned.value;
        !self.stock.as_ref().is_some_and(is_over)
    }

    fn ages(&self) -> Ages {
        fn age<T>(last: &Place, of: Option<&Aged<T>>) -> Option<Place> {
            of.map(|aged| &aged.place).filter(|place| *place != last).cloned()
        }
        let last = &self.last;
        Ages {
            last: last.1,
            created: self.created.clone(),
            updated: self.updated.clone(),
            deleted: self.deleted.clone(),
            warned: self
                .warned
                .as_ref()
                .map(|warned| (warned.place.clone(), warned.value)),
            seller_id: age(last, self.seller_id.as_ref()),
            name: age(last, self.name.as_ref()),
            price: age(last, self.price.as_ref()),
            stock: age(last, self.stock.as_ref()),
            category: age(last, self.category.as_ref()),
            threshold: age(last, self.threshold.as_ref()),
        }
    }

    /// As it is stored.
    pub(super) fn row(&self) -> StateRow {
        fn value<T: Clone>(of: Option<&Aged<T>>) -> Option<T> {
            of.map(|aged| aged.value.clone())
        }
        let deleted_at = self.deleted.as_ref().filter(|_| self.is_deleted());
        StateRow {
            product_id: self.product_id.clone(),
            seller_id: value(self.seller_id.as_ref()),
            name: value(self.name.as_ref()),
            price: value(self.price.as_ref()),
            stock: value(self.stock.as_ref()),
            category: value(self.category.as_ref()),
            status: self.status(),
            low_stock: self.low_stock(),
            threshold: value(self.threshold.as_ref()),
            first_seen_at: time(self.first_at),
            last_event_at: time(self.last.0),
            last_event_id: self.last.2.clone(),
            deleted_at: deleted_at.map(|place| time(place.0)),
            value_ages: serde_json::to_string(&self.ages()).expect("numbers and texts are JSON"),
        }
    }
}

impl From<StoredState> for State {
    fn from(stored: StoredState) -> Self {
        let StoredState { ages, .. } = stored;
        let last = Place(
            stored.last_event_at.as_microsecond(),
            ages.last,
            stored.last_event_id,
        );
        fn aged<T>(value: Option<T>, age: Option<Place>, last: &Place) -> Option<Aged<T>> {
            let place = age.unwrap_or_else(|| last.clone());
            value.map(|value| Aged { place, value })
        }
        Self {
            product_id: stored.product_id,
            first_at: stored.first_seen_at.as_microsecond(),
            seller_id: aged(stored.seller_id, ages.seller_id, &last),
            name: aged(stored.name, ages.name, &last),
            price: aged(stored.price, ages.price, &last),
            stock: aged(stored.stock, ages.stock, &last),
            category: aged(stored.category, ages.category, &last),
            threshold: aged(stored.threshold, ages.threshold, &last),
            created: ages.created,
            updated: ages.updated,
            deleted: ages.deleted,
            warned: ages.warned.map(|(place, value)| Aged { place, value }),
            last,
        }
    }
}

/// Keeps the value of the later event.
fn later<T: Clone>(kept: &mut Option<Aged<T>>, place: &Place, value: Option<&T>) {
    let Some(value) = value else {
        return;
    };
    if kept.as_ref().is_none_or(|kept| kept.place < *place) {
        *kept = Some(Aged {
            place: place.clone(),
            value: value.clone(),
        });
    }
}

fn latest(kept: &mut Option<Place>, place: &Place) {
    if kept.as_ref().is_none_or(|kept| kept < place) {
        *kept = Some(place.clone());
    }
}

/// Of whole microseconds that were a time before.
fn time(micros: i64) -> Timestamp {
    Timestamp::from_microsecond(micros).unwrap_or(Timestamp::UNIX_EPOCH)
}
