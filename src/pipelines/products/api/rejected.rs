//! `/products/rejected`: records that are no events.

use super::Asked;
use crate::http::{ApiError, Body, Query, cursor, cursor_of, limit};
use axum::extract::{OriginalUri, State};
use millrace_products::{
    domain::Reason,
    reports::{RejectedPlace, RejectedReport},
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Which records, and which part of their list.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Which {
    /// Of one reason.
    reason: Option<String>,
    /// Entries at most.
    #[param(value_type = Option<u8>, minimum = 1, maximum = 200, default = 50)]
    limit: Option<String>,
    /// `next` of the part before; absent for the first one.
    cursor: Option<String>,
}

/// A part of the list of rejected records.
#[derive(Serialize, ToSchema)]
struct Rejected {
    /// `database`: what all replicas stored.
    scope: &'static str,
    /// Newest first.
    rejected: Vec<RejectedReport>,
    /// `cursor` of the next part; null at the end.
    next: Option<String>,
}

/// Records that are no events, newest first.
#[utoipa::path(get, path = "/products/rejected", params(Which), responses((status = 200, body = Rejected)))]
pub(super) async fn rejected(
    State(asked): State<Asked>,
    OriginalUri(uri): OriginalUri,
    Query(which): Query<Which>,
) -> Result<Body, ApiError> {
    let limit = limit(which.limit.as_deref())?;
    let after: Option<RejectedPlace> = cursor(which.cursor.as_deref())?;
    if after.as_ref().is_some_and(|place| place.1.contains('\0')) {
        return Err(ApiError::bad("cursor holds a zero byte"));
    }
    let reason = reason(which.reason.as_deref()).map_err(ApiError::bad)?;
    let reports = asked.reports.clone();
    let answer = async move {
        let mut rejected = reports.rejected(reason, after, limit + 1).await?;
        let more = rejected.len() > limit;
        rejected.truncate(limit);
        let last = rejected.last().filter(|_| more).map(RejectedReport::place);
        Ok(Rejected {
            scope: "database",
            next: last.as_ref().and_then(cursor_of),
            rejected,
        })
    };
    asked.api.answer(&uri, answer).await
}

/// A reason by its name.
///
/// # Errors
/// There is no such reason.
pub(in crate::pipelines::products) fn reason(text: Option<&str>) -> Result<Option<String>, String> {
    let Some(text) = text.filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    if Reason::ALL.iter().any(|reason| reason.as_str() == text) {
        return Ok(Some(text.to_owned()));
    }
    let names = Reason::ALL.map(Reason::as_str).join(", ");
    Err(format!("reason is {text:?}: expected one of {names}"))
}
