//! Where the server takes no `COPY`, or forgets its statements, rows are inserted.

use super::{MANY, copied, count, many};
use crate::server::TestDatabase;
use millrace_engine::Sink;

/// `COPY` is not for tables with row-level security.
#[tokio::test]
async fn where_the_server_refuses_to_copy_rows_are_inserted() {
    let database = TestDatabase::migrated().await;
    let role = format!("clerk_of_{}", database.name());
    let guard = format!(
        "CREATE ROLE {role}; GRANT ALL ON ALL TABLES IN SCHEMA public TO {role}; \
         ALTER TABLE comments ENABLE ROW LEVEL SECURITY; \
         CREATE POLICY all_rows ON comments TO {role} USING (true) WITH CHECK (true)"
    );
    database.client().await.batch_execute(&guard).await.unwrap();
    let mut settings = database.settings();
    let url = database.server().url(database.name());
    settings.url = format!("{url}?options=-c%20role%3D{role}").into();
    let mut writer = database.writer_with(&settings);
    for (event_id, first) in [("e1", 0), ("e2", MANY)] {
        writer
            .write(&[&many(event_id, first..first + MANY, 1)])
            .await
            .unwrap();
    }
    assert_eq!(copied(&database, "post_analytics").await, 2 * MANY as i64);
    assert_eq!(count(&database, "comments").await, 2 * MANY as i64);
    assert_eq!(copied(&database, "comments").await, 0);
}

/// As behind a pooler, the server forgets what was prepared.
#[tokio::test]
async fn behind_a_pooler_that_swaps_connections_many_rows_are_inserted() {
    let database = TestDatabase::migrated().await;
    let mut writer = database.writer();
    let forget = "CREATE FUNCTION forget() RETURNS trigger LANGUAGE plpgsql AS \
        $$ BEGIN DEALLOCATE ALL; RETURN NULL; END $$; \
        CREATE TRIGGER forget AFTER INSERT ON ingested_batches EXECUTE FUNCTION forget()";
    database.client().await.batch_execute(forget).await.unwrap();
    for (event_id, first) in [("e1", 0), ("e2", MANY)] {
        writer
            .write(&[&many(event_id, first..first + MANY, 1)])
            .await
            .unwrap();
    }
    assert_eq!(count(&database, "comments").await, 2 * MANY as i64);
}
