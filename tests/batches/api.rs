//! The JSON API on real servers: what it says is what the document promises and what the tables hold.

mod reader;
mod trouble;

use crate::running::{DLQ, PATIENCE, Running, batch_of, event};
use millrace_stack::wait_for;
use reader::{Reader, TOKEN};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

const JAEGER: &str = "http://jaeger.example:16686/ui";

/// An event of a job, with how many batches it has.
fn of_job(
    event_id: &str,
    path: &str,
    project: Option<&str>,
    job: &str,
    index: i64,
    total: Option<i64>,
) -> String {
    let mut event = event(event_id, path);
    let payload = &mut event["payload"];
    payload["project_id"] = project.into();
    payload["job_id"] = job.into();
    payload["batch_index"] = index.into();
    payload["total_batches"] = total.into();
    event.to_string()
}

/// Sends good, erroneous, rejected and hopeless events, and waits until all are settled. Returns how many
/// are stored and how many are dead-lettered.
async fn work(pipeline: &Running<'_>) -> (usize, usize) {
    let mut stored = Vec::new();
    for n in 0..9_i64 {
        let (id, job) = (format!("good-{n}"), format!("proj_a-brand-{}", n % 3));
        let path = pipeline.put(&format!("tiktok/{id}.json"), batch_of(&id, 4)).await;
        pipeline
            .publish(of_job(&id, &path, Some("proj_a"), &job, n / 3, Some(4)))
            .await;
        stored.push(id);
    }
    let items = json!([
        {"meta": {"id": "x1", "fetch_status": "error", "error_code": "TIMEOUT"}, "content": null},
        {"meta": {"id": "x2", "fetch_status": "error", "error_code": "TIMEOUT"}, "content": null},
        {"meta": {"id": "x3", "fetch_status": "error", "error_code": "MADE_UP"}, "content": null},
        {"meta": {"fetch_status": "success"}, "content": {}},
        "no object at all",
    ]);
    let path = pipeline.put("tiktok/mixed.json", items.to_string()).await;
    pipeline
        .publish(of_job("mixed", &path, Some("proj_b"), "proj_b-brand-0", 1, None))
        .await;
    let path = pipeline.put("tiktok/dry.json", batch_of("dry", 2)).await;
    let dry = "6f1c1f2e-0d3b-4a2b-9c57-0a3f6f1b2c3d";
    pipeline
        .publish(of_job("dry", &path, None, dry, 1, Some(1)))
        .await;
    stored.extend(["mixed".to_owned(), "dry".to_owned()]);

    pipeline.publish("{not json").await;
    pipeline
        .announce("bad-path-1", "crawl-results/../secrets.json")
        .await;
    pipeline
        .announce("bad-path-2", "crawl-results/../secrets.json")
        .await;
    let broken = pipeline.put("tiktok/broken.json", "[{").await;
    pipeline.announce("broken", &broken).await;
    pipeline.stored(&stored).await;
    pipeline.dead_letters(4).await;
    pipeline.queue_empties().await;
    (stored.len(), 4)
}

async fn start() -> Running<'static> {
    let settings = [
        ("API_TOKEN", TOKEN),
        ("JAEGER_UI_URL", JAEGER),
        ("LOG_LEVEL", "error"),
        ("LOG_FORMAT", "json"),
    ];
    Running::shared("api", &settings).await
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_is_as_documented_and_says_what_the_tables_hold() {
    let pipeline = start().await;
    let reader = Reader::new(&pipeline).await;
    let stream = reader.request("/stream").send().await.unwrap();
    let (stored, dead) = work(&pipeline).await;

    sums_are_of_now(&reader).await;
    status_is_right(&reader, stored, dead).await;
    projects_are_right(&reader).await;
    errors_are_right(&reader).await;
    dead_letters_are_right(&reader, dead).await;
    stories_are_right(&reader).await;
    told(&reader, stream).await;
    let (code, refused) = reader.ask("/batches/never-heard-of").await;
    assert_eq!(code, 404);
    assert!(refused["error"].as_str().unwrap().contains("another replica"));
    a_queue_that_is_gone_is_empty(&reader).await;
    reader.heard_no_secret();
    let open = pipeline.service.get("/api/v1/status").await.unwrap();
    assert_eq!(open.0, 401, "the token is asked for");
}

