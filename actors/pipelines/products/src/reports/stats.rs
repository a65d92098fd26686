//! How many products and events there are.

use super::{Reports, Told};
use jiff::{Timestamp, tz::TimeZone};
use millrace_postgres::{Error, Question, Row, all, types::Type};
use serde::Serialize;
use std::collections::BTreeMap;
use utoipa::ToSchema;

const PRODUCTS: &str = "\
    SELECT count(*) FILTER (WHERE status = 'created') AS created, \
           count(*) FILTER (WHERE status = 'updated') AS updated, \
           count(*) FILTER (WHERE status = 'deleted') AS deleted, \
           count(*) FILTER (WHERE low_stock AND status <> 'deleted') AS low_stock \
    FROM product_state";

const KINDS: &str = "\
    SELECT event_type, sum(events)::bigint, min(hour) FILTER (WHERE events > 0) FROM product_stats GROUP BY event_type \
    HAVING sum(events) > 0";

const HOURS: &str = "\
    SELECT hour, sum(events)::bigint FROM product_stats \
    WHERE hour > date_trunc('hour', now()) - make_interval(hours => $1) \
    GROUP BY hour HAVING sum(events) > 0 ORDER BY hour";

/// Products as they are, and events as they were counted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct StatsReport {
    /// Products that are not deleted.
    pub total_products: i64,
    /// Events since `since`.
    pub total_events: i64,
    /// Events since `since`, by kind.
    pub events_by_type: BTreeMap<String, i64>,
    /// Products by what they are now.
    pub products_by_status: ProductsByStatus,
    /// Events of the last hours by the UTC hour in which they happened, as `YYYY-MM-DDTHH`; an hour without any is left out.
    pub hourly_stats: BTreeMap<String, i64>,
    /// The first hour that is counted; null where there is no event yet.
    pub since: Option<Timestamp>,
}

/// Products by what they are now.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProductsByStatus {
    /// Created, and not updated since.
    pub created: i64,
    /// Updated.
    pub updated: i64,
    /// Deleted.
    pub deleted: i64,
    /// Not deleted, and low on stock; they are counted above as well.
    pub low_stock: i64,
}

// === impl Reports ===

impl Reports {
    /// Events by kind, of all that are counted.
    ///
    /// # Errors
    /// The database has no answer.
    pub async fn events_by_type(&self) -> Told<BTreeMap<String, i64>> {
        let [kinds] = self.database.answers([Question::new(KINDS)]).await?;
        let kinds: Vec<(String, i64)> = all(&kinds, |row| Ok((row.try_get(0)?, row.try_get(1)?)))?;
        Ok(kinds.into_iter().collect())
    }

    /// The figures, and those of so many hours one by one.
    ///
    /// # Errors
    /// The database has no answer.
    pub async fn stats(&self, hours: u16) -> Told<StatsReport> {
        let questions = [
            Question::new(PRODUCTS),
            Question::new(KINDS),
            Question::new(HOURS).with(i32::from(hours), Type::INT4),
        ];
        let [products, kinds, hours] = self.database.answers(questions).await?;
        let products = all(&products, by_status)?.pop().unwrap_or_default();
        let kinds: Vec<(String, i64, Option<Timestamp>)> = all(&kinds, |row| {
            Ok((row.try_get(0)?, row.try_get(1)?, row.try_get(2)?))
        })?;
        let hours: Vec<(Timestamp, i64)> = all(&hours, |row| Ok((row.try_get(0)?, row.try_get(1)?)))?;
        Ok(StatsReport {
            total_products: products.created + products.updated,
            total_events: kinds.iter().map(|(_, events, _)| events).sum(),
            since: kinds.iter().filter_map(|(.., since)| *since).min(),
            events_by_type: kinds
                .into_iter()
                .map(|(kind, events, _)| (kind, events))
                .collect(),
            products_by_status: products,
            hourly_stats: hours
                .into_iter()
                .map(|(hour, events)| (name_of(hour), events))
                .collect(),
        })
    }
}

fn by_status(row: &Row) -> Result<ProductsByStatus, Error> {
    Ok(ProductsByStatus {
        created: row.try_get("created")?,
        updated: row.try_get("updated")?,
        deleted: row.try_get("deleted")?,
        low_stock: row.try_get("low_stock")?,
    })
}

fn name_of(hour: Timestamp) -> String {
    hour.to_zoned(TimeZone::UTC).strftime("%Y-%m-%dT%H").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_hour_is_named_as_the_service_of_before_did() {
        assert_eq!(name_of("2026-03-01T04:59:59Z".parse().unwrap()), "2026-03-01T04");
    }
}
