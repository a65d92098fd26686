//! The JSON API.

use super::made_up::{settings, start, start_with};
use crate::config::HttpSettings;
use serde_json::{Value, json};

const TOKEN: &str = "correct horse battery staple";

#[tokio::test]
async fn the_status_says_what_is() {
    let service = start().await;
    let (_, _, body) = service.get("/api/v1/status").await;
    assert_eq!(body["status"], "healthy");
    assert_eq!(body["replica"], "millrace@test/1");
    assert_eq!(body["rooms"][1]["actors"][0]["restarts"], json!({"outage": 1}));
    assert_eq!(body["queues"], json!({"waiting": 7, "dead_letters": null}));
    assert_eq!(body["alerts"][0]["rule"], "broker_lost");
    assert_eq!(body["links"]["jaeger_ui"], "http://jaeger:16686");
    service.health.0.lock().unwrap().idle = Some("draining".to_owned());
    let (_, _, body) = service.get("/api/v1/status").await;
    assert_eq!(
        (&body["status"], &body["consuming"]["why"]),
        (&json!("degraded"), &json!("draining"))
    );
    service.health.0.lock().unwrap().stuck = Some("3 events".to_owned());
    let (_, _, body) = service.get("/api/v1/status").await;
    assert_eq!(
        (&body["status"], &body["live"]["why"]),
        (&json!("unhealthy"), &json!("3 events"))
    );
}

#[tokio::test]
async fn the_token_is_asked_for_where_there_is_one() {
    let settings = HttpSettings {
        token: Some(TOKEN.into()),
        ..settings()
    };
    let service = start_with(settings).await;
    let client = reqwest::Client::new();
    let ask = async |path: &str, header: Option<&str>| {
        let request = client.get(service.url(path));
        let request = match header {
            Some(header) => request.header("authorization", header),
            None => request,
        };
        let response = request.send().await.unwrap();
        let (code, headers) = (response.status().as_u16(), response.headers().clone());
        (code, headers, response.json::<Value>().await.unwrap_or_default())
    };
    let right = format!("Bearer {TOKEN}");
    let almost = format!("Bearer {TOKEN}x");
    let short = format!("Bearer {}", &TOKEN[1..]);
    let other = format!("Basic {TOKEN}");
    for path in [
        "/api/v1/status",
        "/api/v1/stream",
        "/api/v1/openapi.json",
        "/api/v1/nowhere",
    ] {
        let in_query = format!("{path}?token=correct%20horse%20battery%20staple");
        for wrong in [
            None,
            Some("Bearer "),
            Some(almost.as_str()),
            Some(&short),
            Some(&other),
            Some(TOKEN),
        ] {
            let (code, headers, body) = ask(path, wrong).await;
            assert_eq!(
                (code, headers["www-authenticate"].as_bytes()),
                (401, &b"Bearer realm=\"millrace\""[..])
            );
            assert!(
                body["error"].as_str().unwrap().contains("API_TOKEN"),
                "{path} {wrong:?}"
            );
            assert!(!body.to_string().contains(TOKEN));
        }
        assert_eq!(ask(&in_query, None).await.0, 401);
    }
    assert_eq!(ask("/api/v1/status", Some(&right)).await.0, 200);
    assert_eq!(
        ask("/api/v1/status", Some(&right.replace("Bearer", "bearer")))
            .await
            .0,
        200
    );
    assert_eq!(ask("/api/v1/nowhere", Some(&right)).await.0, 404);
    for open in ["/", "/livez", "/readyz", "/health", "/metrics"] {
        assert_eq!(ask(open, None).await.0, 200, "{open}");
    }
}
