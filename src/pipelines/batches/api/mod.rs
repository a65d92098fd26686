//! What the pipeline shows over HTTP: projects, batches and crawl errors from the database, the last minutes from
//! memory.

mod batches;
mod errors;
mod lately;
mod list;
mod projects;
mod stored;

#[cfg(test)]
mod tests;

use crate::{
    http::{Api, ApiError, Extent, Panels, Replica, Shown},
    pipelines::batches::PANELS,
    telemetry::Line,
};
use lately::Lately;
use millrace_batches::{
    NAME,
    recent::Recent,
    reports::{ReportQueries, Unavailable},
};
use serde_json::{Map, Value};
use std::sync::Arc;
use stored::StoredNow;
use utoipa::OpenApi;
use utoipa_axum::{router::OpenApiRouter, routes};

/// Where the answers come from.
pub(super) struct Reported {
    /// What happened lately.
    pub(super) recent: Recent,
    /// What the database knows.
    pub(super) reports: Arc<dyn ReportQueries>,
}

/// What the handlers share.
#[derive(Clone)]
struct Ledger {
    api: Api,
    reports: Arc<dyn ReportQueries>,
}

/// What the document says beside the routes.
#[derive(OpenApi)]
#[openapi(components(schemas(Lately, StoredNow)))]
struct Outline;

// === impl Reported ===

impl Shown for Reported {
    fn routes(&self, api: &Api) -> OpenApiRouter<Api> {
        OpenApiRouter::with_openapi(Outline::openapi())
            .routes(routes!(projects::projects))
            .routes(routes!(projects::progress))
            .routes(routes!(errors::errors))
            .routes(routes!(batches::batches))
            .routes(routes!(batches::batch))
            .with_state(Ledger {
                api: api.clone(),
                reports: self.reports.clone(),
            })
    }

    fn status_schema(&self) -> Option<&'static str> {
        Some("Lately")
    }

    fn status(&self, replica: &Replica, extent: Extent) -> Map<String, Value> {
        match serde_json::to_value(Lately::now(&self.recent, replica, extent)) {
            Ok(Value::Object(fields)) => fields,
            _ => Map::new(),
        }
    }

    fn panels(&self) -> Panels {
        PANELS
    }

    fn stored(&self, line: &Line) -> Option<(&'static str, Value)> {
        line.text("pipeline").filter(|pipeline| *pipeline == NAME)?;
        let stored = serde_json::to_value(StoredNow::from(line)).ok()?;
        Some(("batch", stored))
    }
}

impl From<Unavailable> for ApiError {
    fn from(why: Unavailable) -> Self {
        Self::unavailable(format!("the database has no answer: {why}"))
    }
}
