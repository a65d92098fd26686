//! The role of `run` needs no more than `schema/batches/grants.sql` gives.

use crate::{
    crashing_events::serve_until_dead_lettered,
    running::{Running, fresh_id, millrace},
};
use millrace_stack::{Stack, Tenant};
use serde_json::json;

/// `grants.sql` as psql would send it for this role.
pub(crate) async fn grant(tenant: &Tenant<'_>, role: &str) {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/schema/batches/grants.sql");
    let grants = std::fs::read_to_string(file).unwrap();
    assert!(
        grants.contains(":\"role\""),
        "the file names its role in another way"
    );
    let grants = grants.replace(":\"role\"", &format!("\"{role}\""));
    let sql = format!("CREATE ROLE \"{role}\" LOGIN PASSWORD 'least'; {grants}");
    let owner = tenant.connect_postgres().await.unwrap();
    owner.batch_execute(&sql).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn least_rights_are_enough_for_all_that_run_does() {
    let tenant = Stack::shared().await.tenant("rights").await.unwrap();
    let migrated = tenant.command(millrace(), &["migrate"], &[]).await.unwrap();
    assert!(migrated.status.success());
    let role = format!("run-{}", tenant.vhost());
    grant(&tenant, &role).await;
    let port = tenant.stack().postgres.port();
    let url = format!("postgresql://{role}:least@127.0.0.1:{port}/{}", tenant.vhost());
    let settings = [
        ("DATABASE_URL", url.as_str()),
        ("DATABASE_AUTO_MIGRATE", "false"),
        ("FAILPOINTS", "parse.begin=return(kill evt_crash_0)"),
    ];
    let pipeline = Running::start(tenant, &settings).await;

    // Posts with authors and comments, a crawl error, a rejected item, a dead letter, and an event that crashes the
    // process, with its notes.
    let (good, odd) = (fresh_id(), fresh_id());
    pipeline.batch(&good, 5).await;
    let items = json!([
        {"meta": {"id": "gone", "fetch_status": "error", "error_code": "CONTENT_REMOVED"}},
        {"meta": {"fetch_status": "success"}, "content": {"text": "no id"}},
    ]);
    let path = pipeline.put("odd.json", items.to_string()).await;
    pipeline.announce(&odd, &path).await;
    pipeline.announce(&fresh_id(), "another-bucket/a.json").await;
    pipeline.stored(&[good.clone(), odd]).await;
    // A crash before its acknowledgement would double the first letter, and it would be taken for the second.
    pipeline.queue_empties().await;
    pipeline.batch("evt_crash_0", 1).await;
    serve_until_dead_lettered(&pipeline, 2).await;
    pipeline.batch(&good, 5).await; // a duplicate has a write of its own
    pipeline.queue_empties().await;
    for (table, rows) in [
        ("post_analytics", 5),
        ("comments", 5),
        ("crawl_errors", 1),
        ("rejected_items", 1),
        ("ingested_batches", 2),
    ] {
        assert_eq!(pipeline.count(table, &[]).await, rows, "{table}");
    }
    for page in [
        "status",
        "projects",
        "errors",
        "dead-letters",
        &format!("batches/{good}"),
    ] {
        let (status, body) = pipeline.service.get(&format!("/api/v1/{page}")).await.unwrap();
        assert_eq!(status, 200, "{page}: {body}");
    }
    let said = pipeline.service.lines().join("\n");
    assert!(!said.contains("permission denied"), "{said}");

    let run = tokio_postgres::connect(&url, tokio_postgres::NoTls)
        .await
        .unwrap();
    tokio::spawn(run.1);
    for more in [
        "DELETE FROM post_analytics",
        "UPDATE ingested_batches SET attempts = 9",
        "DROP TABLE comments",
    ] {
        assert!(run.0.batch_execute(more).await.is_err(), "{more} is allowed");
    }
}
