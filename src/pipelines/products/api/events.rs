//! `/products/events`: recent events, and one of them.

use super::{Asked, times::time};
use crate::http::{ApiError, Body, Name, Problem, Query, cursor, cursor_of, limit, text};
use axum::extract::{OriginalUri, State};
use jiff::Timestamp;
use millrace_products::{
    domain::EventType,
    recent::{EventPlace, EventQuestion, RecentEvent},
    reports::StoredEvent,
};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::{IntoParams, ToSchema};

/// Which events, and which part of their list.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Which {
    /// Of one product.
    product_id: Option<String>,
    /// Of one kind: `ProductCreated`, `ProductUpdated`, `ProductDeleted`, `LowStockWarning`.
    #[serde(rename = "type")]
    kind: Option<String>,
    /// Of one seller. Without a product or a kind this may look at more events than there is time for.
    seller_id: Option<String>,
    /// Not before this time.
    since: Option<String>,
    /// Before this time.
    until: Option<String>,
    /// Entries at most.
    #[param(value_type = Option<u8>, minimum = 1, maximum = 200, default = 50)]
    limit: Option<String>,
    /// `next` of the part before; absent for the first one.
    cursor: Option<String>,
}

/// An event.
#[derive(Serialize, ToSchema)]
pub(super) struct EventShown {
    /// Its id.
    event_id: String,
    /// What happened.
    event_type: String,
    /// To which product.
    product_id: Option<String>,
    /// Who sells it.
    seller_id: Option<String>,
    /// When it happened.
    timestamp: Timestamp,
    /// When it was taken in.
    received_at: Timestamp,
    /// From when on it is shown no more.
    expires_at: Timestamp,
    /// What was sent; null where it is too large for the recent store.
    #[schema(value_type = Option<Object>)]
    payload: Option<Box<RawValue>>,
}

/// A part of the list of recent events.
#[derive(Serialize, ToSchema)]
struct Events {
    /// `recent_store`: what all replicas stored.
    scope: &'static str,
    /// Newest first.
    events: Vec<EventShown>,
    /// `cursor` of the next part; null at the end.
    next: Option<String>,
}

/// An event, where it came from and where it went.
#[derive(Serialize, ToSchema)]
struct EventWhole {
    /// The event; null where it has expired.
    event: Option<EventShown>,
    /// Its record, its file, and what came again; null where it is forgotten, or was stored by an older service.
    stored: Option<StoredEvent>,
    /// Where people look at its trace; null where that is not known.
    trace_url: Option<String>,
}

/// Recent events, newest first.
#[utoipa::path(get, path = "/products/events", params(Which), responses((status = 200, body = Events)))]
pub(super) async fn events(
    State(asked): State<Asked>,
    OriginalUri(uri): OriginalUri,
    Query(which): Query<Which>,
) -> Result<Body, ApiError> {
    let mut question = which.question()?;
    let limit = question.limit;
    // One more tells whether there is a next part.
    question.limit += 1;
    let recent = asked.recent.clone();
    let answer = async move {
        let mut found = recent.list(&question, Timestamp::now()).await?;
        let more = found.len() > limit;
        found.truncate(limit);
        let last = found.last().filter(|_| more).map(RecentEvent::place);
        Ok(Events {
            scope: "recent_store",
            next: last.as_ref().and_then(cursor_of),
            events: found.into_iter().map(EventShown::from).collect(),
        })
    };
    asked.api.answer(&uri, answer).await
}

/// One event, with its record, its file of the archive and what came again.
#[utoipa::path(
    get, path = "/products/events/{id}",
    params(("id" = String, Path, description = "The event.")),
    responses((status = 200, body = EventWhole), (status = 404, body = Problem, description = "There is none, or it is forgotten.")),
)]
pub(super) async fn event(
    State(asked): State<Asked>,
    OriginalUri(uri): OriginalUri,
    Name(id): Name,
) -> Result<Body, ApiError> {
    let (recent, reports, api) = (asked.recent.clone(), asked.reports.clone(), asked.api.clone());
    let answer = async move {
        let event = recent.get(&id, Timestamp::now()).await?;
        let stored = reports.event(&id).await?;
        if event.is_none() && stored.is_none() {
            return Err(ApiError::not_found(format!("nothing is known of event {id:?}")));
        }
        let trace = stored.as_ref().and_then(|stored| stored.trace_id.as_deref());
        Ok(EventWhole {
            event: event.map(EventShown::from),
            trace_url: trace.and_then(|id| api.trace_url(id)),
            stored,
        })
    };
    asked.api.answer(&uri, answer).await
}

// === impl Which ===

impl Which {
    fn question(self) -> Result<EventQuestion, ApiError> {
        let limit = limit(self.limit.as_deref())?;
        let after: Option<EventPlace> = cursor(self.cursor.as_deref())?;
        if after.as_ref().is_some_and(|EventPlace(_, id)| id.contains('\0')) {
            return Err(ApiError::bad("cursor holds a zero byte"));
        }
        Ok(EventQuestion {
            product_id: text("product_id", self.product_id)?,
            event_type: kind(self.kind.as_deref())?,
            seller_id: text("seller_id", self.seller_id)?,
            since: time("since", self.since.as_deref())?,
            until: time("until", self.until.as_deref())?,
            after,
            limit,
        })
    }
}

fn kind(text: Option<&str>) -> Result<Option<EventType>, ApiError> {
    let Some(text) = text.filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    let known = EventType::ALL.into_iter().find(|kind| kind.as_str() == text);
    let names = EventType::ALL.map(EventType::as_str).join(", ");
    let refused = || ApiError::bad(format!("type is {text:?}: expected one of {names}"));
    known.map(Some).ok_or_else(refused)
}

// === impl EventShown ===

impl From<RecentEvent> for EventShown {
    fn from(event: RecentEvent) -> Self {
        Self {
            event_id: event.id,
            event_type: event.event_type,
            product_id: event.product_id,
            seller_id: event.seller_id,
            timestamp: event.at,
            received_at: event.received_at,
            expires_at: event.expires_at,
            payload: event.payload.and_then(|json| RawValue::from_string(json).ok()),
        }
    }
}
