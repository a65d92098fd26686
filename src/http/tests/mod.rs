//! The routes over a real socket.

mod api;
pub(crate) mod made_up;
mod shown;
pub(crate) mod stream;

use super::*;
use jiff::Timestamp;
use made_up::{Running, settings, start, start_bounded};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

#[tokio::test]
async fn livez_fails_only_when_stuck() {
    let service = start().await;
    assert_eq!(service.get("/livez").await.0, 200);
    service.health.0.lock().unwrap().database_down = true;
    assert_eq!(service.get("/livez").await.0, 200);
    service.health.0.lock().unwrap().stuck = Some("3 events in flight, none settled for 300 s".to_owned());
    let (code, _, body) = service.get("/livez").await;
    assert_eq!(code, 503);
    assert_eq!(body["why"], "3 events in flight, none settled for 300 s");
}

#[tokio::test]
async fn readyz_names_each_dependency_and_why() {
    let service = start().await;
    let (code, kind, body) = service.get("/readyz").await;
    assert_eq!(
        (code, kind.as_str(), &body["status"]),
        (200, "application/json", &"ready".into())
    );
    service.health.0.lock().unwrap().database_down = true;
    let (code, _, body) = service.get("/readyz").await;
    assert_eq!(code, 503);
    assert_eq!(body["dependencies"][2]["name"], "database");
    assert_eq!(body["dependencies"][2]["ok"], false);
    assert_eq!(body["dependencies"][2]["why"], "connection refused");
    assert_eq!(body["consuming"]["ok"], true);
}

#[tokio::test]
async fn readyz_names_what_is_down_and_does_not_fail_where_it_is_not_needed() {
    let service = start().await;
    let situation = || service.health.0.lock().unwrap();
    situation().database_spared = true;
    situation().database_down = true;
    let (code, _, body) = service.get("/readyz").await;
    assert_eq!((code, &body["dependencies"][2]["ok"]), (200, &false.into()));
}

#[tokio::test]
async fn readyz_fails_while_nothing_is_consumed() {
    let service = start().await;
    service.health.0.lock().unwrap().idle = Some("draining".to_owned());
    let (code, _, body) = service.get("/readyz").await;
    assert_eq!((code, &body["consuming"]["why"]), (503, &"draining".into()));
}

#[tokio::test]
async fn health_says_everything_at_a_glance() {
    let service = start().await;
    let (code, _, body) = service.get("/health").await;
    assert_eq!((code, &body["status"]), (200, &"healthy".into()));
    assert_eq!(body["version"], env!("CARGO_PKG_VERSION"));
    body["timestamp"].as_str().unwrap().parse::<Timestamp>().unwrap();
    for name in ["rabbitmq", "object_store", "database"] {
        assert_eq!(body["services"][name]["status"], "up");
    }
    assert_eq!(body["actors"][1]["name"], "writer-0");
    assert_eq!(body["metrics"]["items_processed"], 42);
    service.health.0.lock().unwrap().database_down = true;
    let (code, _, body) = service.get("/health").await;
    assert_eq!((code, &body["status"]), (200, &"degraded".into()));
    assert_eq!(body["services"]["database"]["status"], "down");
}

#[tokio::test]
async fn metrics_come_in_the_form_that_is_asked_for() {
    let service = start().await;
    let (_, kind, body) = service.get("/metrics").await;
    assert_eq!(kind, "text/plain; version=0.0.4; charset=utf-8");
    assert!(
        body.as_str()
            .unwrap()
            .contains("# TYPE analytics_events_received_total counter\nanalytics_events_received_total 1\n")
    );
    let request = reqwest::Client::new().get(format!("http://{}/metrics", service.address));
    let response = request
        .header("accept", "application/openmetrics-text;version=1.0.0")
        .send()
        .await
        .unwrap();
    assert_eq!(
        response.headers()["content-type"],
        "application/openmetrics-text; version=1.0.0; charset=utf-8"
    );
    assert!(response.text().await.unwrap().ends_with("# EOF\n"));
}

