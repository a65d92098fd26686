//! The state of a product and the counts do not depend on the order in which its events arrive.

use crate::{fixtures::*, server::TestDatabase};
use millrace_engine::Sink;
use millrace_products::domain::{Change, Event, EventType};
use proptest::{prelude::*, test_runner::TestRunner};

/// An event without its place in Kafka.
#[derive(Clone, Debug)]
struct Happened {
    id: String,
    seconds: i64,
    kind: u8,
    price: u8,
    stock: i64,
    threshold: Option<i64>,
    category: Option<String>,
    seller: Option<String>,
}

fn happened() -> impl Strategy<Value = Happened> {
    // Few moments and values, so that times tie and thresholds are met.
    let small = (0..4_i64, 0..4_u8, 0..9_u8, 0..6_i64);
    let optional = (
        proptest::option::of(0..6_i64),
        proptest::option::of("[ab]"),
        proptest::option::of("[st]"),
    );
    (small, optional).prop_map(
        |((seconds, kind, price, stock), (threshold, category, seller))| Happened {
            id: String::new(),
            seconds,
            kind,
            price,
            stock,
            threshold,
            category,
            seller,
        },
    )
}

impl Happened {
    fn event(&self, offset: i64) -> Event {
        let (id, product, seconds) = (self.id.as_str(), "p", self.seconds);
        let values = || {
            values(
                &format!("{}.50", self.price),
                self.stock,
                self.category.as_deref(),
            )
        };
        let mut event = match self.kind {
            0 => {
                let mut event = created(offset, id, product, seconds);
                event.change = values();
                event
            }
            1 => updated(offset, id, product, seconds, values()),
            2 => warned(offset, id, product, seconds, (self.stock, self.threshold)),
            _ => deleted(offset, id, product, seconds),
        };
        event.seller_id = self.seller.clone();
        event
    }
}

/// The row, from all events at once: straight from the table in `domain`.
fn expected(events: &[Event]) -> String {
    let mut events: Vec<&Event> = events.iter().collect();
    events.sort_by_key(|event| (event.at, event.event_type, event.id.as_bytes()));
    let last = |of: &dyn Fn(&Event) -> Option<String>| events.iter().rev().find_map(|event| of(event));
    let place = |of: &dyn Fn(&Event) -> bool| events.iter().rposition(|event| of(event));
    let kind = |of: EventType| place(&|event| event.event_type == of);
    let stock = |event: &Event| match &event.change {
        Change::Values(values) => Some(values.stock),
        Change::LowStock { stock, .. } => Some(*stock),
        Change::Deleted => None,
    };
    let values = |get: fn(&millrace_products::domain::ProductValues) -> Option<String>| {
        last(&|event| match &event.change {
            Change::Values(values) => get(values),
            Change::LowStock { .. } | Change::Deleted => None,
        })
    };
    let is_deleted = kind(EventType::Deleted) > kind(EventType::Created);
    let status = match is_deleted {
        true => "deleted",
        false if kind(EventType::Created) > kind(EventType::Updated) => "created",
        false => "updated",
    };
    let low_stock = kind(EventType::LowStock).is_some_and(|warned| {
        let Change::LowStock {
            stock: of, threshold, ..
        } = &events[warned].change
        else {
            unreachable!("it is a warning");
        };
        let last_stock = place(&|event| stock(event).is_some()).unwrap();
        last_stock <= warned || stock(events[last_stock]).unwrap() <= threshold.unwrap_or(*of)
    });
    let threshold = last(&|event| match &event.change {
        Change::LowStock { threshold, .. } => threshold.map(|of| of.to_string()),
        _ => None,
    });
    let deleted_at = kind(EventType::Deleted)
        .filter(|_| is_deleted)
        .map(|place| events[place].at.as_second().to_string());
    let newest = events.last().unwrap();
    let columns = [
        last(&|event| event.seller_id.clone()),
        values(|values| Some(values.name.clone())),
        values(|values| Some(values.price.clone())),
        last(&|event| stock(event).map(|stock| stock.to_string())),
        values(|values| values.category.clone()),
        Some(status.to_owned()),
        Some(low_stock.to_string()),
        threshold,
        Some(events[0].at.as_second().to_string()),
        Some(newest.at.as_second().to_string()),
        Some(newest.id.clone()),
        deleted_at,
    ];
    columns.map(|column| column.unwrap_or("-".to_owned())).join(" ")
}

const STATE: &str = "SELECT array_to_string(ARRAY[seller_id, name, price::text, stock::text, category, status, low_stock::text, \
    threshold::text, extract(epoch FROM first_seen_at)::bigint::text, extract(epoch FROM last_event_at)::bigint::text, \
    last_event_id, extract(epoch FROM deleted_at)::bigint::text], ' ', '-') FROM product_state";

/// A set of events, another order of them, and where that is cut into chunks.
fn arrivals() -> impl Strategy<Value = (Vec<Happened>, Vec<usize>)> {
    proptest::collection::vec(happened(), 1..12).prop_flat_map(|mut all| {
        for (n, one) in all.iter_mut().enumerate() {
            one.id = format!("e{n:02}");
        }
        let cuts = proptest::collection::vec(1..5_usize, 12);
        (Just(all).prop_shuffle(), cuts)
    })
}

#[test]
fn the_state_is_that_of_all_events_whatever_their_order_and_chunks() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    let database = runtime.block_on(TestDatabase::migrated());
    let config = ProptestConfig {
        cases: 150,
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    let tested = TestRunner::new(config).run(&arrivals(), |(arrived, cuts)| {
        let found = runtime.block_on(async {
            database
                .run("TRUNCATE kafka_positions, product_events, product_event_ids, product_state, product_stats, archive_pending")
                .await;
            let mut writer = database.writer();
            let (mut next, mut left) = (0, &arrived[..]);
            for cut in cuts {
                let (part, rest) = left.split_at(cut.min(left.len()));
                left = rest;
                let events: Vec<_> = (next..).zip(part).map(|(offset, one)| one.event(offset)).collect();
                let from = (next > 0).then_some(next);
                next += events.len() as i64;
                if !events.is_empty() {
                    writer.write(&[&chunk(from, next, events)]).await.unwrap();
                }
            }
            database.texts(STATE).await
        });
        let events: Vec<_> = arrived.iter().map(|one| one.event(0)).collect();
        prop_assert_eq!(found, [expected(&events)]);
        Ok(())
    });
    tested.unwrap();
}
