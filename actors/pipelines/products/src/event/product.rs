//! What an event says of its product.

use super::{
    fields::{Field, Kind, clean, first},
    object::{EventFields, ProductFields},
    reading::{Counts, Refusal},
};
use crate::domain::{Change, EventType, ProductValues};
use serde_json::value::RawValue;

/// What an event of this type says. `prefix` is the JSON pointer of the event in its record.
pub(super) fn change(
    kind: EventType,
    event: &EventFields<'_>,
    product: Option<&ProductFields<'_>>,
    prefix: &str,
    counts: &mut Counts,
) -> Result<Change, Refusal> {
    match kind {
        EventType::Deleted => Ok(Change::Deleted),
        EventType::LowStock => low_stock(event, prefix, counts),
        EventType::Created | EventType::Updated => match product {
            Some(product) => values(product, prefix, counts).map(Change::Values),
            None => {
                let what = match event.product.map(Kind::of) {
                    None | Some(Kind::Null) => "missing".to_owned(),
                    Some(kind) => format!("{kind}, not an object"),
                };
                Err(Refusal::schema(&format!("{prefix}/product"), what))
            }
        },
    }
}

fn values(product: &ProductFields<'_>, prefix: &str, counts: &mut Counts) -> Result<ProductValues, Refusal> {
    let missing = |pointer| Refusal::schema(&format!("{prefix}{pointer}"), "missing");
    let name = product.name.ok_or_else(|| missing("/product/name"))?;
    let name = clean(name, counts).ok_or_else(|| {
        let what = format!("{}, not a text", Kind::of(name));
        Refusal::schema(&format!("{prefix}/product/name"), what)
    })?;
    let price = first([("/product/price", product.price)]).ok_or_else(|| missing("/product/price"))?;
    let stock = first([
        ("/product/stock", product.stock),
        ("/product/quantity", product.quantity),
    ]);
    Ok(ProductValues {
        name: name.into_owned(),
        price: price.number(prefix)?.to_owned(),
        stock: integer(stock, "/product/stock", prefix)?,
        category: text(product.category, counts),
    })
}

fn low_stock(event: &EventFields<'_>, prefix: &str, counts: &mut Counts) -> Result<Change, Refusal> {
    let stock = first([
        ("/currentStock", event.current_stock),
        ("/quantity", event.quantity),
    ]);
    Ok(Change::LowStock {
        stock: integer(stock, "/currentStock", prefix)?,
        threshold: first([("/threshold", event.threshold)]).and_then(|field| field.integer()),
        name: text(event.product_name, counts),
        category: text(event.category, counts),
    })
}

fn integer(field: Option<Field<'_>>, preferred: &str, prefix: &str) -> Result<i64, Refusal> {
    let Some(field) = field else {
        return Err(Refusal::schema(&format!("{prefix}{preferred}"), "missing"));
    };
    field.integer().ok_or_else(|| {
        let what = match field.kind() {
            Kind::Number => "no whole number of 64 bits".to_owned(),
            kind => format!("{kind}, not an integer"),
        };
        Refusal::schema(&format!("{prefix}{}", field.pointer), what)
    })
}

/// A text that may be left out; what is none, or has nothing in it, says nothing.
fn text(json: Option<&RawValue>, counts: &mut Counts) -> Option<String> {
    let text = clean(json?, counts)?;
    (!text.is_empty()).then(|| text.into_owned())
}