#[tokio::test]
async fn what_is_not_there_is_said_in_json() {
    let service = start().await;
    let (code, kind, body) = service.get("/nowhere?x=1").await;
    assert_eq!((code, kind.as_str()), (404, "application/json"));
    assert_eq!(body["path"], "/nowhere");
    let (code, _, body) = service.get("/").await;
    assert_eq!(code, 200);
    assert!(body.as_str().unwrap().contains("/metrics"));
}

#[tokio::test]
async fn a_stop_ends_the_server_and_frees_the_port() {
    let service = start().await;
    assert_eq!(service.get("/livez").await.0, 200);
    service.stop.cancel();
    service.served.await.unwrap();
    TcpListener::bind(service.address).await.unwrap();
}

#[tokio::test]
async fn a_client_that_never_finishes_its_request_does_not_hold_up_the_stop() {
    let service = start().await;
    let mut slow = TcpStream::connect(service.address).await.unwrap();
    slow.write_all(b"GET /livez HTTP/1.1\r\n").await.unwrap();
    assert_eq!(service.get("/livez").await.0, 200);
    service.stop.cancel();
    let stopped = tokio::time::timeout(Duration::from_secs(20), service.served).await;
    stopped.unwrap().unwrap();
}

/// Connects and never comes to the point.
async fn dawdler(service: &Running) -> TcpStream {
    let mut client = TcpStream::connect(service.address).await.unwrap();
    client
        .write_all(b"GET /livez HTTP/1.1\r\nx-slow: ")
        .await
        .unwrap();
    client
}

#[tokio::test]
async fn a_client_that_is_slow_about_its_request_loses_its_place() {
    let bounds = Bounds {
        patience: Duration::from_millis(50),
        ..BOUNDS
    };
    let service = start_bounded(settings(), bounds, |_| Vec::new()).await;
    let mut client = dawdler(&service).await;
    let mut said = Vec::new();
    client.read_to_end(&mut said).await.unwrap();
    assert!(said.is_empty() || said.starts_with(b"HTTP/1.1 408 "), "{said:?}");
}

#[tokio::test]
async fn there_are_so_many_places_and_no_more() {
    let bounds = Bounds {
        places: 3,
        patience: Duration::from_secs(3_600),
    };
    let service = start_bounded(settings(), bounds, |_| Vec::new()).await;
    let mut dawdlers = Vec::new();
    for _ in 0..3 {
        dawdlers.push(dawdler(&service).await);
    }
    let mut asking = Box::pin(service.get_status("/livez"));
    let answer = tokio::time::timeout(Duration::from_millis(500), &mut asking).await;
    assert!(answer.is_err(), "there was a fourth place");
    dawdlers.pop();
    assert_eq!(asking.await, 200);
}

#[tokio::test]
async fn a_port_in_use_is_said_with_what_to_do() {
    let service = start().await;
    let settings = HttpSettings {
        port: service.address.port(),
        ..made_up::settings()
    };
    let error = HttpServer::bind(&settings, service.state.clone()).await;
    let error = error.err().unwrap();
    assert!(error.to_string().contains("METRICS_PORT"), "{error}");
}

#[tokio::test]
async fn nothing_but_get_is_answered_and_every_answer_keeps_its_type() {
    let service = start().await;
    let client = reqwest::Client::new();
    for path in ["/livez", "/health", "/api/v1/status", "/api/v1/dead-letters"] {
        let post = client.post(service.url(path)).body("{}").send().await.unwrap();
        assert_eq!(post.status(), 405, "{path}");
        assert_eq!(post.headers()["content-type"], "application/json");
    }
    for path in [
        "/",
        "/metrics",
        "/livez",
        "/nowhere",
        "/api/v1/status",
        "/api/v1/nowhere",
    ] {
        let response = client.get(service.url(path)).send().await.unwrap();
        assert_eq!(response.headers()["x-content-type-options"], "nosniff", "{path}");
        let cache = response.headers().get("cache-control");
        assert_eq!(
            cache.is_some_and(|value| value == "no-store"),
            path.starts_with("/api"),
            "{path}"
        );
    }
}
