//! Parameters, and how they are refused: with their name and what was expected.

use super::error::ApiError;
use axum::extract::{FromRequestParts, Path};
use axum::http::request::Parts;
use serde::de::DeserializeOwned;

/// The parameters after the `?`.
pub struct Query<T>(
    /// As they were read.
    pub T,
);

/// The one name in a path.
pub struct Name(
    /// Not empty.
    pub String,
);

/// The longest text that is looked for, in bytes; ids are not longer.
const LONGEST: usize = 1_024;

/// Text to look for; `None` where there is none.
///
/// # Errors
/// It is too long, or Postgres could not hold it.
pub fn text(name: &str, value: Option<String>) -> Result<Option<String>, ApiError> {
    let Some(value) = value.filter(|value| !value.is_empty()) else {
        return Ok(None);
    };
    if value.len() > LONGEST {
        return Err(ApiError::bad(format!("{name} is longer than {LONGEST} bytes")));
    }
    if value.contains('\0') {
        return Err(ApiError::bad(format!("{name} holds a zero byte")));
    }
    Ok(Some(value))
}

// === impl Query ===

impl<T: DeserializeOwned, S: Sync> FromRequestParts<S> for Query<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        let query = axum::extract::Query::try_from_uri(&parts.uri);
        query
            .map(|axum::extract::Query(query)| Self(query))
            .map_err(|refusal| ApiError::bad(refusal.body_text()))
    }
}

// === impl Name ===

impl<S: Send + Sync> FromRequestParts<S> for Name {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let path = Path::<String>::from_request_parts(parts, state).await;
        let Path(name) = path.map_err(|refusal| ApiError::bad(refusal.body_text()))?;
        let name = text("the id in the path", Some(name))?;
        name.map(Self)
            .ok_or_else(|| ApiError::bad("the id in the path is empty"))
    }
}