/// Waits until what is stored by now is in the sums.
async fn sums_are_of_now(reader: &Reader<'_>) {
    let now = jiff::Timestamp::now();
    wait_for("sums of now", PATIENCE, async || {
        let told = reader.get("/projects", "/projects").await["as_of"].clone();
        let as_of: jiff::Timestamp = told.as_str().unwrap().parse().unwrap();
        if as_of > now {
            Ok(())
        } else {
            Err(as_of.to_string())
        }
    })
    .await
    .unwrap();
}

/// Waits for the status of a pipeline that is well and has nothing to do: dependencies are asked in their own time.
async fn status_at_rest(reader: &Reader<'_>) -> Value {
    wait_for("a pipeline at rest", PATIENCE, async || {
        let status = reader.get("/status", "/status").await;
        let stages = status["rooms"].as_array().unwrap();
        let mut actors = stages
            .iter()
            .flat_map(|stage| stage["actors"].as_array().unwrap());
        let at_rest = status["status"] == "healthy"
            && status["live"]["ok"] == true
            && status["inflight"]["events"] == 0
            && actors.all(|actor| actor["state"] == "up");
        if at_rest {
            Ok(status)
        } else {
            Err(status.to_string())
        }
    })
    .await
    .unwrap()
}

async fn status_is_right(reader: &Reader<'_>, stored: usize, dead: usize) {
    let status = status_at_rest(reader).await;
    let stages = status["rooms"].as_array().unwrap();
    let names: Vec<_> = stages
        .iter()
        .map(|stage| stage["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["ingress", "fetcher", "parser", "writer"]);
    let actors = stages
        .iter()
        .flat_map(|stage| stage["actors"].as_array().unwrap());
    assert!(actors.count() >= 4);
    let slots = status["recent"]["slots"].as_array().unwrap();
    let sum = |name: &str| -> u64 { slots.iter().map(|slot| slot[name].as_u64().unwrap()).sum() };
    assert_eq!(
        (sum("stored"), sum("dead_lettered")),
        (stored as u64, dead as u64)
    );
    let (posts, errors, rejected) = (9 * 4 + 2, 3, 2);
    assert_eq!(
        (sum("success"), sum("error"), sum("rejected")),
        (posts, errors, rejected)
    );
    assert!(slots.iter().any(|slot| slot["p95_ms"].is_u64()));
    let rate = &status["rates"]["platforms"][0];
    assert_eq!(
        (&rate["platform"], &rate["success"]),
        (&json!("tiktok"), &json!(posts))
    );
    assert_eq!(status["links"]["jaeger_ui"], JAEGER);
}

/// All columns of a query as JSON, row by row.
async fn rows(pipeline: &Running<'_>, query: &str) -> Vec<Value> {
    let query = format!("SELECT to_jsonb(t)::text FROM ({query}) AS t");
    let rows = pipeline.database.query(&query, &[]).await.unwrap();
    rows.iter()
        .map(|row| serde_json::from_str(row.get(0)).unwrap())
        .collect()
}

/// Without times, which are written in another way.
fn without_times(mut row: Value) -> Value {
    row.as_object_mut()
        .unwrap()
        .retain(|name, _| !name.ends_with("_at"));
    row
}

fn sorted(rows: Vec<Value>) -> Vec<Value> {
    let mut rows: Vec<_> = rows.into_iter().map(without_times).collect();
    rows.sort_by_key(Value::to_string);
    rows
}

async fn projects_are_right(reader: &Reader<'_>) {
    for limit in [1, 2, 50] {
        let told = reader.walk("/projects", "/projects", "projects", limit).await;
        let by_id: BTreeMap<_, _> = told
            .iter()
            .map(|project| (project["project_id"].to_string(), project))
            .collect();
        assert_eq!((told.len(), by_id.len()), (3, 3), "{told:?}");
        let a = &by_id["\"proj_a\""];
        assert_eq!(
            (&a["jobs"], &a["batches_done"], &a["batches_expected"]),
            (&json!(3), &json!(9), &json!(12))
        );
        assert_eq!(
            (&a["percent"], &a["items"], &a["successes"]),
            (&json!(75.0), &json!(36), &json!(36))
        );
        let b = &by_id["\"proj_b\""];
        assert_eq!(
            (&b["batches_expected"], &b["percent"]),
            (&Value::Null, &Value::Null)
        );
        assert_eq!((&b["errors"], &b["rejected"]), (&json!(3), &json!(2)));
        assert_eq!(by_id["null"]["items"], 2, "dry runs");
        let times: Vec<_> = told
            .iter()
            .map(|project| project["last_committed_at"].as_str().unwrap())
            .collect();
        assert!(times.is_sorted_by(|a, b| a >= b), "{times:?}");

        let jobs = reader
            .walk(
                "/projects/{id}/progress",
                "/projects/proj_a/progress",
                "jobs",
                limit,
            )
            .await;
        let table = "SELECT job_id, platform, batches_done, batches_expected, percent, items, successes, errors, rejected \
                     FROM project_progress WHERE project_id = 'proj_a'";
        let mut table = rows(reader.pipeline, table).await;
        for job in &mut table {
            job["percent"] = json!(job["percent"].as_f64()); // 75 and 75.0
        }
        assert_eq!(sorted(jobs), sorted(table));
    }
    assert_eq!(reader.ask("/projects/unknown/progress").await.0, 404);
}

async fn errors_are_right(reader: &Reader<'_>) {
    let table = "SELECT platform, error_code, error_category AS category, errors FROM error_distribution";
    let table = sorted(rows(reader.pipeline, table).await);
    assert_eq!(table.len(), 2);
    for path in ["/errors", "/errors?project_id=proj_b", "/errors?platform=TikTok"] {
        let told = reader.get("/errors", path).await;
        assert_eq!(told["total"], 3);
        assert_eq!(
            told["codes"][0]["error_code"], "TIMEOUT",
            "the most frequent is first"
        );
        assert_eq!(sorted(told["codes"].as_array().unwrap().clone()), table, "{path}");
        assert_eq!(
            told["categories"],
            json!([{"category": "network", "errors": 2}, {"category": "unknown", "errors": 1}])
        );
    }
    for none in ["/errors?project_id=proj_a", "/errors?platform=youtube"] {
        assert_eq!(reader.get("/errors", none).await["total"], 0, "{none}");
    }
}

async fn dead_letters_are_right(reader: &Reader<'_>, dead: usize) {
    let route = "/dead-letters";
    wait_for("the depth of the queue", PATIENCE, async || {
        let told = reader.get(route, route).await["queue_messages"].clone();
        if told == json!(dead) {
            Ok(())
        } else {
            Err(told.to_string())
        }
    })
    .await
    .unwrap();
    let letters = reader.pipeline.dead_letters(dead).await;
    let header = |name: &str| -> Vec<_> {
        let mut values: Vec<_> = letters.iter().map(|letter| letter.header(name)).collect();
        values.sort();
        values
    };
    let told = reader.walk(route, route, "dead_letters", 1).await;
    let field = |name: &str| -> Vec<_> {
        let text = |letter: &Value| letter[name].as_str().map(str::to_owned);
        let mut values: Vec<_> = told.iter().map(text).collect();
        values.sort();
        values
    };
    assert_eq!(field("reason"), header("x-millrace-reason"));
    assert_eq!(field("event_id"), header("x-millrace-event-id"));
    assert_eq!(field("detail"), header("x-millrace-detail"));
    let all = reader.get(route, route).await;
    assert_eq!(all["reasons"][0], json!({"reason": "bad_path", "count": 2}));
    let bad_paths = reader
        .walk(route, "/dead-letters?reason=bad_path", "dead_letters", 1)
        .await;
    assert_eq!(bad_paths.len(), 2);
}

/// The broker closes the channel of who asks about a queue that is gone; that must not end the session.
async fn a_queue_that_is_gone_is_empty(reader: &Reader<'_>) {
    let consuming = async || reader.get("/status", "/status").await["consuming"].clone();
    let before = consuming().await;
    reader.pipeline.tenant.delete_queue(DLQ).await.unwrap();
    wait_for("the queue to count as empty", PATIENCE, async || {
        reader.get("/dead-letters", "/dead-letters").await["queue_messages"] == 0
    })
    .await
    .unwrap();
    assert_eq!((&before["ok"], &consuming().await), (&json!(true), &before));
}

async fn stories_are_right(reader: &Reader<'_>) {
    let ledger = rows(
        reader.pipeline,
        "SELECT * FROM ingested_batches ORDER BY committed_at DESC, event_id DESC",
    )
    .await;
    let ids = |rows: &[Value]| -> Vec<_> { rows.iter().map(|row| row["event_id"].clone()).collect() };
    for limit in [1, 3, 200] {
        let told = reader.walk("/batches", "/batches", "batches", limit).await;
        assert_eq!(ids(&told), ids(&ledger), "all of them, once, newest first");
    }
    for (q, found) in [
        ("good-", 9),
        ("proj_b", 1),
        ("6f1c1f2e", 1),
        ("mixed", 1),
        ("%25", 0),
        ("od-", 0),
    ] {
        let told = reader
            .walk("/batches", &format!("/batches?q={q}"), "batches", 4)
            .await;
        assert_eq!(told.len(), found, "{q}");
    }
    for row in ledger {
        let id = row["event_id"].as_str().unwrap();
        let story = reader.get("/batches/{event_id}", &format!("/batches/{id}")).await;
        assert_eq!(story["fate"], "stored");
        let names = |row: &Value| -> BTreeSet<_> { row.as_object().unwrap().keys().cloned().collect() };
        assert_eq!(names(&story["stored"]), names(&row), "every column");
        assert_eq!(without_times(story["stored"].clone()), without_times(row.clone()));
        let said: Vec<_> = story["history"]
            .as_array()
            .unwrap()
            .iter()
            .map(|line| &line["message"])
            .collect();
        // Whatever LOG_LEVEL is: here it is `error`.
        assert_eq!(said.first(), Some(&&json!("event received")));
        assert!(said.contains(&&json!("stored batch")), "{said:?}");
        assert_eq!(said.last(), Some(&&json!("event acknowledged")));
    }
    let mixed = reader.get("/batches/{event_id}", "/batches/mixed").await;
    let table = "SELECT item_index, reason, detail FROM rejected_items ORDER BY item_index";
    assert_eq!(
        mixed["rejected_items"],
        Value::from(rows(reader.pipeline, table).await)
    );
    let dead = reader.get("/batches/{event_id}", "/batches/broken").await;
    assert_eq!(
        (&dead["fate"], &dead["stored"]),
        (&json!("dead_lettered"), &Value::Null)
    );
    assert!(dead["history"].to_string().contains("malformed_json"));
}

/// The stream has told of everything that happened.
async fn told(reader: &Reader<'_>, mut stream: reqwest::Response) {
    let schema = reader.schema("/status");
    let mut text = String::new();
    let done = |text: &str| {
        let count = |name: &str| text.matches(&format!("event: {name}\n")).count();
        count("batch") == 11 && count("dead_letter") == 4 && count("status") >= 1
    };
    while !done(&text) {
        let chunk = tokio::time::timeout(PATIENCE, stream.chunk()).await;
        text += std::str::from_utf8(&chunk.expect("everything is told").unwrap().unwrap()).unwrap();
    }
    let statuses = text.split("\n\n").filter(|event| event.contains("event: status"));
    for status in statuses {
        let data = status
            .lines()
            .find_map(|line| line.strip_prefix("data: "))
            .unwrap();
        let data: Value = serde_json::from_str(data).unwrap();
        assert!(schema.is_valid(&data), "{data}");
    }
    reader.heard.lock().unwrap().push_str(&text);
}
