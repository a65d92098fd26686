//! What an event says of its product.

use super::{
    decimal,
    event::{Kind, Says},
    json::Json,
    wrapped::text,
};

/// Wrong fields are told by their pointer.
pub(super) fn says(kind: Kind, event: &Json, product: Option<&Json>) -> Result<Says, &'static str> {
    let integer = |value: &Json| match value {
        Json::Number(number) => decimal::integer(number),
        _ => None,
    };
    match kind {
        Kind::Deleted => Ok(Says::default()),
        Kind::LowStock => {
            let stock = match (event.present("currentStock"), event.present("quantity")) {
                (Some(stock), _) => integer(stock).ok_or("/currentStock")?,
                (None, Some(stock)) => integer(stock).ok_or("/quantity")?,
                (None, None) => return Err("/currentStock"),
            };
            Ok(Says {
                name: text(event.get("productName")),
                price: None,
                stock: Some(stock),
                category: text(event.get("category")),
                threshold: event.get("threshold").and_then(integer),
            })
        }
        Kind::Created | Kind::Updated => {
            let product = product.ok_or("/product")?;
            let Some(Json::Text(name)) = product.get("name") else {
                return Err("/product/name");
            };
            let Some(Json::Number(price)) = product.get("price") else {
                return Err("/product/price");
            };
            let stock = match (product.present("stock"), product.present("quantity")) {
                (Some(stock), _) => integer(stock).ok_or("/product/stock"),
                (None, Some(stock)) => integer(stock).ok_or("/product/quantity"),
                (None, None) => Err("/product/stock"),
            };
            let price = decimal::numeric(price).ok_or("/product/price")?;
            Ok(Says {
                name: Some(name.replace('\0', "")),
                price: Some(price),
                stock: Some(stock?),
                category: text(product.get("category")),
                threshold: None,
            })
        }
    }
}
