//! `/products/stats`: how many products and events there are.

use super::Asked;
use crate::http::{ApiError, Body, Query};
use axum::extract::{OriginalUri, State};
use millrace_products::reports::StatsReport;
use serde::Deserialize;
use utoipa::IntoParams;

/// Of how many hours.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Which {
    /// Hours that are told one by one.
    #[param(value_type = Option<u16>, minimum = 1, maximum = 9_600, default = 24)]
    hours: Option<String>,
}

const DEFAULT: u16 = 24;
/// As long as the figures are kept where nothing else is set.
const MOST: u16 = 9_600;

/// Products as they are, and events as they were counted.
#[utoipa::path(get, path = "/products/stats", params(Which), responses((status = 200, body = StatsReport)))]
pub(super) async fn stats(
    State(asked): State<Asked>,
    OriginalUri(uri): OriginalUri,
    Query(which): Query<Which>,
) -> Result<Body, ApiError> {
    let hours = match which.hours.as_deref() {
        None => DEFAULT,
        Some(text) => {
            let number = text.parse().ok().filter(|hours| (1..=MOST).contains(hours));
            number.ok_or_else(|| ApiError::bad(format!("hours is {text:?}: expected 1 to {MOST}")))?
        }
    };
    let reports = asked.reports.clone();
    let answer = async move { Ok(reports.stats(hours).await?) };
    asked.api.answer(&uri, answer).await
}
