//! `/dead-letters`: what this replica gave up. The queue holds those of all, and of earlier times too.

use super::Api;
use super::error::ApiError;
use super::line::DeadLetter;
use super::list::{cursor, cursor_of, limit};
use super::query::{Query, text};
use axum::Json;
use axum::extract::State;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Which of them.
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

/// A part of the list of dead letters.
#[derive(Serialize, ToSchema)]
pub(super) struct DeadLetters {
    /// `replica`: what this one saw since it started.
    scope: &'static str,
    /// When it started.
    since: Timestamp,
    /// Messages in the dead-letter queue now, of whatever replica; null where the broker has not said.
    queue_messages: Option<u64>,
    /// How many of each reason there were, all that this replica saw.
    reasons: Vec<ReasonCount>,
    /// Newest first; the last 500 are remembered.
    dead_letters: Vec<DeadLetter>,
    /// `cursor` of the next part; null at the end.
    next: Option<String>,
}

/// Dead letters of one reason.
#[derive(Serialize, ToSchema)]
struct ReasonCount {
    /// A code; `docs/REASONS.md` says what to do about each.
    reason: String,
    /// How many.
    count: u64,
}

/// What this replica gave up since it started, newest first.
#[utoipa::path(get, path = "/dead-letters", params(Which), responses((status = 200, body = DeadLetters)))]
pub(super) async fn dead_letters(
    State(api): State<Api>,
    Query(which): Query<Which>,
) -> Result<Json<DeadLetters>, ApiError> {
    let limit = limit(which.limit.as_deref())?;
    let before: Option<u64> = cursor(which.cursor.as_deref())?;
    let reason = text("reason", which.reason)?;
    let lines = &api.http.lines;
    let mut found = lines.dead_letters(before, reason.as_deref(), limit + 1);
    let more = found.len() > limit;
    found.truncate(limit);
    let last = found.last().filter(|_| more);
    let next = last.and_then(|(number, _)| cursor_of(number));
    let mut reasons: Vec<_> = lines
        .reasons()
        .into_iter()
        .map(|(reason, count)| ReasonCount { reason, count })
        .collect();
    reasons.sort_by_key(|entry| std::cmp::Reverse(entry.count));
    Ok(Json(DeadLetters {
        scope: "replica",
        since: api.http.replica.started_at,
        queue_messages: api.http.health.queues().dead_letters,
        reasons,
        dead_letters: found.iter().map(|(_, line)| (&**line).into()).collect(),
        next,
    }))
}
