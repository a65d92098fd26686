//! Events as items of DynamoDB. The same event is the same item, byte for byte, so it may be put however often.

use super::RecentEvent;
use jiff::Timestamp;
use millrace_dynamodb::{Index, Item, MOST_BYTES, Shape, Value, bytes_of};

/// What the table is like.
pub const SHAPE: Shape = Shape {
    key: ID,
    indexes: &[BY_PRODUCT, BY_TYPE],
    ttl: TTL,
};

/// For questions by product.
pub(super) const BY_PRODUCT: Index = Index {
    name: "by_product",
    hash: PRODUCT_ID,
    range: TIMESTAMP,
};
/// For questions by kind, and for those by neither.
pub(super) const BY_TYPE: Index = Index {
    name: "by_type",
    hash: EVENT_TYPE,
    range: TIMESTAMP,
};

pub(super) const ID: &str = "id";
const EVENT_ID: &str = "eventId";
const EVENT_TYPE: &str = "eventType";
const TIMESTAMP: &str = "timestamp";
const DATA: &str = "data";
const ENCODING: &str = "dataEncoding";
const OVERSIZE: &str = "oversize";
const TTL: &str = "ttl";
const CREATED_AT: &str = "createdAt";
const PRODUCT_ID: &str = "productId";
const SELLER_ID: &str = "sellerId";
/// `data` is the JSON text.
const AS_JSON: &str = "json";

/// The item of an event. `data` is a map; the JSON text where DynamoDB has no such map or it would be too large; and
/// nothing where that is too large as well.
pub(super) fn item_of(event: &RecentEvent) -> Item {
    let mut item = Item::from([
        (ID.to_owned(), Value::from(event.id.as_str())),
        (EVENT_ID.to_owned(), Value::from(event.id.as_str())),
        (EVENT_TYPE.to_owned(), Value::from(event.event_type.as_str())),
        (TIMESTAMP.to_owned(), Value::Text(text_of(event.at))),
        (TTL.to_owned(), Value::from(event.expires_at.as_second())),
        (CREATED_AT.to_owned(), Value::Text(text_of(event.received_at))),
    ]);
    let known = [(PRODUCT_ID, &event.product_id), (SELLER_ID, &event.seller_id)];
    for (name, value) in known {
        // An empty text is no key of an index.
        if let Some(value) = value.as_deref().filter(|value| !value.is_empty()) {
            item.insert(name.to_owned(), Value::from(value));
        }
    }
    if let Some(payload) = &event.payload {
        let room = MOST_BYTES - bytes_of(&item);
        add_data(&mut item, payload, room);
    }
    item
}

fn add_data(item: &mut Item, payload: &str, room: usize) {
    let map = Value::from_json(payload).filter(|data| matches!(data, Value::Map(_)));
    if let Some(data) = map.filter(|data| DATA.len() + data.bytes() <= room) {
        item.insert(DATA.to_owned(), data);
        return;
    }
    let encoding = ENCODING.len() + AS_JSON.len();
    if DATA.len() + payload.len() + encoding <= room {
        item.insert(DATA.to_owned(), Value::from(payload));
        item.insert(ENCODING.to_owned(), Value::from(AS_JSON));
    } else {
        item.insert(OVERSIZE.to_owned(), Value::Bool(true));
    }
}

/// Whether an item is without its data.
pub(super) fn is_oversize(item: &Item) -> bool {
    item.get(OVERSIZE) == Some(&Value::Bool(true))
}

