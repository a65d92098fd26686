//! `/products/{product_id}`: a product as it is now.

use super::{Asked, events::EventShown};
use crate::http::{ApiError, Body, Name, Problem};
use axum::extract::{OriginalUri, State};
use jiff::Timestamp;
use millrace_products::{recent::EventQuestion, reports::ProductReport};
use serde::Serialize;
use utoipa::ToSchema;

/// Events that are told with a product.
const EVENTS: usize = 20;

/// A product and its last events.
#[derive(Serialize, ToSchema)]
struct Product {
    /// `database`: what all replicas stored.
    scope: &'static str,
    /// As it is after all of its events.
    product: ProductReport,
    /// Its last 20 events that have not expired, newest first.
    events: Vec<EventShown>,
}

/// A product as it is now, and its last events.
///
/// A product whose id is that of another route here (`events`, `stats`, …) is found by `events?product_id=` only.
#[utoipa::path(
    get, path = "/products/{product_id}",
    params(("product_id" = String, Path, description = "The product.")),
    responses((status = 200, body = Product), (status = 404, body = Problem, description = "No event told of it.")),
)]
pub(super) async fn product(
    State(asked): State<Asked>,
    OriginalUri(uri): OriginalUri,
    Name(id): Name,
) -> Result<Body, ApiError> {
    let (recent, reports) = (asked.recent.clone(), asked.reports.clone());
    let answer = async move {
        let Some(product) = reports.product(&id).await? else {
            return Err(ApiError::not_found(format!("no event told of product {id:?}")));
        };
        let question = EventQuestion {
            product_id: Some(id),
            limit: EVENTS,
            ..EventQuestion::default()
        };
        let events = recent.list(&question, Timestamp::now()).await?;
        Ok(Product {
            scope: "database",
            product,
            events: events.into_iter().map(EventShown::from).collect(),
        })
    };
    asked.api.answer(&uri, answer).await
}
