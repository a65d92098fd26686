//! The state of a product is a function of the set of its events.

use super::*;
use crate::products::{event::Event, event::Read, read, state::state};
use jiff::Timestamp;
use proptest::prelude::*;
use serde_json::json;

/// One of few times, types, ids and stocks, so that all of them meet.
fn event() -> impl Strategy<Value = Event> {
    let kinds = prop::sample::select(vec![
        "ProductCreated",
        "ProductUpdated",
        "ProductDeleted",
        "LowStockWarning",
    ]);
    (kinds, 0..4_u8, 0..6_u8, 0..8_i64, prop::option::of(0..8_i64), prop::option::of("[ab]")).prop_map(
        |(kind, minute, id, stock, threshold, category)| {
            let value = json!({
                "id": format!("{kind}{id}"), "timestamp": format!("2026-03-01T10:0{minute}:00Z"), "productId": "p",
                "product": {"name": format!("n{id}"), "price": id, "stock": stock, "category": category},
                "currentStock": stock, "threshold": threshold, "category": category,
            });
            match read(&record(kind, 0, &value), &settings()) {
                Read::Event(event) => *event,
                other => panic!("{other:?}"),
            }
        },
    )
}

fn dated(events: &[Event]) -> Vec<(Timestamp, &Event)> {
    events.iter().map(|event| (event.at.unwrap(), event)).collect()
}

proptest! {
    #[test]
    fn any_order_of_arrival_ends_in_the_same_state(events in prop::collection::vec(event(), 1..12), seed in any::<u64>()) {
        let mut events = events;
        events.sort_by(|one, other| one.id.cmp(&other.id));
        events.dedup_by(|one, other| one.id == other.id);
        let mut shuffled = events.clone();
        let mut seed = seed | 1;
        for at in (1..shuffled.len()).rev() {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            shuffled.swap(at, (seed >> 33) as usize % (at + 1));
        }
        prop_assert_eq!(state(&dated(&events)), state(&dated(&shuffled)));
    }
}

/// Rows of the contract's words about `product_state`.
#[test]
fn what_the_contract_says_of_the_state() {
    let at = |kind: &str, minute: u8, more: Value| {
        let mut value = json!({"id": format!("{kind}{minute}"), "timestamp": format!("2026-03-01T10:{minute:02}:00Z"), "productId": "p"});
        value
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        match read(&record(kind, 0, &value), &settings()) {
            Read::Event(event) => *event,
            other => panic!("{other:?}"),
        }
    };
    let stock = |kind, minute, stock: i64| {
        at(
            kind,
            minute,
            json!({"product": {"name": "n", "price": 1, "stock": stock}}),
        )
    };
    let low = |minute, stock: i64, threshold: Option<i64>| {
        at(
            "LowStockWarning",
            minute,
            json!({"quantity": stock, "threshold": threshold}),
        )
    };
    let gone = |minute| at("ProductDeleted", minute, json!({}));
    let (created, updated) = ("ProductCreated", "ProductUpdated");
    for (events, status, low_stock, now, deleted) in [
        (vec![stock(created, 1, 9)], "created", false, Some(9), false),
        (vec![stock(updated, 1, 9)], "updated", false, Some(9), false),
        (
            vec![stock(updated, 2, 8), stock(created, 1, 9)],
            "updated",
            false,
            Some(8),
            false,
        ),
        (
            vec![stock(updated, 1, 8), stock(created, 2, 9)],
            "created",
            false,
            Some(9),
            false,
        ),
        (
            vec![stock(created, 1, 9), gone(2)],
            "deleted",
            false,
            Some(9),
            true,
        ),
        (
            vec![gone(2), stock(updated, 3, 9)],
            "deleted",
            false,
            Some(9),
            true,
        ),
        (
            vec![gone(2), stock(created, 3, 9)],
            "created",
            false,
            Some(9),
            false,
        ),
        (
            vec![gone(2), stock(created, 3, 9), stock(updated, 4, 7)],
            "updated",
            false,
            Some(7),
            false,
        ),
        (vec![low(1, 3, Some(5))], "updated", true, Some(3), false),
        (
            vec![low(1, 3, Some(5)), stock(updated, 2, 5)],
            "updated",
            true,
            Some(5),
            false,
        ),
        (
            vec![low(1, 3, Some(5)), stock(updated, 2, 6)],
            "updated",
            false,
            Some(6),
            false,
        ),
        (
            vec![low(3, 3, Some(5)), stock(updated, 2, 6)],
            "updated",
            true,
            Some(3),
            false,
        ),
        (
            vec![low(1, 3, None), stock(updated, 2, 3)],
            "updated",
            true,
            Some(3),
            false,
        ),
        (
            vec![low(1, 3, None), stock(updated, 2, 4)],
            "updated",
            false,
            Some(4),
            false,
        ),
        (
            vec![low(1, 3, Some(5)), stock(updated, 2, 6), low(3, 2, None)],
            "updated",
            true,
            Some(2),
            false,
        ),
        // At one time: created, updated, low stock, deleted.
        (
            vec![
                gone(1),
                low(1, 2, Some(9)),
                stock(updated, 1, 4),
                stock(created, 1, 9),
            ],
            "deleted",
            true,
            Some(2),
            true,
        ),
    ] {
        let found = state(&dated(&events));
        assert_eq!(
            (
                found.status,
                found.low_stock,
                found.says.stock,
                found.deleted_at.is_some()
            ),
            (status, low_stock, now, deleted),
            "{events:#?}"
        );
    }
}
