//! What the API says when it has no answer.

use axum::Json;
use axum::extract::OriginalUri;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiError {
    status: StatusCode,
    why: String,
}

/// An answer that is none.
#[derive(Serialize, ToSchema)]
pub struct Problem {
    /// What is wrong, and what to do.
    error: String,
}

// === impl ApiError ===

impl ApiError {
    /// A parameter is not as it should be; the words name it.
    pub fn bad(why: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, why)
    }

    /// There is no such thing; the words say of what.
    pub fn not_found(why: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, why)
    }

    /// Asking again later may help.
    pub fn unavailable(why: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, why)
    }

    /// A fault of ours.
    pub fn internal(why: impl Into<String>) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, why)
    }

    fn new(status: StatusCode, why: impl Into<String>) -> Self {
        let why = why.into();
        Self { status, why }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        (self.status, Json(Problem::new(self.why))).into_response()
    }
}

// === impl Problem ===

impl Problem {
    pub(super) fn new(error: impl Into<String>) -> Self {
        let error = error.into();
        Self { error }
    }
}

pub(super) async fn no_such_route(OriginalUri(uri): OriginalUri) -> ApiError {
    let path = uri.path();
    ApiError::not_found(format!(
        "there is no {path}; /api/v1/openapi.json lists what there is"
    ))
}