/// The event of an item; none where it is no item of an event.
pub(super) fn event_of(item: &Item) -> Option<RecentEvent> {
    let text = |name: &str| item.get(name).and_then(Value::as_text).map(str::to_owned);
    let time = |name: &str| -> Option<Timestamp> { text(name)?.parse().ok() };
    let data = item.get(DATA);
    let payload = match data {
        Some(Value::Text(json)) if text(ENCODING).as_deref() == Some(AS_JSON) => Some(json.clone()),
        other => other.map(Value::to_json),
    };
    let at = time(TIMESTAMP)?;
    Some(RecentEvent {
        id: text(ID)?,
        event_type: text(EVENT_TYPE)?,
        product_id: text(PRODUCT_ID),
        seller_id: text(SELLER_ID),
        at,
        received_at: time(CREATED_AT).unwrap_or(at),
        // Without an end it never ends.
        expires_at: match item.get(TTL).and_then(Value::as_integer) {
            Some(second) => Timestamp::from_second(second).ok()?,
            None => Timestamp::MAX,
        },
        payload,
    })
}

/// Of the same length for every time, so that texts are sorted as times are.
pub(super) fn text_of(time: Timestamp) -> String {
    format!("{time:.6}")
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(crate) fn event(payload: &str) -> RecentEvent {
        RecentEvent {
            id: "e-1".to_owned(),
            event_type: "ProductCreated".to_owned(),
            product_id: Some("p-1".to_owned()),
            seller_id: Some("s-1".to_owned()),
            at: "2026-03-01T10:00:00.000001Z".parse().unwrap(),
            received_at: "2026-03-01T10:00:01Z".parse().unwrap(),
            expires_at: "2026-03-31T10:00:01Z".parse().unwrap(),
            payload: Some(payload.to_owned()),
        }
    }

    #[test]
    fn an_item_is_what_the_service_of_before_wrote_and_two_attributes_more() {
        let item = item_of(&event(r#"{"id":"e-1","product":{"price":19.90}}"#));
        let json = Value::Map(item.clone()).to_json();
        assert_eq!(
            json,
            r#"{"createdAt":"2026-03-01T10:00:01.000000Z","data":{"id":"e-1","product":{"price":19.90}},"eventId":"e-1","eventType":"ProductCreated","id":"e-1","productId":"p-1","sellerId":"s-1","timestamp":"2026-03-01T10:00:00.000001Z","ttl":1774951201}"#
        );
        let back = event_of(&item).unwrap();
        assert_eq!(back, event(r#"{"id":"e-1","product":{"price":19.90}}"#));
    }

    #[test]
    fn what_dynamodb_has_no_map_for_is_text_and_comes_back_as_sent() {
        for payload in [
            r#"{"a":1e400}"#,
            r#"{"a":1,"a":2}"#,
            &format!("{{\"a\":{}1{}}}", "[".repeat(40), "]".repeat(40)),
        ] {
            let item = item_of(&event(payload));
            assert_eq!(item[ENCODING], Value::from("json"), "{payload}");
            assert_eq!(event_of(&item).unwrap().payload.as_deref(), Some(payload));
        }
    }

    #[test]
    fn what_is_too_large_is_text_and_else_left_out() {
        // Many small values: the map is larger than its text.
        let small = format!(r#"{{"a":[{}1]}}"#, "1,".repeat(150_000));
        let item = item_of(&event(&small));
        assert_eq!(item.get(ENCODING), Some(&Value::from("json")));
        assert!(bytes_of(&item) <= MOST_BYTES && !is_oversize(&item));
        let large = format!(r#"{{"a":"{}"}}"#, "x".repeat(MOST_BYTES));
        let item = item_of(&event(&large));
        assert!(is_oversize(&item) && !item.contains_key(DATA));
        assert_eq!(event_of(&item).unwrap().payload, None);
    }

    #[test]
    fn an_item_of_the_service_of_before_is_an_event() {
        let old = r#"{"id":"x","eventId":"x","eventType":"ProductDeleted","timestamp":"2024-01-01T00:00:00.000Z","data":{"id":"x"},"ttl":1706659200,"createdAt":"2024-01-01T00:00:01.000Z"}"#;
        let Some(Value::Map(item)) = Value::from_json(old) else {
            panic!("an object");
        };
        let event = event_of(&item).unwrap();
        assert_eq!(event.product_id, None);
        assert_eq!(event.expires_at.as_second(), 1_706_659_200);
        assert_eq!(event_of(&Item::new()), None);
    }
}
