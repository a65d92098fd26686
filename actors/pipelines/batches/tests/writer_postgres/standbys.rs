//! Synchronous replication: nothing is done before a standby has it.

use crate::{
    server::{TestDatabase, private},
    writes::*,
};
use millrace_batches::write::quarantine;
use millrace_engine::{Fault, Sink, crashes::CrashNotes};
use millrace_postgres::{Database, PostgresSettings};
use millrace_stack::wait_for;
use std::time::Duration;
use tokio::runtime::Handle;

const PATIENCE: Duration = Duration::from_secs(60);

fn pool(settings: &PostgresSettings) -> Database {
    Database::new(settings, &Handle::current()).unwrap()
}

/// A commit whose wait is ended has taken effect, here and nowhere else. So the event that comes again has to wait
/// too, though its transaction has nothing to write.
#[tokio::test]
async fn neither_an_event_nor_its_duplicate_is_done_before_the_standby_has_it() {
    let servers = private().await;
    let database = TestDatabase::migrated_on(&servers).await;
    let standby = servers.standby().await.unwrap();
    let mut settings = database.settings();
    settings.statement_timeout = Duration::from_secs(2);
    settings.connect_timeout = Duration::from_secs(2);
    let mut writer = database.writer_with(&settings);
    assert_works(&database, &mut writer, "before").await;

    standby.pause().unwrap();
    let detail = outage(writer.write(&[&one("e1")]).await.unwrap_err());
    assert!(detail.contains("standby"), "{detail}");
    assert_stored_once(&database, "e1").await; // and still it may be lost with this server
    let detail = outage(writer.write(&[&one("e1")]).await.unwrap_err());
    assert!(detail.contains("standby"), "{detail}");

    // Nor is it called stored before the fetch.
    let asked = quarantine(pool(&settings), "p").stored(vec!["e1".to_owned()]);
    let fault = asked.await.unwrap_err();
    assert!(matches!(fault, Fault::Deferred { .. }), "{fault}");

    standby.resume().unwrap();
    wait_for("the standby to confirm", PATIENCE, async || {
        writer.write(&[&one("e1")]).await
    })
    .await
    .unwrap();
    assert_stored_once(&database, "e1").await;
    assert_works(&database, &mut writer, "e2").await;
}
