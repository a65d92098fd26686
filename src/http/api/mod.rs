//! The JSON API. It reads and never changes anything; there are no secrets in what it tells.
//!
//! A handler and its entry in the OpenAPI document are declared together, and the document's schemas are
//! the types that are sent: there is no second list. What `docs/openapi.json` holds is what is served.

mod answers;
mod batches;
mod dead_letters;
mod document;
mod error;
mod errors;
mod guard;
mod line;
mod list;
mod projects;
mod query;
mod replica;
mod status;
mod stream;

pub use replica::Replica;
pub(super) use status::Condition;

use super::{HttpState, handlers};
use crate::config::HttpSettings;
use answers::Answers;
use axum::Router;
use axum::http::{HeaderValue, header};
use axum::middleware::{from_fn_with_state, map_response};
use axum::response::Response;
use guard::Guard;
use std::sync::Arc;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

/// What the handlers of the API share.
#[derive(Clone)]
struct Api {
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
    document::router()
        .fallback(error::no_such_route)
        .method_not_allowed_fallback(handlers::only_get)
        .layer(from_fn_with_state(guard, guard::check))
        .layer(map_response(keep_nothing))
        .with_state(api)
}

/// Who looks wants to see how it is now, and shared caches are not to hold what a token protects.
async fn keep_nothing(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
