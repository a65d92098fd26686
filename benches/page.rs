//! What does an open page cost? A ledger of millions of batches, an idle pipeline, and a real browser that holds the page
//! open: processor time of the service and of Postgres, as a share of one core, with the page and without.
//!
//! Processor time and not time, because others use the machine too. `LEDGER` says how many batches; `MILLRACE_BIN` names
//! another program than the one that was built for this.

#![expect(clippy::unwrap_used, reason = "a benchmark may panic")]

#[path = "load/cpu.rs"]
mod cpu;
#[path = "../tests/page/tab.rs"]
#[expect(dead_code, reason = "nothing is clicked or typed here")]
mod tab;

use cpu::Cpu;
use millrace_stack::{Stack, Tenant, built_millrace};
use std::{path::PathBuf, time::Duration};
use tab::{Screen, Tab};

/// Looks of each kind; the median counts.
const LOOKS: usize = 3;
/// The page is open for two minutes.
const LOOK: Duration = Duration::from_secs(40);
const PATIENCE: Duration = Duration::from_secs(600);
const LEDGER: i64 = 4_000_000;
/// Batches of one statement.
const PART: i64 = 500_000;
/// Counts what is there, as for a ledger that was there before there were sums.
const COUNT: &str = include_str!("../schema/batches/migrations/V8__rollups_of_what_is_there.sql");
/// The most that an open page may cost.
const MOST: f64 = 0.01;

/// Shares of a core.
#[derive(Clone, Copy)]
struct Share {
    millrace: f64,
    postgres: f64,
}

#[tokio::main]
async fn main() {
    let ledger = std::env::var("LEDGER").map_or(LEDGER, |value| value.parse().unwrap());
    let millrace = match std::env::var_os("MILLRACE_BIN") {
        Some(_) => built_millrace().unwrap(),
        None => PathBuf::from(env!("CARGO_BIN_EXE_millrace")),
    };
    let stack = Stack::shared().await;
    let tenant = stack.tenant("page").await.unwrap();
    let migrated = tenant.command(&millrace, &["migrate"], &[]).await.unwrap();
    assert!(migrated.status.success(), "{migrated:?}");
    fill(&tenant, ledger).await;
    let service = tenant.service(&millrace, &[("LOG_LEVEL", "warn")]).unwrap();
    service.wait_ready(PATIENCE).await.unwrap();
    let now = || {
        Cpu::now(
            &[service.pid().unwrap()],
            stack.postgres.pid().unwrap(),
            stack.rabbitmq.pid().unwrap(),
        )
    };
    let without = looks(&now).await;
    println!("{ledger} batches, no page: {}", without.text());
    let tab = Tab::open(&format!("{}/", service.url()), Screen::DESK).await;
    tab.until_well().await;
    tab.until_text("#projects tr.project", "proj_").await;
    let with = looks(&now).await;
    println!("{ledger} batches, the page open: {}", with.text());
    assert_eq!(tab.problems(), Vec::<String>::new());
    let cost = with.sum() - without.sum();
    println!("an open page costs {:.2} % of a core", 100.0 * cost);
    assert!(cost <= MOST, "more than {:.0} %", 100.0 * MOST);
}

/// A ledger as years leave it: 67 batches a job, 500 projects, and the sums that the page is answered from.
async fn fill(tenant: &Tenant<'_>, ledger: i64) {
    let database = tenant.connect_postgres().await.unwrap();
    let off = "ALTER TABLE ingested_batches DISABLE TRIGGER USER";
    database.batch_execute(off).await.unwrap();
    let insert = "
        INSERT INTO ingested_batches
            (event_id, object_path, project_id, job_id, platform, batch_index, total_batches, content_count, item_count,
             success_count, error_count, rejected_count, error_distribution, event_at, received_at, committed_at, attempts)
        SELECT 'evt_' || n, 'crawl-results/tiktok/' || n || '.json', 'proj_' || n / 67 % 500,
               'proj_' || n / 67 % 500 || '-brand-' || n / 67, CASE WHEN n % 2 = 0 THEN 'tiktok' ELSE 'youtube' END,
               n % 67, 67, 50, 50, 48, 2, 0, '{\"RATE_LIMITED\": 1, \"TIMEOUT\": 1}', at, at, at, 1
        FROM generate_series($1::bigint, $2::bigint) AS n, LATERAL (SELECT now() - ($3::bigint - n) * interval '0.1 s' AS at) AS t";
    for first in (0..ledger).step_by(PART as usize) {
        let last = (first + PART).min(ledger) - 1;
        database.execute(insert, &[&first, &last, &ledger]).await.unwrap();
    }
    // Notes of single changes are for batches that come one by one.
    database.batch_execute(COUNT).await.unwrap();
    let back = "ALTER TABLE ingested_batches ENABLE TRIGGER USER";
    database.batch_execute(back).await.unwrap();
    database.batch_execute("VACUUM ANALYZE").await.unwrap();
}

/// The median of some looks.
async fn looks(now: &impl Fn() -> Cpu) -> Share {
    let mut shares = Vec::new();
    for _ in 0..LOOKS {
        let before = now();
        tokio::time::sleep(LOOK).await;
        let used = (now() - before).times(1.0 / LOOK.as_secs_f64());
        shares.push(Share {
            millrace: used.millrace,
            postgres: used.postgres,
        });
    }
    for share in &shares {
        println!("  {}", share.text());
    }
    shares.sort_by(|a, b| a.sum().total_cmp(&b.sum()));
    shares[LOOKS / 2]
}

// === impl Share ===

impl Share {
    fn sum(self) -> f64 {
        self.millrace + self.postgres
    }

    fn text(self) -> String {
        format!(
            "{:.2} % of a core for millrace, {:.2} % for Postgres",
            100.0 * self.millrace,
            100.0 * self.postgres
        )
    }
}
