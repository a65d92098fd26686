//! The routes over a real socket, before a real database.

use super::Reported;
use crate::http::{
    Shown,
    tests::made_up::{Running, start_shown},
};
use jsonschema::Validator;
use millrace_access::tls::TlsFiles;
use millrace_postgres::{Database, PostgresSettings};
use millrace_products::{
    recent::JournalEvents,
    reports::{ReadHere, Reports},
    write::MIGRATIONS,
};
use millrace_stack::{Selected, Selection};
use serde_json::{Value, json};
use std::{sync::Arc, time::Duration};
use tokio::runtime::Handle;

/// Events, one a minute, of two products; then one that has expired.
const EVENTS: &str = "
    SELECT product_events_make(current_date - 1, 5);
    INSERT INTO product_events (received_on, event_id, event_type, product_id, seller_id, event_at, received_at, expires_at,
        topic, partition, record_offset, payload, trace_id)
    SELECT current_date, 'e-' || n, (ARRAY['ProductCreated', 'ProductUpdated', 'LowStockWarning'])[1 + n % 3], 'p-' || n % 2,
        's-1', timestamptz '2026-03-01 10:00Z' + make_interval(mins => n), now(),
        now() + make_interval(hours => CASE n WHEN 0 THEN -1 ELSE 1 END), 'topic', 0, n, ('{\"n\": ' || n || '.50}')::json, 'abc'
    FROM generate_series(0, 122) AS n;
    INSERT INTO product_event_ids (event_id, received_on, duplicates) SELECT event_id, received_on, 2 FROM product_events;
    INSERT INTO product_state (product_id, status, low_stock, first_seen_at, last_event_at, last_event_id, value_ages)
    VALUES ('p-1', 'updated', true, now(), now(), 'e-1', '{}'), ('events', 'created', false, now(), now(), 'e', '{}');
    INSERT INTO product_stats (hour, event_type, topic, partition, events)
    VALUES (date_trunc('hour', now()), 'ProductCreated', 'topic', 0, 7);
    INSERT INTO archive_files (file_id, hour, seq, late, state, key, members, received_from, received_to, events)
    VALUES (gen_random_uuid(), '2026-03-01 10:00Z', 1, false, 'planned', 'k', '{e-1}', current_date, current_date, 1);
    INSERT INTO rejected_events (topic, partition, record_offset, reason, detail, raw_bytes)
    SELECT 'topic', 0, n, 'malformed_event', 'no JSON', 3 FROM generate_series(0, 122) AS n;
    INSERT INTO kafka_positions (group_id, topic, partition, next_offset) VALUES ('group', 'topic', 0, 7), ('group', 'topic', 1, 8);
    INSERT INTO position_gaps (group_id, topic, partition, from_offset, to_offset, reason) VALUES ('group', 'topic', 0, 1, 2, 'retention')";

/// The service, and the servers that it asks.
struct Started {
    http: Running,
    servers: Selected,
}

async fn start() -> Started {
    let selection = Selection {
        rabbitmq: false,
        postgres: true,
        objects: false,
    };
    let servers = Selected::start(selection).await.unwrap();
    let postgres = servers.postgres.as_ref().unwrap();
    postgres.create_database("shown").await.unwrap();
    let settings = PostgresSettings {
        url: postgres.url("shown").into(),
        tls: TlsFiles::default(),
        pool_size: 2,
        connect_timeout: Duration::from_secs(5),
        statement_timeout: Duration::from_secs(30),
        writers: 1,
        max_rows: 1,
        max_bytes: 1,
    };
    MIGRATIONS.migrate(&settings).await.unwrap();
    let client = postgres.connect("shown").await.unwrap();
    client.batch_execute(EVENTS).await.unwrap();
    let database = Database::new(&settings, &Handle::current()).unwrap();
    let http = start_shown(|_| {
        let read = ReadHere {
            topic: "topic".to_owned(),
            partition: 0,
            end: Some(10),
            waits: None,
        };
        vec![Arc::new(Reported {
            reports: Reports::new(database.clone(), "group"),
            recent: Arc::new(JournalEvents::new(database)),
            partitions: Arc::new(move || vec![read.clone()]),
            figures: super::Figures::default(),
        }) as Arc<dyn Shown>]
    })
    .await;
    Started { http, servers }
}

/// What an answer of this route has to be like.
async fn schema_of(service: &Running, route: &str) -> Validator {
    let (_, _, document) = service.get("/api/v1/openapi.json").await;
    let answer =
        &document["paths"][route]["get"]["responses"]["200"]["content"]["application/json"]["schema"];
    assert!(answer.is_object(), "{route}");
    let mut schema = answer.clone();
    schema["components"] = document["components"].clone();
    jsonschema::validator_for(&schema).unwrap()
}

