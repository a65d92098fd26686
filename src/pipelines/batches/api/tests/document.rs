//! The OpenAPI document.

use super::made_up::start;
use serde_json::Value;

/// As it is served.
async fn document() -> String {
    let service = start().await.http;
    let answer = reqwest::get(service.url("/api/v1/openapi.json")).await.unwrap();
    answer.text().await.unwrap()
}

#[tokio::test]
async fn the_document_in_docs_is_the_one_that_is_served() {
    let document = document().await;
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/openapi.json");
    if std::env::var_os("REFRESH_OPENAPI").is_some() {
        std::fs::write(path, &document).unwrap();
    }
    let kept = std::fs::read_to_string(path).unwrap_or_default();
    let how = "run: REFRESH_OPENAPI=1 cargo test --workspace --lib the_document_in_docs";
    assert!(kept == document, "docs/openapi.json is out of date; {how}");
}

#[tokio::test]
async fn everything_is_described() {
    let document: Value = serde_json::from_str(&document().await).unwrap();
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
