//! Two pipelines in one process: each in its own right.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use millrace_stack::{Service, Stack, Tenant, wait_for};
use std::{path::Path, time::Duration};

const PATIENCE: Duration = Duration::from_secs(60);

fn program() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_millrace-second-pipeline"))
}

/// Puts notes into the folder and waits until they are rows, and the files gone.
async fn stores(tenant: &Tenant<'_>, folder: &Path, names: &[&str]) {
    for name in names {
        // Whole at once: a file that is seen half written is a note of half a body.
        let draft = folder.with_extension(name);
        std::fs::write(&draft, format!("body of {name}")).unwrap();
        std::fs::rename(draft, folder.join(name)).unwrap();
    }
    let database = tenant.connect_postgres().await.unwrap();
    wait_for("all notes as rows", PATIENCE, async || {
        let left = std::fs::read_dir(folder)?.count();
        let sql = "SELECT count(*) FROM notes WHERE body = 'body of ' || name AND name = ANY($1)";
        let found: i64 = database.query_one(sql, &[&names]).await?.get(0);
        anyhow::ensure!(
            found == names.len() as i64 && left == 0,
            "{found} rows, {left} files"
        );
        Ok(())
    })
    .await
    .unwrap();
}

/// The routes, the fields of the status and the panels of the crawl pipeline are where that runs, and nowhere else.
async fn shows_nothing_of_another(service: &Service) {
    let (code, _) = service.get("/api/v1/projects").await.unwrap();
    assert_eq!(code, 404);
    let (code, status) = service.get("/api/v1/status").await.unwrap();
    let status: serde_json::Value = serde_json::from_str(&status).unwrap();
    assert_eq!((code, &status["rooms"][0]["name"]), (200, &"spool".into()));
    assert_eq!(status.get("recent"), None, "{status}");
    let (_, document) = service.get("/api/v1/openapi.json").await.unwrap();
    assert!(document.contains("DeadLetter") && !document.contains("StoredBatch"));
}

async fn ready(service: &Service, of: &str) -> u16 {
    service.get(&format!("/readyz{of}")).await.unwrap().0
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pipeline_that_runs_alone_needs_no_settings_of_another() {
    let stack = Stack::shared().await;
    let tenant = stack.tenant("alone").await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_str().unwrap();
    let settings = [
        ("PIPELINES", "spool"),
        ("SPOOL_FOLDER", path),
        ("RABBITMQ_HOST", ""),
        ("RABBITMQ_PASSWORD", ""),
        ("MINIO_ACCESS_KEY", ""),
        ("MINIO_SECRET_KEY", ""),
    ];
    let service = tenant.service(program(), &settings).unwrap();
    service.wait_ready(PATIENCE).await.unwrap();
    stores(&tenant, folder.path(), &["a", "b", "c"]).await;
    let metrics = service.metrics().await.unwrap();
    let up = |actor| metrics.sum("analytics_actor_up", &[("pipeline", "spool"), ("actor", actor)]);
    assert_eq!((up("spool"), up("notes-0")), (Some(1.0), Some(1.0)));
    assert_eq!(
        metrics.sum("analytics_ready", &[("pipeline", "spool")]),
        Some(1.0)
    );
    assert_eq!(metrics.sum("analytics_ready", &[("pipeline", "batches")]), None);
    shows_nothing_of_another(&service).await;
    assert_eq!(
        metrics.sum("analytics_alerts_firing", &[]),
        None,
        "it has no rules"
    );
    assert_eq!(service.terminate().await.unwrap(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pipeline_whose_broker_is_away_harms_no_other() {
    let stack = Stack::shared().await;
    let tenant = stack.tenant("beside").await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let settings = [
        ("PIPELINES", "batches,spool"),
        ("SPOOL_FOLDER", folder.path().to_str().unwrap()),
        ("RABBITMQ_URL", "amqp://no-user:nothing@127.0.0.1:9/none"),
    ];
    let service = tenant.service(program(), &settings).unwrap();
    wait_for("the spool to be ready", PATIENCE, async || {
        let (status, body) = service.get("/readyz?pipeline=spool").await?;
        anyhow::ensure!(status == 200, "{status} {body}");
        Ok(())
    })
    .await
    .unwrap_or_else(|error| panic!("{error:#}\n{}", service.lines().join("\n")));
    stores(&tenant, folder.path(), &["d", "e"]).await;
    assert_eq!(ready(&service, "").await, 503, "one of them is not");
    assert_eq!(ready(&service, "?pipeline=batches").await, 503);
    assert_eq!(ready(&service, "?pipeline=products").await, 404);
    let metrics = service.metrics().await.unwrap();
    let ready_of = |name| metrics.sum("analytics_ready", &[("pipeline", name)]);
    assert_eq!((ready_of("batches"), ready_of("spool")), (Some(0.0), Some(1.0)));
    let (_, why) = service.get("/readyz").await.unwrap();
    assert!(why.contains("batches: "), "{why}");
    assert_eq!(service.terminate().await.unwrap(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pipeline_that_is_none_is_refused_by_name() {
    let stack = Stack::shared().await;
    let tenant = stack.tenant("none").await.unwrap();
    let service = tenant
        .service(program(), &[("PIPELINES", "batches,spol")])
        .unwrap();
    assert_eq!(service.wait_exit(PATIENCE).await.unwrap(), Some(78));
    let lines = service.lines().join("\n");
    assert!(
        lines.contains("\"spol\", which is no pipeline; use batches") && lines.contains(", spool"),
        "{lines}"
    );
}