async fn walk(service: &Running, path: &str, list: &str, key: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut cursor = String::new();
    loop {
        let (code, _, part) = service.get(&format!("{path}limit=50{cursor}")).await;
        assert_eq!(code, 200, "{part}");
        let entries = part[list].as_array().unwrap();
        assert!(!entries.is_empty() && entries.len() <= 50, "{path}");
        found.extend(entries.iter().map(|entry| entry[key].to_string()));
        match part["next"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return found,
        }
    }
}

#[tokio::test]
async fn every_answer_is_as_the_document_says() {
    let started = start().await;
    let service = &started.http;
    for (route, path) in [
        ("/products/events", "/products/events?type=ProductUpdated&limit=3"),
        ("/products/events/{id}", "/products/events/e-1"),
        ("/products/events/{id}", "/products/events/e-0"),
        ("/products/stats", "/products/stats?hours=48"),
        ("/products/archive", "/products/archive"),
        ("/products/archive", "/products/archive?hour=2026-03-01T10"),
        ("/products/rejected", "/products/rejected?reason=malformed_event"),
        ("/products/positions", "/products/positions"),
        ("/products/{product_id}", "/products/p-1"),
    ] {
        let (code, kind, body) = service.get(&format!("/api/v1{path}")).await;
        assert_eq!((code, kind.as_str()), (200, "application/json"), "{path}: {body}");
        let schema = schema_of(service, route).await;
        let errors: Vec<_> = schema.iter_errors(&body).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{path}: {errors:?}");
        for name in body.as_object().unwrap().keys() {
            let mut less = body.clone();
            less.as_object_mut().unwrap().remove(name);
            assert!(!schema.is_valid(&less), "{path} without {name}");
        }
    }
}

