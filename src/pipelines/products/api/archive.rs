//! `/products/archive`: files, and whether an hour is complete.

use super::{Asked, times::hour};
use crate::http::{ApiError, Body, Query};
use axum::extract::{OriginalUri, State};
use millrace_products::reports::ArchiveReport;
use serde::Deserialize;
use utoipa::IntoParams;

/// Which hour.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Which {
    /// One hour with its files, such as `2026-03-01T10`, in UTC; without it the newest 72 hours.
    hour: Option<String>,
}

/// Hours of the archive, and the files of one.
#[utoipa::path(get, path = "/products/archive", params(Which), responses((status = 200, body = ArchiveReport)))]
pub(super) async fn archive(
    State(asked): State<Asked>,
    OriginalUri(uri): OriginalUri,
    Query(which): Query<Which>,
) -> Result<Body, ApiError> {
    let named = which.hour.as_deref().filter(|text| !text.is_empty());
    let hour = named.map(hour).transpose();
    let hour = hour.map_err(|why| ApiError::bad(format!("hour: {why}")))?;
    let reports = asked.reports.clone();
    let answer = async move { Ok(reports.archive(hour).await?) };
    asked.api.answer(&uri, answer).await
}
