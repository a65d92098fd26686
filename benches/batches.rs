//! How fast is the whole pipeline? 10,000 TikTok items with 20 comments each, from the queue to the tables,
//! against `COPY` of the very same rows into tables with the same keys and indexes, on the same server,
//! in the same run, by turns. The ratio is the figure; absolute times belong to the machine.

#![expect(clippy::unwrap_used, reason = "a benchmark may panic")]

#[path = "load/mod.rs"]
mod load;

use load::{ITEMS, count, median};
use millrace_stack::{Stack, Tenant};
use std::time::Instant;
use tokio_postgres::Client;

const ROUNDS: usize = 3;
const TABLES: [&str; 6] = [
    "post_analytics",
    "authors",
    "comments",
    "crawl_errors",
    "rejected_items",
    "ingested_batches",
];

struct Round {
    pipeline: f64,
    copy: f64,
    rows: f64,
    peak_mib: f64,
}

#[tokio::main]
async fn main() {
    let stack = Stack::start().await.unwrap();
    let mut rounds = Vec::new();
    for number in 1..=ROUNDS {
        let round = measure(&stack, number).await;
        println!(
            "round {number}: pipeline {:.0} items/s, COPY {:.0} items/s, {:.0} rows, peak memory {:.0} MiB",
            ITEMS / round.pipeline,
            ITEMS / round.copy,
            round.rows,
            round.peak_mib
        );
        rounds.push(round);
    }
    let pipeline = median(rounds.iter().map(|round| ITEMS / round.pipeline));
    let copy = median(rounds.iter().map(|round| ITEMS / round.copy));
    let share = median(rounds.iter().map(|round| round.copy / round.pipeline));
    let memory = rounds.iter().map(|round| round.peak_mib).fold(0.0, f64::max);
    println!(
        "median of {ROUNDS}: pipeline {pipeline:.0} items/s, COPY {copy:.0} items/s: {:.0} % of COPY",
        share * 100.0
    );
    println!("peak resident memory: {memory:.0} MiB");
}

async fn measure(stack: &Stack, number: usize) -> Round {
    let (load, tenant, database) = load::run(stack, &format!("bench-{number}"), number, &[]).await;
    let mut rows = 0.0;
    for table in TABLES {
        rows += count(&database, table).await as f64;
    }
    Round {
        pipeline: load.seconds,
        copy: copy_again(&tenant, &database).await,
        rows,
        peak_mib: load.peak_mib,
    }
}

/// Copies every table out and back into an empty twin.
async fn copy_again(tenant: &Tenant<'_>, database: &Client) -> f64 {
    let folder: String = database
        .query_one("SELECT current_setting('data_directory')", &[])
        .await
        .unwrap()
        .get(0);
    database
        .batch_execute("CREATE SCHEMA twin; CHECKPOINT")
        .await
        .unwrap();
    for table in TABLES {
        let file = format!("{folder}/{}-{table}", tenant.vhost());
        let twin = format!(
            "CREATE TABLE twin.{table} (LIKE {table} INCLUDING ALL); COPY {table} TO '{file}' (FORMAT binary)"
        );
        database.batch_execute(&twin).await.unwrap();
    }
    let start = Instant::now();
    for table in TABLES {
        let file = format!("{folder}/{}-{table}", tenant.vhost());
        database
            .batch_execute(&format!("COPY twin.{table} FROM '{file}' (FORMAT binary)"))
            .await
            .unwrap();
    }
    start.elapsed().as_secs_f64()
}
