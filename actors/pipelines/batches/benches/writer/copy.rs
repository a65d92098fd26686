//! The limit: binary `COPY` of the rows that a run has left, into tables with the same keys and indexes.

use crate::cost::{Cost, Meter};
use bytes::{Bytes, BytesMut};
use futures_util::{SinkExt, TryStreamExt};
use millrace_stack::Postgres;
use std::pin::pin;
use tokio::task::JoinSet;
use tokio_postgres::Client;

const TABLES: [&str; 6] = [
    "ingested_batches",
    "post_analytics",
    "authors",
    "comments",
    "crawl_errors",
    "rejected_items",
];

/// Copies every table out and back into an empty twin, each connection its share of the rows.
pub(crate) async fn again(server: &Postgres, name: &str, connections: usize, items: u64) -> Cost {
    let client = server.connect(name).await.unwrap();
    let twins = TABLES
        .map(|table| format!("CREATE TABLE twin.{table} (LIKE {table} INCLUDING ALL);"))
        .concat();
    client
        .batch_execute(&format!("CREATE SCHEMA twin; {twins}"))
        .await
        .unwrap();
    let mut shares = Vec::new();
    for number in 0..connections {
        shares.push(share(&client, number, connections).await);
    }
    client.batch_execute("CHECKPOINT").await.unwrap();
    let meter = Meter::start(server, &client).await;
    let mut copying = JoinSet::new();
    for share in shares {
        let client = server.connect(name).await.unwrap();
        copying.spawn(async move { copy_in(&client, share).await });
    }
    copying.join_all().await;
    meter.stop(server, &client, items).await
}

/// One connection's rows, by table.
async fn share(client: &Client, number: usize, of: usize) -> Vec<Bytes> {
    let mut tables = Vec::new();
    for table in TABLES {
        let sql = format!(
            "COPY (SELECT * FROM {table} t WHERE abs(hashtext(t::text)) % {of} = {number}) TO STDOUT (FORMAT binary)"
        );
        let rows = client.copy_out(&sql).await.unwrap();
        let rows = rows.try_fold(BytesMut::new(), |mut all, part| async move {
            all.extend_from_slice(&part);
            Ok(all)
        });
        tables.push(rows.await.unwrap().freeze());
    }
    tables
}

async fn copy_in(client: &Client, share: Vec<Bytes>) {
    const CHUNK: usize = 64 << 10;
    for (table, mut rows) in TABLES.into_iter().zip(share) {
        let sql = format!("COPY twin.{table} FROM STDIN (FORMAT binary)");
        let mut sink = pin!(client.copy_in::<_, Bytes>(&sql).await.unwrap());
        while !rows.is_empty() {
            sink.send(rows.split_to(CHUNK.min(rows.len()))).await.unwrap();
        }
        sink.finish().await.unwrap();
    }
}
