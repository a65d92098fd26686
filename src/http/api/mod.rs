//! The JSON API. It reads and never changes anything; there are no secrets in what it tells.
//!
//! A handler and its entry in the OpenAPI document are declared together, and the document's schemas are
//! the types that are sent: there is no second list. What `docs/openapi.json` holds is what is served.

mod answers;
mod dead_letters;
mod document;
mod error;
mod guard;
mod line;
mod list;
mod query;
mod replica;
mod status;
mod stream;

pub use answers::Body;
pub use error::{ApiError, Problem};
pub use line::Told;
pub use list::{PartOf, cursor, cursor_of, limit};
pub use query::{Name, Query, text};
pub use replica::Replica;
pub(super) use status::Condition;

use super::{HttpState, handlers};
use crate::config::HttpSettings;
use crate::telemetry::Line;
use answers::Answers;
use axum::Router;
use axum::http::{HeaderValue, Uri, header};
use axum::middleware::{from_fn_with_state, map_response};
use axum::response::Response;
use guard::Guard;
use serde::Serialize;
use std::sync::Arc;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

/// What the handlers of the API share. Cheap to clone.
#[derive(Clone)]
pub struct Api {
    http: HttpState,
    /// What was asked of the database a moment ago.
    answers: Answers,
    /// A permit for each stream.
    streams: Arc<Semaphore>,
    /// Ends the streams.
    closing: CancellationToken,
    /// Where people look at traces.
    jaeger_ui: Option<Arc<str>>,
}

/// Streams at once.
const STREAMS: usize = 16;

/// Everything below `/api/v1`.
pub(super) fn routes(
    settings: &HttpSettings,
    state: &HttpState,
    closing: &CancellationToken,
) -> Router<HttpState> {
    let api = Api {
        http: state.clone(),
        answers: Answers::default(),
        streams: Arc::new(Semaphore::new(STREAMS)),
        closing: closing.clone(),
        jaeger_ui: settings.jaeger_ui.as_deref().map(Arc::from),
    };
    let guard = Guard::new(settings.token.clone());
    document::router(&api)
        .fallback(error::no_such_route)
        .method_not_allowed_fallback(handlers::only_get)
        .layer(from_fn_with_state(guard, guard::check))
        .layer(map_response(keep_nothing))
        .with_state(api)
}

// === impl Api ===

impl Api {
    /// This process.
    pub fn replica(&self) -> &Replica {
        &self.http.replica
    }

    /// What was logged about an event, oldest first.
    pub fn story(&self, event_id: &str) -> Vec<Arc<Line>> {
        self.http.lines.story(event_id)
    }

    /// Where people look at a trace, where that is known.
    pub fn trace_url(&self, id: &str) -> Option<String> {
        let ui = self.jaeger_ui.as_deref()?;
        Some(format!("{ui}/trace/{id}"))
    }

    /// Asks the database, one question at a time; an answer of a moment ago serves too.
    ///
    /// # Errors
    /// Those of the answer, and too many wait already.
    pub async fn answer<T: Serialize + Send + 'static>(
        &self,
        question: &Uri,
        ask: impl Future<Output = Result<T, ApiError>> + Send + 'static,
    ) -> Result<Body, ApiError> {
        self.answers.to(question, ask).await
    }
}

/// Who looks wants to see how it is now, and shared caches are not to hold what a token protects.
async fn keep_nothing(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
