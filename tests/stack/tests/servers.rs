//! The shared stack: it answers, and tenants do not meet.

use std::time::Duration;

use millrace_stack::{Stack, wait_for};
use object_store::ObjectStoreExt;
use object_store::path::Path;
use serde_json::json;

const SOON: Duration = Duration::from_secs(20);

#[tokio::test]
async fn all_three_servers_answer_when_start_returns() {
    let tenant = Stack::shared().await.tenant("answers").await.unwrap();

    tenant
        .declare_queue("letters", json!({"x-queue-type": "quorum"}))
        .await
        .unwrap();
    assert!(tenant.publish("", "letters", "hello").await.unwrap());
    let queue = wait_for("the message to be counted", SOON, async || {
        tenant
            .queue("letters")
            .await
            .ok()
            .flatten()
            .filter(|queue| queue.messages == 1)
    })
    .await
    .unwrap();
    assert_eq!((queue.kind.as_str(), queue.consumers), ("quorum", 0));
    assert_eq!(tenant.peek("letters", 10).await.unwrap()[0].payload, "hello");

    let row = tenant
        .connect_postgres()
        .await
        .unwrap()
        .query_one("SELECT 40 + 2", &[])
        .await
        .unwrap();
    assert_eq!(row.get::<_, i32>(0), 42);

    let objects = tenant.objects().unwrap();
    objects.put(&Path::from("a/b"), "body".into()).await.unwrap();
    assert_eq!(
        objects
            .get(&Path::from("a/b"))
            .await
            .unwrap()
            .bytes()
            .await
            .unwrap(),
        "body"
    );
    let missing = objects.get(&Path::from("a/c")).await.unwrap_err();
    assert!(
        matches!(missing, object_store::Error::NotFound { .. }),
        "{missing}"
    );
}

#[tokio::test]
async fn tenants_of_one_name_do_not_meet() {
    let stack = Stack::shared().await;
    let (one, two) = tokio::try_join!(stack.tenant("twin"), stack.tenant("twin")).unwrap();

    one.declare_queue("mine", json!({})).await.unwrap();
    one.connect_postgres()
        .await
        .unwrap()
        .batch_execute("CREATE TABLE mine ()")
        .await
        .unwrap();
    one.objects()
        .unwrap()
        .put(&Path::from("mine"), "".into())
        .await
        .unwrap();

    assert!(two.queue("mine").await.unwrap().is_none());
    assert!(
        two.connect_postgres()
            .await
            .unwrap()
            .batch_execute("TABLE mine")
            .await
            .is_err()
    );
    assert!(two.objects().unwrap().head(&Path::from("mine")).await.is_err());
}

#[tokio::test]
async fn a_queue_counts_as_empty_only_when_it_is() {
    let tenant = Stack::shared().await.tenant("empty").await.unwrap();
    for kind in ["classic", "quorum"] {
        tenant
            .declare_queue(kind, json!({"x-queue-type": kind}))
            .await
            .unwrap();
        tenant.wait_until_empty(kind, SOON).await.unwrap();
        tenant.publish("", kind, "hello").await.unwrap();
        let error = tenant
            .wait_until_empty(kind, Duration::from_secs(2))
            .await
            .unwrap_err();
        assert!(error.to_string().contains("it has 1 messages"), "{error}");
        tenant.delete_queue(kind).await.unwrap();
        assert!(tenant.queue(kind).await.unwrap().is_none());
    }
}

#[tokio::test]
async fn postgres_compresses_with_lz4_and_takes_many_connections() {
    let tenant = Stack::shared().await.tenant("lz4").await.unwrap();
    let client = tenant.connect_postgres().await.unwrap();
    client
        .batch_execute("CREATE TABLE t (text text COMPRESSION lz4)")
        .await
        .unwrap();
    let row = client.query_one("SHOW max_connections", &[]).await.unwrap();
    assert_eq!(row.get::<_, &str>(0), "200");
}

#[tokio::test]
async fn pgbouncer_gives_a_session_another_connection_with_each_transaction() {
    let stack = Stack::shared().await;
    let tenant = stack.tenant("pgbouncer").await.unwrap();
    let pgbouncer = stack.pgbouncer().await.unwrap();
    let url = pgbouncer.url(tenant.vhost());
    let (one, connection) = tokio_postgres::connect(&url, tokio_postgres::NoTls)
        .await
        .unwrap();
    tokio::spawn(connection);
    let (other, connection) = tokio_postgres::connect(&url, tokio_postgres::NoTls)
        .await
        .unwrap();
    tokio::spawn(connection);
    let process = "SELECT pg_backend_pid()::text";
    let before = one.simple_query(process).await.unwrap();
    // The connection of before is taken, so the first session gets another.
    other.batch_execute("BEGIN").await.unwrap();
    let taken = other.simple_query(process).await.unwrap();
    let after = one.simple_query(process).await.unwrap();
    let [before, taken, after] = [before, taken, after].map(|found| format!("{found:?}"));
    assert_eq!(before, taken);
    assert_ne!(before, after);
}
