//! The routes, and the OpenAPI document that is made from them.

use super::error::Problem;
use super::line::{DeadLetter, Incident, StoredNow};
use super::{Api, batches, dead_letters, errors, projects, status, stream};
use axum::Router;
use axum::http::header;
use axum::response::IntoResponse;
use std::sync::LazyLock;
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
    components(schemas(StoredNow, DeadLetter, Incident, Problem)),
    security((), ("token" = [])),
    modifiers(&Token),
)]
struct Outline;

/// How to show the token.
struct Token;

/// As it is served.
static DOCUMENT: LazyLock<String> = LazyLock::new(|| {
    let mut document = described().into_openapi();
    nothing_is_absent(&mut document);
    answers(&mut document);
    let text = document.to_pretty_json();
    text.expect("the document is made of text and numbers") + "\n"
});

/// The routes of the API.
pub(super) fn router() -> Router<Api> {
    described().split_for_parts().0
}

fn described() -> OpenApiRouter<Api> {
    OpenApiRouter::with_openapi(Outline::openapi())
        .routes(routes!(status::status))
        .routes(routes!(projects::projects))
        .routes(routes!(projects::progress))
        .routes(routes!(errors::errors))
        .routes(routes!(dead_letters::dead_letters))
        .routes(routes!(batches::batches))
        .routes(routes!(batches::batch))
        .routes(routes!(stream::stream))
        .routes(routes!(openapi))
}

/// This document.
#[utoipa::path(get, path = "/openapi.json", responses((status = 200, content_type = "application/json")))]
async fn openapi() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/json")], DOCUMENT.as_str())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_document_in_docs_is_the_one_that_is_served() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/openapi.json");
        if std::env::var_os("REFRESH_OPENAPI").is_some() {
            std::fs::write(path, &*DOCUMENT).unwrap();
        }
        let kept = std::fs::read_to_string(path).unwrap_or_default();
        let how = "run: REFRESH_OPENAPI=1 cargo test --workspace --lib the_document_in_docs";
        assert!(kept == *DOCUMENT, "docs/openapi.json is out of date; {how}");
    }

    #[test]
    fn everything_is_described() {
        let document: serde_json::Value = serde_json::from_str(&DOCUMENT).unwrap();
        assert!(
            document["openapi"].as_str().unwrap().starts_with("3.1"),
            "{}",
            document["openapi"]
        );
        for (path, methods) in document["paths"].as_object().unwrap() {
            assert_eq!(
                methods.as_object().unwrap().keys().collect::<Vec<_>>(),
                ["get"],
                "{path}"
            );
            assert!(methods["get"]["summary"].is_string(), "{path}");
        }
        for (name, schema) in document["components"]["schemas"].as_object().unwrap() {
            for (field, of) in schema["properties"].as_object().into_iter().flatten() {
                let parts = of["oneOf"].as_array().into_iter().flatten().chain([of]);
                let mut parts = parts.map(|part| part["description"].is_string() || part["$ref"].is_string());
                let described = parts.any(|described| described);
                assert!(described, "{name}.{field}");
            }
        }
    }
}
