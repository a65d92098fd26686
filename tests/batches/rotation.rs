//! Secrets in files are rotated while the service runs.

use crate::running::{PATIENCE, Running, fresh_id, millrace};
use millrace_stack::{Stack, wait_for};
use std::{path::PathBuf, time::Duration};
use tempfile::TempDir;

/// Files as an operator of secrets replaces them.
struct Secrets(TempDir);

// === impl Secrets ===

impl Secrets {
    /// Replaces a file in one step, as Kubernetes does.
    fn write(&self, name: &str, secret: &str) -> String {
        let (path, next) = (self.path(name), self.path("next"));
        std::fs::write(&next, secret).unwrap();
        std::fs::rename(&next, &path).unwrap();
        path.display().to_string()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }
}

async fn goes_on(pipeline: &Running<'_>) {
    let id = fresh_id();
    pipeline.batch(&id, 2).await;
    pipeline.stored(&[id]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rotated_secrets_are_read_again_when_a_connection_is_made() {
    let stack = Stack::start().await.unwrap();
    let tenant = stack.tenant("rotation").await.unwrap();
    let secrets = Secrets(tempfile::tempdir().unwrap());
    let management = stack.rabbitmq.management();
    let admin = stack.postgres.connect("postgres").await.unwrap();
    let rotate = async |password: &str| {
        management.put_user("rotating", password).await.unwrap();
        let role = format!("ALTER ROLE rotating PASSWORD '{password}'");
        admin.batch_execute(&role).await.unwrap();
    };
    let place = format!("127.0.0.1:{}/{}", stack.postgres.port(), tenant.vhost());
    let database = |password: &str| format!("postgresql://rotating:{password}@{place}");
    let owner = format!(
        "CREATE ROLE rotating LOGIN; ALTER DATABASE \"{}\" OWNER TO rotating",
        tenant.vhost()
    );
    admin.batch_execute(&owner).await.unwrap();
    rotate("the-first-one").await;
    management.permit(tenant.vhost(), "rotating").await.unwrap();

    let (_, secret_key) = stack.objects.credentials();
    let broker = format!(
        "amqp://rotating@127.0.0.1:{}/{}",
        stack.rabbitmq.port(),
        tenant.vhost()
    );
    let files = [
        secrets.write("rabbitmq", "the-first-one"),
        secrets.write("database", &database("the-first-one")),
        secrets.write("store", secret_key),
    ];
    let settings = [
        ("RABBITMQ_URL", broker.as_str()),
        ("RABBITMQ_PASSWORD_FILE", &files[0]),
        ("DATABASE_URL", ""),
        ("DATABASE_URL_FILE", &files[1]),
        ("MINIO_SECRET_KEY", ""),
        ("MINIO_SECRET_KEY_FILE", &files[2]),
    ];
    let service = tenant.service(millrace(), &settings).unwrap();
    let pipeline = Running::with(tenant, service).await;
    goes_on(&pipeline).await;

    rotate("the-second-one").await;
    secrets.write("rabbitmq", "the-second-one");
    secrets.write("database", &database("the-second-one"));
    pipeline.tenant.close_connections().await.unwrap();
    let sessions = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE usename = 'rotating'";
    let ended: i64 = admin.query_one(sessions, &[]).await.unwrap().get(0);
    assert!(ended > 0, "there was no connection");
    goes_on(&pipeline).await;
    assert!(
        pipeline.service.wait_exit(Duration::ZERO).await.is_err(),
        "the process is the same"
    );

    // The store's keys go with each request. A wrong one stops the pipeline, the right one starts it again.
    secrets.write("store", "not-the-key");
    let id = fresh_id();
    pipeline.batch(&id, 2).await;
    wait_for("the pipeline to stop at the wrong key", PATIENCE, async || {
        pipeline
            .service
            .get("/readyz")
            .await
            .is_ok_and(|(status, _)| status == 503)
    })
    .await
    .unwrap();
    secrets.write("store", secret_key);
    pipeline.stored(&[id]).await;
    pipeline.service.wait_ready(PATIENCE).await.unwrap();
    let said = pipeline.service.lines().join("\n");
    for secret in ["the-first-one", "the-second-one", "not-the-key"] {
        assert!(!said.contains(secret), "a secret shows: {secret}");
    }
    assert!(
        said.contains("address and credentials of RabbitMQ changed"),
        "{said}"
    );
}
