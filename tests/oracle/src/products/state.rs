//! What events make of a product: they are put in their order, and then each does what it says.

use super::event::{Event, Kind, Says};
use jiff::Timestamp;

/// A row of `product_state`, without its key.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct State {
    pub says: Says,
    pub seller: Option<String>,
    pub status: &'static str,
    pub low_stock: bool,
    pub first_seen_at: Timestamp,
    pub last_event_at: Timestamp,
    pub last_event_id: String,
    pub deleted_at: Option<Timestamp>,
}

/// An event of the product and when it happened.
pub(super) type Dated<'a> = (Timestamp, &'a Event);

/// The state after all of these, in whatever order they come.
pub(super) fn state(events: &[Dated<'_>]) -> State {
    let mut events = events.to_vec();
    events.sort_by(|(at, one), (other_at, other)| {
        (at, one.kind, one.id.as_bytes()).cmp(&(other_at, other.kind, other.id.as_bytes()))
    });
    let mut state = State {
        status: "updated",
        first_seen_at: events.first().map_or(Timestamp::UNIX_EPOCH, |(at, _)| *at),
        ..State::default()
    };
    // A warning is over when there is more than this.
    let mut warned_of = None;
    for (at, event) in events {
        let Says {
            name,
            price,
            stock,
            category,
            threshold,
        } = event.says.clone();
        let seller = event.seller.clone();
        state.says.name = name.or(state.says.name);
        state.says.price = price.or(state.says.price);
        state.says.stock = stock.or(state.says.stock);
        state.says.category = category.or(state.says.category);
        state.says.threshold = threshold.or(state.says.threshold);
        state.seller = seller.or(state.seller);
        state.last_event_at = at;
        state.last_event_id.clone_from(&event.id);
        match event.kind {
            Kind::Created => {
                state.status = "created";
                state.deleted_at = None;
            }
            Kind::Updated if state.status != "deleted" => state.status = "updated",
            Kind::Updated => {}
            Kind::Deleted => {
                state.status = "deleted";
                state.deleted_at = Some(at);
            }
            Kind::LowStock => warned_of = threshold.or(stock),
        }
        if event.kind == Kind::LowStock {
            state.low_stock = true;
        } else if let (Some(level), Some(stock)) = (warned_of, stock) {
            // What is there now tells, not what was there in between.
            state.low_stock = stock <= level;
        }
    }
    state
}
