//! The whole pipeline with PgBouncer in transaction mode between it and Postgres.

use crate::running::{Running, fresh_id, millrace};
use millrace_stack::Stack;

#[tokio::test(flavor = "multi_thread")]
async fn the_pipeline_works_through_a_pooler_once_the_schema_is_there() {
    let stack = Stack::shared().await;
    let tenant = stack.tenant("pooler").await.unwrap();
    let migrated = tenant.command(millrace(), &["migrate"], &[]).await.unwrap();
    assert!(migrated.status.success(), "{migrated:?}");
    let pgbouncer = stack.pgbouncer().await.unwrap();
    let url = pgbouncer.url(tenant.vhost());
    let pipeline = Running::start(tenant, &[("DATABASE_URL", &url), ("DATABASE_POOL_SIZE", "8")]).await;
    let ids: Vec<_> = (0..60).map(|_| fresh_id()).collect();
    for id in &ids {
        pipeline.batch(id, 3).await;
    }
    pipeline.stored(&ids).await;
    pipeline.queue_empties().await;
    assert_eq!(pipeline.count("post_analytics", &[]).await, 180);
    assert!(
        pipeline
            .tenant
            .peek(crate::running::DLQ, 1)
            .await
            .unwrap()
            .is_empty()
    );
}
