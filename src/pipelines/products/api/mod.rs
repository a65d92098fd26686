//! What the pipeline shows over HTTP: recent events from their store, all else from the database.

mod archive;
mod events;
mod health;
mod live;
mod positions;
mod product;
mod rejected;
mod stats;
mod times;

#[cfg(test)]
mod tests;

use super::panels::PANELS;
use crate::{
    http::{Api, ApiError, HealthPart, Panels, Shown},
    telemetry::Line,
};
pub(super) use health::Figures;
pub(super) use rejected::reason;
pub(super) use times::hour;

use futures_util::future::{BoxFuture, FutureExt};
use live::{ArchiveFileNow, ProductEventNow, RejectedNow};
use millrace_postgres::Unanswered;
use millrace_products::{
    NAME,
    recent::{NoAnswer, RecentStore},
    reports::{ReadHere, Reports},
};
use serde_json::Value;
use std::sync::Arc;
use utoipa::OpenApi;
use utoipa_axum::{router::OpenApiRouter, routes};

/// What this replica knows of the partitions that it reads.
pub(super) type Partitions = Arc<dyn Fn() -> Vec<ReadHere> + Send + Sync>;

/// Where the answers come from.
pub(super) struct Reported {
    /// What the database knows.
    pub(super) reports: Reports,
    /// Recent events.
    pub(super) recent: Arc<dyn RecentStore>,
    /// What only the source knows.
    pub(super) partitions: Partitions,
    /// For `/health`.
    pub(super) figures: Figures,
}

/// What the handlers share.
#[derive(Clone)]
struct Asked {
    api: Api,
    reports: Reports,
    recent: Arc<dyn RecentStore>,
    partitions: Partitions,
}

/// What the document says beside the routes.
#[derive(OpenApi)]
#[openapi(components(schemas(ProductEventNow, RejectedNow, ArchiveFileNow)))]
struct Outline;

// === impl Reported ===

impl Shown for Reported {
    fn routes(&self, api: &Api) -> OpenApiRouter<Api> {
        OpenApiRouter::with_openapi(Outline::openapi())
            .routes(routes!(events::events))
            .routes(routes!(events::event))
            .routes(routes!(stats::stats))
            .routes(routes!(archive::archive))
            .routes(routes!(rejected::rejected))
            .routes(routes!(positions::positions))
            .routes(routes!(product::product))
            .with_state(Asked {
                api: api.clone(),
                reports: self.reports.clone(),
                recent: self.recent.clone(),
                partitions: self.partitions.clone(),
            })
    }

    fn health(&self) -> BoxFuture<'_, HealthPart> {
        health::part(&self.figures, &self.reports).boxed()
    }

    fn panels(&self) -> Panels {
        PANELS
    }

    fn stored(&self, line: &Line) -> Option<(&'static str, Value)> {
        // A line of the archive belongs to no delivery, and so has no pipeline.
        let is_ours = line.text("pipeline").is_none_or(|pipeline| pipeline == NAME);
        is_ours.then(|| live::told(line))?
    }
}

impl From<NoAnswer> for ApiError {
    fn from(why: NoAnswer) -> Self {
        Self::unavailable(format!("the recent store has no answer: {why}"))
    }
}

impl From<Unanswered> for ApiError {
    fn from(why: Unanswered) -> Self {
        Self::unavailable(format!("the database has no answer: {why}"))
    }
}
