//! The fields of a JSON object that are known, borrowed from its text in one pass.

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::{borrow::Cow, fmt};

/// The name of a field. Half a surrogate pair in it is no error; the name is then none that is known.
fn name(json: &RawValue) -> Cow<'_, str> {
    let inner = json.get().trim_matches('"');
    match inner.contains('\\') {
        true => serde_json::from_str(json.get()).unwrap_or_default(),
        false => inner.into(),
    }
}

/// Declares an object of known fields: each borrows its JSON, others are skipped, the last of equal names counts.
macro_rules! object {
    ($(#[$meta:meta])* $name:ident { $($field:ident: $key:literal,)* }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, Default)]
        pub(super) struct $name<'a> {
            $(pub $field: Option<&'a RawValue>,)*
        }

        impl<'de> Deserialize<'de> for $name<'de> {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                #[derive(Clone, Copy)]
                #[expect(non_camel_case_types, reason = "they are called as their fields")]
                enum Key { $($field,)* Other }

                impl<'de> Deserialize<'de> for Key {
                    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                        Ok(match name(<&RawValue>::deserialize(deserializer)?).as_ref() {
                            $($key => Key::$field,)*
                            _ => Key::Other,
                        })
                    }
                }

                struct Fields;
                impl<'de> Visitor<'de> for Fields {
                    type Value = $name<'de>;
                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        f.write_str("a JSON object")
                    }
                    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<$name<'de>, M::Error> {
                        let mut fields = $name::default();
                        while let Some(key) = map.next_key::<Key>()? {
                            match key {
                                $(Key::$field => fields.$field = Some(map.next_value()?),)*
                                Key::Other => drop(map.next_value::<IgnoredAny>()?),
                            }
                        }
                        Ok(fields)
                    }
                }
                deserializer.deserialize_map(Fields)
            }
        }
    };
}

object! {
    /// The event: what is in the value of a record, or in the `data` of a CloudEvent.
    EventFields {
        id: "id",
        event_id: "eventId",
        kind: "type",
        event_type: "eventType",
        timestamp: "timestamp",
        occurred_at: "occurredAt",
        version: "version",
        product_id: "productId",
        seller_id: "sellerId",
        product: "product",
        current_stock: "currentStock",
        quantity: "quantity",
        threshold: "threshold",
        product_name: "productName",
        category: "category",
        spec_version: "specversion",
        data: "data",
        data_base64: "data_base64",
        time: "time",
        traceparent: "traceparent",
    }
}

object! {
    /// The `product` of an event.
    ProductFields {
        id: "id",
        seller_id: "sellerId",
        name: "name",
        price: "price",
        stock: "stock",
        quantity: "quantity",
        category: "category",
    }
}
