//! One server at a time: kill, stop, pause and start again, on the same port and data.

use std::time::Duration;

use millrace_stack::{Stack, wait_for};
use object_store::ObjectStoreExt;
use object_store::path::Path;
use serde_json::json;

const SOON: Duration = Duration::from_secs(20);
/// Long enough for a server that answers, short enough for a test of one that does not.
const MOMENT: Duration = Duration::from_millis(700);

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_server_comes_back_with_its_data() {
    let stack = Stack::start().await.unwrap();
    let tenant = stack.tenant("restart").await.unwrap();
    tokio::join!(
        async {
            for kind in ["classic", "quorum"] {
                tenant
                    .declare_queue(kind, json!({"x-queue-type": kind}))
                    .await
                    .unwrap();
                assert!(tenant.publish("", kind, "survivor").await.unwrap());
            }
            tenant.wait_until_registered("quorum").await.unwrap();
            let before = stack.rabbitmq.pid();
            stack.rabbitmq.kill().await.unwrap();
            assert!(tenant.queue("quorum").await.is_err());
            stack.rabbitmq.start().await.unwrap();
            assert_ne!(stack.rabbitmq.pid(), before);
            for kind in ["classic", "quorum"] {
                let what = format!("the message in the {kind} queue");
                let messages = wait_for(&what, SOON, async || {
                    let messages = tenant.peek(kind, 1).await?;
                    anyhow::ensure!(
                        !messages.is_empty(),
                        "it is empty: {:?}",
                        tenant.queue(kind).await?
                    );
                    Ok(messages)
                });
                assert_eq!(messages.await.unwrap()[0].payload, "survivor");
            }
        },
        async {
            let client = tenant.connect_postgres().await.unwrap();
            client
                .batch_execute("CREATE TABLE t AS SELECT 'survivor' AS name")
                .await
                .unwrap();
            stack.postgres.kill().await.unwrap();
            assert!(client.simple_query("SELECT 1").await.is_err());
            assert!(tenant.connect_postgres().await.is_err());
            stack.postgres.start().await.unwrap();
            let client = tenant.connect_postgres().await.unwrap();
            assert_eq!(client.query("SELECT name FROM t", &[]).await.unwrap().len(), 1);

            stack.postgres.stop().await.unwrap();
            assert_eq!(stack.postgres.pid(), None);
            stack.postgres.start().await.unwrap();
            tenant
                .connect_postgres()
                .await
                .unwrap()
                .query("SELECT name FROM t", &[])
                .await
                .unwrap();
        },
        async {
            let objects = tenant.objects().unwrap();
            objects
                .put(&Path::from("letter"), "survivor".into())
                .await
                .unwrap();
            stack.objects.kill().await.unwrap();
            assert!(objects.get(&Path::from("letter")).await.is_err());
            stack.objects.start().await.unwrap();
            let body = objects
                .get(&Path::from("letter"))
                .await
                .unwrap()
                .bytes()
                .await
                .unwrap();
            assert_eq!(body, "survivor");
        },
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_paused_server_is_silent_and_then_goes_on() {
    let stack = Stack::start().await.unwrap();
    let tenant = stack.tenant("pause").await.unwrap();
    tenant.declare_queue("letters", json!({})).await.unwrap();
    let client = tenant.connect_postgres().await.unwrap();
    let objects = tenant.objects().unwrap();
    let letter = Path::from("letter");
    objects.put(&letter, "body".into()).await.unwrap();

    stack.rabbitmq.pause().unwrap();
    stack.postgres.pause().unwrap();
    stack.objects.pause().unwrap();
    let silent = tokio::join!(
        tokio::time::timeout(MOMENT, tenant.queue("letters")),
        // A session that was open before is frozen as well.
        tokio::time::timeout(MOMENT, client.simple_query("SELECT 1")),
        tokio::time::timeout(MOMENT, objects.get(&letter)),
    );
    assert!(silent.0.is_err() && silent.1.is_err() && silent.2.is_err());

    stack.rabbitmq.resume().unwrap();
    stack.postgres.resume().unwrap();
    stack.objects.resume().unwrap();
    assert!(tenant.queue("letters").await.unwrap().is_some());
    client.simple_query("SELECT 1").await.unwrap();
    objects.get(&letter).await.unwrap();
}
