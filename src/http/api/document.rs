//! The routes, and the OpenAPI document that is made from them.

use super::error::Problem;
use super::line::{DeadLetter, Incident};
use super::{Api, dead_letters, status, stream};
use axum::http::header;
use axum::response::IntoResponse;
use axum::{Extension, Router};
use std::sync::Arc;
use utoipa::openapi::path::Operation;
use utoipa::openapi::schema::{AdditionalProperties, Schema};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{ContentBuilder, OpenApi as Document, Ref, RefOr, ResponseBuilder};
use utoipa::{Modify, OpenApi};
use utoipa_axum::{router::OpenApiRouter, routes};

/// What the document says beside the routes.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "millrace",
        description = "What millrace does and did. Read-only. Times are RFC 3339 in UTC; what is not known is null, never absent.",
        license(name = "Apache-2.0", identifier = "Apache-2.0"),
    ),
    servers((url = "/api/v1")),
    components(schemas(DeadLetter, Incident, Problem)),
    security((), ("token" = [])),
    modifiers(&Token),
)]
struct Outline;

/// How to show the token.
struct Token;

/// As it is served.
#[derive(Clone)]
struct Text(Arc<str>);

/// The routes of the API: those of the program, and those of the pipelines that run.
pub(super) fn router(api: &Api) -> Router<Api> {
    let shown = &api.http.shown;
    let ours = OpenApiRouter::with_openapi(Outline::openapi())
        .routes(routes!(status::status))
        .routes(routes!(dead_letters::dead_letters))
        .routes(routes!(stream::stream))
        .routes(routes!(openapi));
    let all = shown.iter().fold(ours, |all, shown| all.merge(shown.routes(api)));
    let (routes, mut document) = all.split_for_parts();
    for name in shown.iter().filter_map(|shown| shown.status_schema()) {
        add_to_status(&mut document, name);
    }
    nothing_is_absent(&mut document);
    answers(&mut document);
    let text = document.to_pretty_json();
    let text = text.expect("the document is made of text and numbers") + "\n";
    routes.layer(Extension(Text(text.into())))
}

/// This document.
#[utoipa::path(get, path = "/openapi.json", responses((status = 200, content_type = "application/json")))]
async fn openapi(Extension(Text(document)): Extension<Text>) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/json")], document.to_string())
}

/// What a pipeline adds to the status document stands there, and nowhere by itself.
fn add_to_status(document: &mut Document, name: &str) {
    let Some(components) = &mut document.components else {
        return;
    };
    let added = components.schemas.remove(name);
    let status = components.schemas.get_mut("Status");
    if let (Some(RefOr::T(Schema::Object(added))), Some(RefOr::T(Schema::Object(status)))) = (added, status) {
        status.properties.extend(added.properties);
    }
}

/// What is not known is null, never absent, and there is nothing that the document does not name. Said once
/// for all types here, instead of at each field.
fn nothing_is_absent(document: &mut Document) {
    let Some(components) = &mut document.components else {
        return;
    };
    for schema in components.schemas.values_mut() {
        if let RefOr::T(Schema::Object(object)) = schema
            && !object.properties.is_empty()
        {
            object.required = object.properties.keys().cloned().collect();
            object.additional_properties = Some(Box::new(AdditionalProperties::FreeForm(false)));
        }
    }
}

/// What each route may answer.
fn answers(document: &mut Document) {
    let gets = document.paths.paths.values_mut();
    for get in gets.filter_map(|path| path.get.as_mut()) {
        refuse(
            get,
            "401",
            "`API_TOKEN` is set, and the request does not show it.",
        );
        if get.parameters.is_some() {
            refuse(
                get,
                "400",
                "A parameter is not as it should be; the answer names it.",
            );
        }
        refuse(get, "503", "The database does not answer, or too many ask.");
        for answer in get.responses.responses.values_mut() {
            if let RefOr::T(answer) = answer
                && answer.description.is_empty()
            {
                answer.description = "The answer.".to_owned();
            }
        }
    }
}

fn refuse(get: &mut Operation, status: &str, why: &str) {
    let problem = ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem")));
    let response = ResponseBuilder::new()
        .description(why)
        .content("application/json", problem.build());
    let responses = &mut get.responses.responses;
    let entry = responses.entry(status.to_owned());
    entry.or_insert_with(|| response.build().into());
}

// === impl Token ===

impl Modify for Token {
    fn modify(&self, document: &mut Document) {
        let scheme = HttpBuilder::new().scheme(HttpAuthScheme::Bearer);
        let scheme = scheme.description(Some("The setting `API_TOKEN`, where it is set."));
        document
            .components
            .get_or_insert_default()
            .add_security_scheme("token", SecurityScheme::Http(scheme.build()));
    }
}
