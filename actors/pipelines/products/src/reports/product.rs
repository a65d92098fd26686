//! What a product is, after all of its events.

use super::{Reports, Told};
use jiff::Timestamp;
use millrace_postgres::{Error, Question, Row, all, types::Type};
use serde::Serialize;
use utoipa::ToSchema;

const PRODUCT: &str = "\
    SELECT product_id, seller_id, name, price::text AS price, stock, category, status, low_stock, threshold, \
           first_seen_at, last_event_at, last_event_id, deleted_at \
    FROM product_state WHERE product_id = $1";

/// A product as it is now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct ProductReport {
    /// Its id.
    pub product_id: String,
    /// Who sells it.
    pub seller_id: Option<String>,
    /// Its name.
    pub name: Option<String>,
    /// Its price: a decimal number with the digits that were sent.
    pub price: Option<String>,
    /// How many there are.
    pub stock: Option<i64>,
    /// Where it belongs.
    pub category: Option<String>,
    /// `created`, `updated` or `deleted`.
    pub status: String,
    /// It was warned of, and its stock was not above the threshold since.
    pub low_stock: bool,
    /// Below which stock it is warned of.
    pub threshold: Option<i64>,
    /// The time of its first event.
    pub first_seen_at: Timestamp,
    /// The time of its last event.
    pub last_event_at: Timestamp,
    /// Its last event.
    pub last_event_id: String,
    /// When it was deleted; null while it is not.
    pub deleted_at: Option<Timestamp>,
}

// === impl Reports ===

impl Reports {
    /// The product with this id; none where no event told of it.
    ///
    /// # Errors
    /// The database has no answer.
    pub async fn product(&self, id: &str) -> Told<Option<ProductReport>> {
        let question = Question::new(PRODUCT).with(id.to_owned(), Type::TEXT);
        let [rows] = self.database.answers([question]).await?;
        Ok(all(&rows, product)?.pop())
    }
}

fn product(row: &Row) -> Result<ProductReport, Error> {
    Ok(ProductReport {
        product_id: row.try_get("product_id")?,
        seller_id: row.try_get("seller_id")?,
        name: row.try_get("name")?,
        price: row.try_get("price")?,
        stock: row.try_get("stock")?,
        category: row.try_get("category")?,
        status: row.try_get("status")?,
        low_stock: row.try_get("low_stock")?,
        threshold: row.try_get("threshold")?,
        first_seen_at: row.try_get("first_seen_at")?,
        last_event_at: row.try_get("last_event_at")?,
        last_event_id: row.try_get("last_event_id")?,
        deleted_at: row.try_get("deleted_at")?,
    })
}
