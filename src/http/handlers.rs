//! The routes for people and for Kubernetes.

use super::HttpState;
use super::api::Condition;
use axum::Json;
use axum::extract::{Query, State};
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

/// 503 makes Kubernetes restart the pod: only for work that is stuck, never for an outage that is waited out.
pub(super) async fn livez(State(state): State<HttpState>) -> Response {
    match state.health.live() {
        Ok(()) => (StatusCode::OK, Json(json!({"status": "live"}))).into_response(),
        Err(why) => (
            StatusCode::SERVICE_UNAVAILABLE,
            Json(json!({"status": "stuck", "why": why})),
        )
            .into_response(),
    }
}

/// What `/readyz` is asked for.
#[derive(Deserialize)]
pub(super) struct Asked {
    /// One pipeline alone.
    pipeline: Option<String>,
}

/// 200 while consuming and all dependencies answer; of one pipeline where it is asked for.
pub(super) async fn readyz(State(state): State<HttpState>, Query(asked): Query<Asked>) -> Response {
    let ready = match asked.pipeline {
        None => state.health.ready(),
        Some(name) => {
            let pipelines = state.health.pipelines();
            let Some((_, ready)) = pipelines.iter().find(|(known, _)| *known == name) else {
                let known: Vec<_> = pipelines.iter().map(|(known, _)| known).collect();
                let body = json!({"error": "no such pipeline runs in this process", "pipelines": known});
                return (StatusCode::NOT_FOUND, Json(body)).into_response();
            };
            *ready
        }
    };
    let (code, status) = match ready {
        true => (StatusCode::OK, "ready"),
        false => (StatusCode::SERVICE_UNAVAILABLE, "not ready"),
    };
    let body = json!({
        "status": status,
        "consuming": state.health.consuming(),
        "dependencies": state.health.dependencies(),
    });
    (code, Json(body)).into_response()
}

/// Everything at a glance. The status is in the body; the code is 200 even so, unless a pipeline that runs is looked after
/// by its code.
pub(super) async fn health(State(state): State<HttpState>) -> Response {
    let health = &state.health;
    let dependencies = health.dependencies();
    let mut services: serde_json::Map<String, Value> = dependencies
        .iter()
        .map(|dependency| {
            let status = if dependency.ok { "up" } else { "down" };
            let body = json!({"status": status, "why": dependency.why, "since": dependency.since});
            (dependency.name.to_owned(), body)
        })
        .collect();
    let mut metrics = serde_json::to_value(health.summary()).unwrap_or_default();
    let mut by_code = false;
    for shown in &state.shown {
        let part = shown.health().await;
        by_code |= part.by_code;
        for (name, dependency) in part.names {
            if let Some(known) = services.get(dependency).cloned() {
                services.entry(name).or_insert(known);
            }
        }
        if let Value::Object(metrics) = &mut metrics {
            metrics.extend(part.metrics);
        }
    }
    let condition = Condition::of(&**health);
    let code = match by_code && !condition.is_healthy() {
        true => StatusCode::SERVICE_UNAVAILABLE,
        false => StatusCode::OK,
    };
    let body = json!({
        "status": condition,
        "timestamp": Timestamp::now(),
        "version": env!("CARGO_PKG_VERSION"),
        "services": services,
        "actors": health.stages().into_iter().flat_map(|stage| stage.actors).collect::<Vec<_>>(),
        "metrics": metrics,
    });
    (code, Json(body)).into_response()
}

/// Nothing here can be changed.
pub(super) async fn only_get() -> impl IntoResponse {
    (
        StatusCode::METHOD_NOT_ALLOWED,
        Json(json!({"error": "only GET is answered here"})),
    )
}

/// JSON also for what is not there.
pub(super) async fn not_found(uri: Uri) -> impl IntoResponse {
    (
        StatusCode::NOT_FOUND,
        Json(json!({"error": "not found", "path": uri.path()})),
    )
}
