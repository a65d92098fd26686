//! `/batches`: what is stored, and the story of one event.

use super::Ledger;
use super::list::{next_of, page};
use crate::http::{Api, ApiError, Body, Name, Problem, Query, Told, text};
use crate::telemetry::Line;
use axum::extract::{OriginalUri, State};
use millrace_batches::reports::{BatchReport, Position, RejectedReport, StoredBatch};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::{IntoParams, ToSchema};

/// Which of them.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Which {
    /// What the event's, job's or project's id begins with.
    q: Option<String>,
    /// Entries at most.
    #[param(value_type = Option<u8>, minimum = 1, maximum = 200, default = 50)]
    limit: Option<String>,
    /// `next` of the part before; absent for the first one.
    cursor: Option<String>,
}

/// A part of the list of batches.
#[derive(Serialize, ToSchema)]
struct Batches {
    /// `database`: what all replicas stored.
    scope: &'static str,
    /// Newest first.
    batches: Vec<BatchReport>,
    /// `cursor` of the next part; null at the end.
    next: Option<String>,
}

/// What is known of an event.
#[derive(Serialize, ToSchema)]
struct Story {
    /// Its id.
    event_id: String,
    fate: Fate,
    /// Its row in the ledger.
    stored: Option<StoredBatch>,
    /// Its items that could not be read, at most 50.
    rejected_items: Vec<RejectedReport>,
    /// What this replica logged about it, oldest first, the last 50 lines.
    history: Vec<Told>,
    /// The trace it belongs to.
    trace_id: Option<String>,
    /// Where to look at that, when `JAEGER_UI_URL` is set.
    trace_url: Option<String>,
}

/// What became of an event, as far as this replica and the database know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Fate {
    /// Its rows are stored.
    Stored,
    /// It was given up.
    DeadLettered,
    /// It was sent back to be tried again.
    Retried,
    /// It is being worked on.
    InFlight,
}

/// Rejected items that are told.
const REJECTED: usize = 50;

/// Stored batches, newest first.
#[utoipa::path(get, path = "/batches", params(Which), responses(
    (status = 200, body = Batches),
    (status = 400, body = Problem, description = "A parameter, or too many ids begin with `q`: more than 1,000, none of them a project's or job's whole id, and less than a page among the newest 20,000."),
))]
pub(super) async fn batches(
    State(ledger): State<Ledger>,
    OriginalUri(uri): OriginalUri,
    Query(which): Query<Which>,
) -> Result<Body, ApiError> {
    let (limit, page) = page(which.limit.as_deref(), which.cursor.as_deref())?;
    let asked = ledger.reports.batches(text("q", which.q)?, page);
    let answer = async move {
        let Some(mut batches) = asked.await? else {
            return Err(ApiError::bad(
                "q: too many batches begin so; write more of the id",
            ));
        };
        let next = next_of(&mut batches, limit, |last| {
            Position(last.committed_at, last.event_id.clone(), String::new())
        });
        Ok(Batches {
            scope: "database",
            batches,
            next,
        })
    };
    ledger.api.answer(&uri, answer).await
}

/// The whole story of one event.
#[utoipa::path(
    get, path = "/batches/{event_id}",
    params(("event_id" = String, Path, description = "The event.")),
    responses((status = 200, body = Story), (status = 404, body = Problem, description = "Neither the ledger nor this replica knows it.")),
)]
pub(super) async fn batch(
    State(ledger): State<Ledger>,
    OriginalUri(uri): OriginalUri,
    Name(event_id): Name,
) -> Result<Body, ApiError> {
    let asked = ledger.reports.batch(event_id.clone(), REJECTED);
    let teller = ledger.api.clone();
    let answer = async move {
        let stored = asked.await?;
        // Looked up last: a batch that is being stored right now is seen here or there.
        let lines = teller.story(&event_id);
        Story::of(&teller, event_id, stored, &lines)
    };
    ledger.api.answer(&uri, answer).await
}

// === impl Story ===

impl Story {
    fn of(
        api: &Api,
        event_id: String,
        found: Option<(StoredBatch, Vec<RejectedReport>)>,
        lines: &[Arc<Line>],
    ) -> Result<Self, ApiError> {
        if found.is_none() && lines.is_empty() {
            return Err(ApiError::not_found(format!(
                "{event_id:?} is not in the ledger, and replica {} has not seen it since {}; another replica may have",
                api.replica().name,
                api.replica().started_at
            )));
        }
        let (stored, rejected_items) =
            found.map_or((None, Vec::new()), |(stored, items)| (Some(stored), items));
        let in_ledger = stored.as_ref().and_then(|stored| stored.trace_id.clone());
        let logged = || lines.iter().rev().find_map(|line| line.text("trace_id"));
        let trace_id = in_ledger.or_else(|| logged().map(str::to_owned));
        Ok(Self {
            event_id,
            fate: stored
                .as_ref()
                .map_or_else(|| Fate::told_by(lines), |_| Fate::Stored),
            stored,
            rejected_items,
            history: lines.iter().map(|line| (&**line).into()).collect(),
            trace_url: trace_id.as_deref().and_then(|id| api.trace_url(id)),
            trace_id,
        })
    }
}

// === impl Fate ===

impl Fate {
    /// By what was said since the event was last received. Lines about one settlement come from several
    /// actors in any order, and what is final counts.
    fn told_by(lines: &[Arc<Line>]) -> Self {
        let received = lines.iter().rposition(|line| line.has("redelivered"));
        let since = lines.get(received.unwrap_or(0)..).unwrap_or_default();
        // What an actor's supervisor says is meant to happen; it has happened when the ingress says so.
        let settled = || {
            since
                .iter()
                .filter(|line| !line.has("actor") || line.text("fate") == Some("stored"))
        };
        let said = |fate| settled().any(|line| line.text("fate") == Some(fate));
        if said("stored") {
            Self::Stored
        } else if said("dead_lettered") {
            Self::DeadLettered
        } else if said("retried") {
            Self::Retried
        } else {
            Self::InFlight
        }
    }
}
