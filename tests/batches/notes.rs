//! A database that serves the writers and refuses the notes about redelivered events: as visible as one that is down.

use crate::{
    rights::grant,
    running::{PATIENCE, Running, fresh_id, millrace},
};
use millrace_stack::{Stack, wait_for};
use serde_json::Value;

#[tokio::test(flavor = "multi_thread")]
async fn notes_that_cannot_be_written_are_as_visible_as_a_database_that_is_down() {
    let tenant = Stack::shared().await.tenant("no-notes").await.unwrap();
    let migrated = tenant.command(millrace(), &["migrate"], &[]).await.unwrap();
    assert!(migrated.status.success());
    let role = format!("run-{}", tenant.vhost());
    grant(&tenant, &role).await;
    let port = tenant.stack().postgres.port();
    let url = format!("postgresql://{role}:least@127.0.0.1:{port}/{}", tenant.vhost());
    let settings = [("DATABASE_URL", url.as_str()), ("DATABASE_AUTO_MIGRATE", "false")];
    let pipeline = Running::start(tenant, &settings).await;
    let id = fresh_id();
    let revoke = format!("REVOKE INSERT, DELETE ON suspects FROM \"{role}\"");
    pipeline.database.batch_execute(&revoke).await.unwrap();
    // An event is at hand when the process is killed.
    let locked = pipeline.tenant.connect_postgres().await.unwrap();
    let lock = "BEGIN; LOCK TABLE post_analytics IN ACCESS EXCLUSIVE MODE";
    locked.batch_execute(lock).await.unwrap();
    pipeline.batch(&id, 1).await;
    wait_for("the event to be at hand", PATIENCE, async || {
        let metrics = pipeline.service.metrics().await?;
        anyhow::ensure!(metrics.sum("analytics_inflight_events", &[]) == Some(1.0));
        anyhow::Ok(())
    })
    .await
    .unwrap();
    pipeline.service.kill().await.unwrap();
    drop(locked);
    pipeline.service.start_again().unwrap();

    wait_for("readiness to name the database", PATIENCE, async || {
        let (status, body) = pipeline
            .service
            .get("/readyz")
            .await
            .map_err(|error| format!("{error:#}"))?;
        let named = body.contains("suspects") && body.contains("permission denied");
        (status == 503 && named).then_some(()).ok_or(body)
    })
    .await
    .unwrap();
    let (_, status) = pipeline.service.get("/api/v1/status").await.unwrap();
    let status: Value = serde_json::from_str(&status).unwrap();
    assert_eq!(status["status"], "degraded");
    let metrics = pipeline.service.metrics().await.unwrap();
    assert!(metrics.sum("analytics_quarantine_errors_total", &[]) >= Some(1.0));
    assert_eq!(
        metrics.sum("analytics_dependency_up", &[("dependency", "database")]),
        Some(0.0)
    );
    assert_eq!(pipeline.service.get("/livez").await.unwrap().0, 200);

    let checked = pipeline
        .tenant
        .command(millrace(), &["check", "--json"], &settings)
        .await
        .unwrap();
    assert_eq!(checked.status.code(), Some(69));
    let checked: Value = serde_json::from_slice(&checked.stdout).unwrap();
    let database = checked["dependencies"].as_array().unwrap();
    let database = database.iter().find(|one| one["name"] == "database").unwrap();
    let detail = database["detail"].as_str().unwrap();
    assert!(
        detail.contains(&format!("GRANT INSERT, DELETE ON suspects TO \"{role}\";")),
        "{detail}"
    );

    pipeline
        .database
        .batch_execute(&format!("GRANT INSERT, DELETE ON suspects TO \"{role}\""))
        .await
        .unwrap();
    pipeline.service.wait_ready(PATIENCE).await.unwrap();
    pipeline.stored(&[id]).await;
    pipeline.queue_empties().await;
    let said = |level: &str, words: &str| {
        let lines = pipeline.service.logs();
        let said = |log: &&Value| {
            log["level"] == level && log["message"].as_str().is_some_and(|text| text.contains(words))
        };
        lines.iter().filter(said).count()
    };
    assert_eq!(
        said("ERROR", "notes about redelivered events cannot be written"),
        1
    );
    assert_eq!(
        said("INFO", "notes about redelivered events can be written again"),
        1
    );
}
