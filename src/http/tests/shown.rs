//! What a pipeline shows of its own: a route, fields of the status, an event of the stream, a part of the page.

use super::{made_up::start_shown, stream::Reader};
use crate::http::{Api, ApiError, Extent, Panels, Replica, Shown};
use crate::telemetry::{Line, remembering};
use axum::{Json, extract::State};
use serde::Serialize;
use serde_json::{Map, Value, json};
use std::sync::Arc;
use utoipa::{OpenApi, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

/// A made-up pipeline of notes.
struct Notes;

/// What it adds to the status.
#[derive(Serialize, ToSchema)]
struct Written {
    /// How many.
    notes: u64,
}

#[derive(OpenApi)]
#[openapi(components(schemas(Written)))]
struct Outline;

/// How many notes there are.
#[utoipa::path(get, path = "/notes", responses((status = 200, body = u64)))]
async fn notes(State(api): State<Api>) -> Result<Json<usize>, ApiError> {
    Ok(Json(api.replica().name.len()))
}

impl Shown for Notes {
    fn routes(&self, _: &Api) -> OpenApiRouter<Api> {
        OpenApiRouter::with_openapi(Outline::openapi()).routes(routes!(notes))
    }

    fn status_schema(&self) -> Option<&'static str> {
        Some("Written")
    }

    fn status(&self, _: &Replica, _: Extent) -> Map<String, Value> {
        Map::from_iter([("notes".to_owned(), json!(3))])
    }

    fn stored(&self, line: &Line) -> Option<(&'static str, Value)> {
        Some(("note", json!({"name": line.text("event_id")?})))
    }

    fn panels(&self) -> Panels {
        Panels {
            above: "<p id=\"notes\"></p>",
            style: &["#notes { color: red; }"],
            script: &["pipelines.push({ names: { spool: \"Spool\" } });\n"],
            ..Panels::default()
        }
    }
}

#[tokio::test]
async fn a_pipeline_shows_what_is_its_own() {
    let service = start_shown(|_| vec![Arc::new(Notes)]).await;
    let (code, _, count) = service.get("/api/v1/notes").await;
    assert_eq!((code, count), (200, json!("millrace@test/1".len())));
    let (_, _, status) = service.get("/api/v1/status").await;
    assert_eq!(status["notes"], 3);
    let (_, _, document) = service.get("/api/v1/openapi.json").await;
    assert!(document["paths"]["/notes"]["get"]["summary"].is_string());
    let schemas = &document["components"]["schemas"];
    assert_eq!(
        schemas["Status"]["properties"]["notes"]["description"],
        "How many."
    );
    assert_eq!(schemas.get("Written"), None, "it stands in the status");
    let mut stream = Reader::open(&service).await;
    remembering(&service.state.lines, || {
        tracing::info!(target: "millrace_notes", event_id = "a", fate = "stored", "stored");
    });
    assert_eq!(stream.next("note").await.unwrap().data, json!({"name": "a"}));
}

#[tokio::test]
async fn its_parts_of_the_page_are_joined_with_the_rest() {
    let service = start_shown(|_| vec![Arc::new(Notes)]).await;
    let request = reqwest::Client::new().get(service.url("/"));
    let answer = request.header("accept", "text/html").send().await.unwrap();
    let page = answer.text().await.unwrap();
    let at = |part: &str| page.find(part).unwrap_or_else(|| panic!("no {part}"));
    assert!(at("<p id=\"notes\">") < at("id=\"dead-panel\""));
    assert!(at("const pipelines = []") < at("names: { spool") && at("names: { spool") < at("\nstart();"));
    assert!(page.contains("#notes { color: red; }"));
    assert!(
        !page.contains("projects-panel"),
        "of a pipeline that does not run"
    );
}