#[tokio::test]
async fn lists_are_walked_to_the_end_and_what_expired_is_not_in_them() {
    let started = start().await;
    let service = &started.http;
    let mut events = walk(service, "/api/v1/products/events?", "events", "event_id").await;
    assert_eq!(events[0], r#""e-122""#, "newest first");
    events.sort();
    events.dedup();
    assert_eq!(events.len(), 122);
    assert!(!events.contains(&r#""e-0""#.to_owned()));
    let of_one = walk(
        service,
        "/api/v1/products/events?product_id=p-1&",
        "events",
        "event_id",
    )
    .await;
    assert_eq!(of_one.len(), 61);
    let rejected = walk(service, "/api/v1/products/rejected?", "rejected", "offset").await;
    assert_eq!(rejected.len(), 123);
    let (_, _, whole) = service.get("/api/v1/products/events/e-0").await;
    assert_eq!(
        (&whole["event"], &whole["stored"]["duplicates"]),
        (&Value::Null, &json!(2))
    );
    let (_, _, part) = service
        .get("/api/v1/products/events?since=2026-03-01T10:05:00Z&until=2026-03-01T10:07:00Z")
        .await;
    let ids: Vec<_> = part["events"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| &it["event_id"])
        .collect();
    assert_eq!(ids, ["e-6", "e-5"]);
    assert_eq!(part["events"][0]["payload"].to_string(), r#"{"n":6.5}"#);
}

#[tokio::test]
async fn what_is_told_of_one_is_what_is_known() {
    let started = start().await;
    let service = &started.http;
    let (_, _, event) = service.get("/api/v1/products/events/e-1").await;
    assert_eq!(event["trace_url"], "http://jaeger:16686/trace/abc");
    assert_eq!(
        event["stored"]["archive"],
        json!({"state": "planned", "keys": ["k"]})
    );
    let (_, _, product) = service.get("/api/v1/products/p-1").await;
    assert_eq!(product["events"].as_array().unwrap().len(), 20);
    assert_eq!(product["product"]["low_stock"], true);
    let (_, _, stats) = service.get("/api/v1/products/stats").await;
    assert_eq!(
        (&stats["totalProducts"], &stats["totalEvents"]),
        (&json!(2), &json!(7))
    );
    let (_, _, told) = service.get("/api/v1/products/positions").await;
    let (here, there) = (&told["positions"][0], &told["positions"][1]);
    assert_eq!((&here["end"], &here["lag"]), (&json!(10), &json!(3)));
    assert_eq!((&there["end"], &there["lag"]), (&Value::Null, &Value::Null));
    assert_eq!(told["gaps"][0]["reason"], "retention");
}

#[tokio::test]
async fn bad_parameters_are_named_and_what_is_not_there_is_404() {
    let started = start().await;
    let service = &started.http;
    for (path, named) in [
        ("events?limit=0", "limit"),
        ("events?cursor=x", "cursor"),
        ("events?type=Created", "type"),
        ("events?since=yesterday", "since"),
        ("events?until=2026", "until"),
        ("events?product=p", "product"),
        ("events?seller_id=a%00", "seller_id"),
        ("events/a%00b", "id"),
        ("stats?hours=0", "hours"),
        ("stats?hours=day", "hours"),
        ("archive?hour=now", "hour"),
        ("rejected?reason=bad", "reason"),
        ("rejected?cursor=e30", "cursor"),
    ] {
        let (code, kind, body) = service.get(&format!("/api/v1/products/{path}")).await;
        assert_eq!((code, kind.as_str()), (400, "application/json"), "{path}: {body}");
        assert!(body["error"].as_str().unwrap().contains(named), "{path}: {body}");
    }
    for path in ["events/none", "none"] {
        let (code, _, body) = service.get(&format!("/api/v1/products/{path}")).await;
        assert_eq!(code, 404, "{path}");
        assert!(body["error"].as_str().unwrap().contains("none"), "{body}");
    }
}

#[tokio::test]
async fn without_a_database_each_answer_says_so() {
    let Started { http, servers } = start().await;
    servers.postgres.as_ref().unwrap().stop().await.unwrap();
    for path in [
        "events",
        "events/e-1",
        "stats",
        "archive",
        "rejected",
        "positions",
        "p-1",
    ] {
        let (code, kind, body) = http.get(&format!("/api/v1/products/{path}")).await;
        assert_eq!((code, kind.as_str()), (503, "application/json"), "{path}: {body}");
        assert!(
            body["error"].as_str().unwrap().contains("database"),
            "{path}: {body}"
        );
    }
}

/// What was written into the tables of a database so far, and how often one of them was read from its beginning to its end.
async fn touched(servers: &Selected) -> (i64, i64) {
    let client = servers.postgres.as_ref().unwrap().connect("shown").await.unwrap();
    let sql = "SELECT sum(n_tup_ins + n_tup_upd + n_tup_del)::bigint, \
               (SELECT seq_scan + coalesce(idx_scan, 0) FROM pg_stat_user_tables WHERE relname = 'product_stats') \
               FROM pg_stat_user_tables";
    client
        .batch_execute("SELECT pg_stat_force_next_flush(), pg_stat_clear_snapshot()")
        .await
        .ok();
    let row = client.query_one(sql, &[]).await.unwrap();
    (row.get(0), row.get(1))
}

#[tokio::test]
async fn health_speaks_as_the_service_before_writes_nothing_and_hardly_asks() {
    let started = start().await;
    let service = &started.http;
    let (code, _, body) = service.get("/health").await;
    assert_eq!(code, 200, "{body}");
    assert_eq!(body["metrics"]["totalEvents"], 7);
    assert_eq!(body["metrics"]["eventsByType"], json!({"ProductCreated": 7}));
    assert_eq!(body["services"]["dynamodb"]["status"], "up", "{body}");
    let before = touched(&started.servers).await;
    for _ in 0..1_000 {
        assert_eq!(service.get_status("/health").await, 200);
    }
    let after = touched(&started.servers).await;
    assert_eq!(after.0, before.0, "rows written");
    assert!(after.1 - before.1 < 50, "questions: {before:?} {after:?}");
    service.health.0.lock().unwrap().database_down = true;
    let (code, _, body) = service.get("/health").await;
    assert_eq!((code, &body["status"]), (503, &json!("degraded")), "{body}");
}

#[tokio::test]
async fn the_document_in_docs_is_the_one_that_is_served() {
    let started = start().await;
    let answer = reqwest::get(started.http.url("/api/v1/openapi.json"))
        .await
        .unwrap();
    let document = answer.text().await.unwrap();
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/openapi-products.json");
    if std::env::var_os("REFRESH_OPENAPI").is_some() {
        std::fs::write(path, &document).unwrap();
    }
    let kept = std::fs::read_to_string(path).unwrap_or_default();
    let how = "run: REFRESH_OPENAPI=1 cargo test --workspace --lib the_document_in_docs";
    assert!(
        kept == document,
        "docs/openapi-products.json is out of date; {how}"
    );
    let document: Value = serde_json::from_str(&document).unwrap();
    for (name, schema) in document["components"]["schemas"].as_object().unwrap() {
        for (field, of) in schema["properties"].as_object().into_iter().flatten() {
            let parts = of["oneOf"].as_array().into_iter().flatten().chain([of]);
            let mut parts = parts.map(|part| part["description"].is_string() || part["$ref"].is_string());
            assert!(parts.any(|described| described), "{name}.{field}");
        }
    }
}
