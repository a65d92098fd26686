//! The routes of the pipeline, beside those of every pipeline.

use super::made_up::{ROWS, start};
use crate::http::tests::made_up::Running;
use jsonschema::Validator;
use serde_json::{Value, json};

/// Every list, where its entries are, and what tells them apart.
const LISTS: [(&str, &str, &str); 3] = [
    ("/api/v1/projects?", "projects", "project_id"),
    ("/api/v1/projects/p1/progress?", "jobs", "job_id"),
    ("/api/v1/batches?", "batches", "event_id"),
];

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

#[tokio::test]
async fn every_answer_is_as_the_document_says() {
    let service = start().await.http;
    for (route, path) in [
        ("/status", "/status"),
        ("/projects", "/projects?limit=200"),
        ("/projects/{id}/progress", "/projects/p1/progress"),
        ("/errors", "/errors?platform=TikTok&project_id=p"),
        ("/dead-letters", "/dead-letters"),
        ("/batches", "/batches?q=x&limit=1"),
        ("/batches/{event_id}", "/batches/e1"),
    ] {
        let (code, kind, body) = service.get(&format!("/api/v1{path}")).await;
        assert_eq!((code, kind.as_str()), (200, "application/json"), "{path}: {body}");
        let schema = schema_of(&service, route).await;
        assert!(
            schema.is_valid(&body),
            "{path}: {:?}",
            schema.iter_errors(&body).collect::<Vec<_>>()
        );
        for name in body.as_object().unwrap().keys() {
            let mut less = body.clone();
            less.as_object_mut().unwrap().remove(name);
            assert!(!schema.is_valid(&less), "{path} without {name}");
        }
        let mut more = body.clone();
        more["stray"] = json!(1);
        assert!(!schema.is_valid(&more), "{path}");
    }
}

#[tokio::test]
async fn slots_are_merged_by_their_time() {
    let started = start().await;
    let service = &started.http;
    let slots = async || service.get("/api/v1/status").await.2["recent"]["slots"].clone();
    let first = slots().await;
    started.recent.note(std::time::Instant::now(), |now| {
        now.stored += 1;
        now.latency.record(std::time::Duration::from_millis(40));
    });
    let second = slots().await;
    let last = second.as_array().unwrap().last().unwrap();
    assert_eq!(second[0]["at"], first[0]["at"], "the same slot has the same time");
    assert_eq!((&last["stored"], &last["p95_ms"]), (&json!(1), &json!(40)));
    assert_eq!(first[0]["p95_ms"], Value::Null);
}

#[tokio::test]
async fn lists_are_walked_to_the_end_and_every_entry_comes_once() {
    let service = start().await.http;
    for (path, list, key) in LISTS {
        for limit in [1, 50, 61, 123, 124, 200] {
            let mut found = Vec::new();
            let mut cursor = String::new();
            loop {
                let (code, _, part) = service.get(&format!("{path}limit={limit}{cursor}")).await;
                assert_eq!(code, 200, "{part}");
                let entries = part[list].as_array().unwrap();
                assert!(!entries.is_empty() && entries.len() <= limit, "{path} {limit}");
                found.extend(entries.iter().map(|entry| entry[key].to_string()));
                match part["next"].as_str() {
                    Some(next) => cursor = format!("&cursor={next}"),
                    None => break,
                }
            }
            found.sort();
            found.dedup();
            assert_eq!(found.len(), ROWS, "{path} {limit}");
        }
    }
    let (_, _, part) = service.get("/api/v1/batches").await;
    assert_eq!(part["batches"].as_array().unwrap().len(), 50, "the default");
}

#[tokio::test]
async fn bad_parameters_are_named() {
    let service = start().await.http;
    let long = "x".repeat(1_025);
    let cases = [
        ("/projects?limit=0", "limit"),
        ("/projects?limit=201", "limit"),
        ("/projects?limit=ten", "limit"),
        ("/projects?limit=1&limit=2", "limit"),
        ("/projects?cursor=%00", "cursor"),
        ("/projects?cursor=MTIz", "cursor"),
        ("/projects?limt=1", "limt"),
        ("/batches?limit=-1", "limit"),
        ("/batches?q=a%00b", "q "),
        ("/batches?q=too-many", "q: too many"),
        (&format!("/batches?q={long}"), "q "),
        ("/batches?reason=x", "reason"),
        ("/errors?platform=%00", "platform"),
        ("/errors?project_id=a%00", "project_id"),
        ("/dead-letters?cursor=x", "cursor"),
        ("/dead-letters?limit=1e3", "limit"),
        ("/batches/a%00b", "id"),
        ("/batches/%ff", "UTF-8"),
        ("/projects/%ff/progress", "UTF-8"),
    ];
    for (path, named) in cases {
        let (code, kind, body) = service.get(&format!("/api/v1{path}")).await;
        assert_eq!((code, kind.as_str()), (400, "application/json"), "{path}: {body}");
        assert!(body["error"].as_str().unwrap().contains(named), "{path}: {body}");
    }
}

#[tokio::test]
async fn what_is_not_there_is_404_and_json() {
    let service = start().await.http;
    for (path, says) in [
        ("/api/v1", "openapi.json"),
        ("/api/v1/nowhere", "/api/v1/nowhere"),
        ("/api/v1/batches/unknown", "another replica may"),
        ("/api/v1/projects/unknown/progress", "unknown"),
        ("/api/v1/projects/a%2Fb/progress", "a/b"),
    ] {
        let (code, kind, body) = service.get(path).await;
        assert_eq!((code, kind.as_str()), (404, "application/json"), "{path}: {body}");
        assert!(body["error"].as_str().unwrap().contains(says), "{path}: {body}");
    }
}

#[tokio::test]
async fn without_a_database_the_rest_still_answers() {
    let service = start().await.http;
    service.health.0.lock().unwrap().database_down = true;
    for path in [
        "/projects",
        "/projects/p1/progress",
        "/errors",
        "/batches",
        "/batches/e1",
    ] {
        let (code, kind, body) = service.get(&format!("/api/v1{path}")).await;
        assert_eq!((code, kind.as_str()), (503, "application/json"), "{path}");
        assert!(body["error"].as_str().unwrap().contains("database"), "{body}");
    }
    for path in ["/status", "/dead-letters", "/openapi.json"] {
        assert_eq!(service.get(&format!("/api/v1{path}")).await.0, 200, "{path}");
    }
}

#[tokio::test]
async fn a_story_tells_what_is_stored_and_where_its_trace_is() {
    let service = start().await.http;
    let (_, _, body) = service.get("/api/v1/batches/e1").await;
    assert_eq!(body["fate"], "stored");
    assert_eq!(body["rejected_items"].as_array().unwrap().len(), 50);
    assert_eq!(body["trace_url"], "http://jaeger:16686/trace/abc");
}
