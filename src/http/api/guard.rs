//! Lets in who knows the token, where there is one.

use super::error::Problem;
use axum::Json;
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use secrecy::{ExposeSecret, SecretString};
use std::sync::Arc;
use subtle::ConstantTimeEq;

/// What requests have to show.
#[derive(Clone)]
pub(super) struct Guard(Option<Arc<SecretString>>);

// === impl Guard ===

impl Guard {
    pub(super) fn new(token: Option<SecretString>) -> Self {
        Self(token.map(Arc::new))
    }

    /// The comparison takes as long for a token that is nearly right as for one that is all wrong.
    fn lets_in(&self, request: &Request) -> bool {
        let Some(token) = &self.0 else { return true };
        let header = request.headers().get(header::AUTHORIZATION);
        let shown = header.and_then(|header| {
            let (scheme, shown) = header.to_str().ok()?.split_once(' ')?;
            scheme.eq_ignore_ascii_case("bearer").then(|| shown.trim())
        });
        shown.is_some_and(|shown| shown.as_bytes().ct_eq(token.expose_secret().as_bytes()).into())
    }
}

pub(super) async fn check(State(guard): State<Guard>, request: Request, next: Next) -> Response {
    if guard.lets_in(&request) {
        return next.run(request).await;
    }
    let problem = Problem::new("API_TOKEN is set: send it as `Authorization: Bearer …`");
    let challenge = [(header::WWW_AUTHENTICATE, "Bearer realm=\"millrace\"")];
    (StatusCode::UNAUTHORIZED, challenge, Json(problem)).into_response()
}
