//! What a pipeline shows over HTTP, beside what is shown of every pipeline.

use super::api::{Api, Replica};
use crate::telemetry::Line;
use futures_util::future::{BoxFuture, FutureExt, ready};
use serde_json::{Map, Value};
use utoipa_axum::router::OpenApiRouter;

/// A pipeline that has something to show. All of it has a default: nothing.
pub trait Shown: Send + Sync {
    /// Routes below `/api/v1`. What is described with them becomes part of the OpenAPI document.
    fn routes(&self, _: &Api) -> OpenApiRouter<Api> {
        OpenApiRouter::new()
    }

    /// The schema of what it adds to the status document: one that its routes describe.
    fn status_schema(&self) -> Option<&'static str> {
        None
    }

    /// What it adds to the status document.
    fn status(&self, _: &Replica, _: Extent) -> Map<String, Value> {
        Map::new()
    }

    /// A line about something stored, as an event of the live stream: its name and its data. None where the line is of
    /// another pipeline.
    fn stored(&self, _: &Line) -> Option<(&'static str, Value)> {
        None
    }

    /// What it adds to `/health`. It asks no more often than every two seconds, however often it is asked, and writes nothing.
    fn health(&self) -> BoxFuture<'_, HealthPart> {
        ready(HealthPart::default()).boxed()
    }

    /// Its parts of the page.
    fn panels(&self) -> Panels {
        Panels::default()
    }
}

/// What a pipeline adds to `/health`.
#[derive(Clone, Debug, Default)]
pub struct HealthPart {
    /// Names under which a dependency is told as well: the name, and the dependency.
    pub names: Vec<(&'static str, &'static str)>,
    /// Figures.
    pub metrics: Map<String, Value>,
    /// What looks at it looks at the status code: 503 where the service is not healthy.
    pub by_code: bool,
}

/// Parts of the page. They may use everything that `src/http/page` declares; `model.js` says how a script adds itself.
#[derive(Clone, Copy, Debug, Default)]
pub struct Panels {
    /// HTML above the columns.
    pub above: &'static str,
    /// HTML of the wide column.
    pub wide: &'static str,
    /// HTML of the narrow column, above what every pipeline has.
    pub narrow: &'static str,
    /// Style sheets.
    pub style: &'static [&'static str],
    /// Scripts, in the order in which they need each other.
    pub script: &'static [&'static str],
}

/// How much of the past a status document tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// All that is remembered.
    Whole,
    /// What may have changed since the last one, a second ago.
    Newest,
}
