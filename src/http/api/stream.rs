//! `/stream`: what happens, as it happens, as server-sent events.

use super::Api;
use super::error::{ApiError, Problem};
use super::line::{DeadLetter, Incident};
use super::status::Status;
use crate::http::Extent;
use crate::telemetry::{Line, Update};
use axum::extract::State;
use axum::response::Sse;
use axum::response::sse::Event;
use futures_util::{Stream, StreamExt, stream};
use serde::Serialize;
use serde_json::Value;
use std::convert::Infallible;
use std::time::Duration;
use tokio::sync::OwnedSemaphorePermit;
use tokio::sync::broadcast::{Receiver, error::RecvError};
use tokio::time::{Instant, Interval, MissedTickBehavior, interval};

/// One who listens.
struct Listener {
    api: Api,
    updates: Receiver<Update>,
    status: Interval,
    comment: Interval,
    /// Of the last event.
    id: u64,
    allowance: Allowance,
    _permit: OwnedSemaphorePermit,
}

/// What is stored and may still be told within the second.
struct Allowance {
    until: Instant,
    left: u32,
}

/// Pause between two statuses.
const STATUS_EVERY: Duration = Duration::from_secs(1);
/// Keeps proxies from taking a quiet stream for a dead one.
const COMMENT_EVERY: Duration = Duration::from_secs(10);
/// Stored things that are told of in a second; more is too much to read.
const STORED_A_SECOND: u32 = 20;

/// What happens, as it happens.
///
/// Server-sent events with rising ids. `status`: the status document about once a second, with the newest of what has a
/// past. What a pipeline stores: events with a name of its own, which their schema tells, at most 20 a second.
/// `dead_letter` (`DeadLetter`) and `supervision` (`Incident`): entries as in the lists.
#[utoipa::path(
    get, path = "/stream",
    responses(
        (status = 200, body = String, content_type = "text/event-stream"),
        (status = 503, body = Problem, description = "Too many streams are open."),
    ),
)]
pub(super) async fn stream(
    State(api): State<Api>,
) -> Result<
    (
        [(&'static str, &'static str); 1],
        Sse<impl Stream<Item = Result<Event, Infallible>>>,
    ),
    ApiError,
> {
    let Ok(permit) = api.streams.clone().try_acquire_owned() else {
        let why = format!("{} streams are open; close one of them", super::STREAMS);
        return Err(ApiError::unavailable(why));
    };
    let closed = api.closing.clone().cancelled_owned();
    let listener = Listener::new(api, permit);
    let events = stream::unfold(listener, |mut listener| async move {
        let event = listener.next().await;
        Some((Ok(event), listener))
    });
    // A proxy that gathers what it passes on would hold everything back.
    Ok(([("x-accel-buffering", "no")], Sse::new(events.take_until(closed))))
}

// === impl Listener ===

impl Listener {
    fn new(api: Api, permit: OwnedSemaphorePermit) -> Self {
        let ticks = |every| {
            let mut ticks = interval(every);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            ticks
        };
        Self {
            updates: api.http.lines.subscribe(),
            api,
            status: ticks(STATUS_EVERY),
            comment: ticks(COMMENT_EVERY),
            id: 0,
            allowance: Allowance {
                until: Instant::now(),
                left: 0,
            },
            _permit: permit,
        }
    }

    async fn next(&mut self) -> Event {
        loop {
            let update = tokio::select! {
                _ = self.status.tick() => {
                    let status = Status::now(&self.api, Extent::Newest);
                    return self.event("status", &status);
                }
                _ = self.comment.tick() => return Event::default().comment("millrace"),
                update = self.updates.recv() => update,
            };
            match update {
                Ok(Update::Stored(line)) if self.allowance.take() => {
                    if let Some((name, stored)) = self.stored(&line) {
                        return self.event(name, &stored);
                    }
                }
                Ok(Update::Stored(_)) | Err(RecvError::Lagged(_)) => {}
                Ok(Update::DeadLetter(line)) => return self.event("dead_letter", &DeadLetter::from(&*line)),
                Ok(Update::Incident(line)) => return self.event("supervision", &Incident::from(&*line)),
                // The lines live as long as the process.
                Err(RecvError::Closed) => std::future::pending().await,
            }
        }
    }

    fn stored(&self, line: &Line) -> Option<(&'static str, Value)> {
        self.api.http.shown.iter().find_map(|shown| shown.stored(line))
    }

    fn event(&mut self, name: &str, data: &impl Serialize) -> Event {
        self.id += 1;
        let event = Event::default().event(name).id(self.id.to_string());
        event
            .json_data(data)
            .unwrap_or_else(|_| Event::default().comment("not JSON"))
    }
}

// === impl Allowance ===

impl Allowance {
    fn take(&mut self) -> bool {
        let now = Instant::now();
        if now >= self.until {
            self.until = now + Duration::from_secs(1);
            self.left = STORED_A_SECOND;
        }
        let taken = self.left.checked_sub(1);
        self.left = taken.unwrap_or(0);
        taken.is_some()
    }
}
