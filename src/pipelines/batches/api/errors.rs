//! `/errors`: crawl errors by code and by category.

use super::Ledger;
use crate::http::{ApiError, Body, Query, text};
use axum::extract::{OriginalUri, State};
use jiff::Timestamp;
use millrace_batches::reports::{CategoryCount, CodeCount, ErrorsOf, Sums};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Which errors.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Which {
    /// Of one project.
    project_id: Option<String>,
    /// Of one platform.
    platform: Option<String>,
}

/// Crawl errors.
#[derive(Serialize, ToSchema)]
struct Errors {
    /// `database`: what all replicas stored.
    scope: &'static str,
    /// Everything that was stored until then is in the figures.
    as_of: Timestamp,
    /// Of all codes.
    total: i64,
    /// Most frequent first, at most 200.
    codes: Vec<CodeCount>,
    /// Most frequent first.
    categories: Vec<CategoryCount>,
}

/// Crawl errors by code and by category.
#[utoipa::path(get, path = "/errors", params(Which), responses((status = 200, body = Errors)))]
pub(super) async fn errors(
    State(ledger): State<Ledger>,
    OriginalUri(uri): OriginalUri,
    Query(which): Query<Which>,
) -> Result<Body, ApiError> {
    let platform = text("platform", which.platform)?;
    let of = ErrorsOf {
        project_id: text("project_id", which.project_id)?,
        platform: platform.map(|platform| platform.to_lowercase()),
    };
    let asked = ledger.reports.errors(of);
    let answer = async move {
        let Sums { as_of, of: found } = asked.await?;
        Ok(Errors {
            scope: "database",
            as_of,
            total: found.categories.iter().map(|category| category.errors).sum(),
            codes: found.codes,
            categories: found.categories,
        })
    };
    ledger.api.answer(&uri, answer).await
}
