//! The archive holds what the journal holds, byte for byte and once.

use crate::{mix::mixed, trial::*};
use anyhow::Context;
use futures_util::TryStreamExt;
use millrace_stack::{Stack, wait_for};
use object_store::ObjectStoreExt;
use std::collections::BTreeMap;

/// Late events do not gather, so they are archived at once; those of this hour wait for its end.
const AT_ONCE: (&str, &str) = ("ARCHIVE_LATE_MINUTES", "0");

/// What the files of the bucket hold: for each id the payload as it was sent.
async fn archived(trial: &Trial<'_>) -> BTreeMap<String, String> {
    let store = trial.tenant.objects().unwrap();
    let objects: Vec<_> = store.list(None).try_collect().await.unwrap();
    let mut all = BTreeMap::new();
    for object in objects {
        let key = object.location.to_string();
        assert!(
            key.starts_with("events/") && key.ends_with(".ndjson.zst"),
            "{key}"
        );
        let body = store.get(&object.location).await.unwrap().bytes().await.unwrap();
        let text = String::from_utf8(zstd::decode_all(&body[..]).unwrap()).unwrap();
        for line in text.lines() {
            let (id, payload) = read(line).with_context(|| line.to_owned()).unwrap();
            assert!(
                all.insert(id, payload).is_none(),
                "an event is in two objects: {line}"
            );
        }
    }
    all
}

/// The payload is the last field, as it was sent, or a string of that where it has line breaks.
fn read(line: &str) -> anyhow::Result<(String, String)> {
    let fields: serde_json::Value = serde_json::from_str(line)?;
    let id = fields["id"].as_str().context("no id")?.to_owned();
    if let Some(text) = fields["payload"].as_str() {
        return Ok((id, text.to_owned()));
    }
    let start = line.find(",\"payload\":").context("no payload")? + ",\"payload\":".len();
    Ok((id, line[start..line.len() - 1].to_owned()))
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_in_the_journal_is_archived_once_though_replicas_are_killed() {
    let mut trial = Trial::on(Stack::shared().await, "archive").await;
    trial.send(&mixed(11, 800)).await;
    let (dies, lives) = (trial.replica(&[AT_ONCE]), trial.replica(&[AT_ONCE]));
    let database = trial.tenant.connect_postgres().await.unwrap();
    wait_for("a first file", PATIENCE, async || {
        let files: i64 = database
            .query_one("SELECT count(*) FROM archive_files", &[])
            .await?
            .get(0);
        anyhow::ensure!(files > 0, "no file");
        Ok(())
    })
    .await
    .unwrap();
    dies.kill().await.unwrap();
    trial.send(&mixed(12, 400)).await;
    trial.comes_true(&[&lives]).await;
    // What the dead one had claimed is written when its lease has ended.
    let open = "SELECT (SELECT count(*) FROM archive_files WHERE state = 'planned') \
        + (SELECT count(*) FROM archive_pending WHERE late)";
    wait_for(
        "everything to be archived whose time has come",
        PATIENCE,
        async || {
            let open: i64 = database.query_one(open, &[]).await?.get(0);
            anyhow::ensure!(open == 0, "{open} files and events");
            Ok(())
        },
    )
    .await
    .unwrap();
    let journal = "SELECT event_id, payload::text FROM product_events AS e \
        WHERE NOT EXISTS (SELECT FROM archive_pending AS p WHERE p.event_id = e.event_id)";
    let journal = database.query(journal, &[]).await.unwrap();
    let journal: BTreeMap<String, String> = journal.iter().map(|row| (row.get(0), row.get(1))).collect();
    assert!(journal.len() > 100, "{}", journal.len());
    assert_eq!(archived(&trial).await, journal);
    let metrics = lives.metrics().await.unwrap();
    assert!(metrics.sum("products_archive_files_total", &[("late", "true")]) > Some(0.0));
    assert_eq!(lives.terminate().await.unwrap(), Some(0));
}
