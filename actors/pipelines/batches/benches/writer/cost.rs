//! What a run costs.

use millrace_stack::Postgres;
use std::{fmt, fs, time::Instant};
use tokio_postgres::Client;

/// Of one item.
pub(crate) struct Cost {
    items_a_second: f64,
    process_micros: f64,
    postgres_micros: f64,
    wal_kib: f64,
}

/// Where the counters stood.
pub(crate) struct Meter {
    began: Instant,
    process: f64,
    postgres: f64,
    wal: i64,
}

/// Microseconds a tick of `/proc`.
const TICK: f64 = 10_000.0;

// === impl Meter ===

impl Meter {
    pub(crate) async fn start(server: &Postgres, client: &Client) -> Self {
        Self {
            wal: wal(client).await,
            process: process(),
            postgres: postgres(server),
            began: Instant::now(),
        }
    }

    pub(crate) async fn stop(self, server: &Postgres, client: &Client, items: u64) -> Cost {
        let (seconds, items) = (self.began.elapsed().as_secs_f64(), items as f64);
        Cost {
            items_a_second: items / seconds,
            process_micros: (process() - self.process) / items,
            postgres_micros: (postgres(server) - self.postgres) / items,
            wal_kib: (wal(client).await - self.wal) as f64 / 1_024.0 / items,
        }
    }
}

async fn wal(client: &Client) -> i64 {
    let sql = "SELECT (pg_current_wal_insert_lsn() - '0/0')::bigint";
    client.query_one(sql, &[]).await.unwrap().get(0)
}

fn process() -> f64 {
    Stat::of("self").unwrap().own * TICK
}

/// Of the server and its sessions, each a process; the time of one that has ended is the server's.
fn postgres(server: &Postgres) -> f64 {
    let pid = server.pid().unwrap().to_string();
    let entries = fs::read_dir("/proc").unwrap().flatten();
    let stats = entries.filter_map(|entry| Stat::of(entry.file_name().to_str()?));
    let sessions: f64 = stats.filter(|stat| stat.parent == pid).map(|stat| stat.own).sum();
    let main = Stat::of(&pid).unwrap();
    (main.own + main.ended_children + sessions) * TICK
}

/// Ticks of a process.
struct Stat {
    parent: String,
    own: f64,
    ended_children: f64,
}

// === impl Stat ===

impl Stat {
    fn of(pid: &str) -> Option<Self> {
        let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The name before the last bracket may hold anything. What follows begins with field 3, the state.
        let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
        let ticks = |number: usize| fields.get(number - 3)?.parse::<f64>().ok();
        Some(Self {
            parent: (*fields.get(1)?).to_owned(),
            own: ticks(14)? + ticks(15)?,
            ended_children: ticks(16)? + ticks(17)?,
        })
    }
}

// === impl Cost ===

impl Cost {
    pub(crate) fn median(of: &[Self]) -> Self {
        let middle = |get: fn(&Self) -> f64| {
            let mut values: Vec<_> = of.iter().map(get).collect();
            values.sort_by(f64::total_cmp);
            values[values.len() / 2]
        };
        Self {
            items_a_second: middle(|cost| cost.items_a_second),
            process_micros: middle(|cost| cost.process_micros),
            postgres_micros: middle(|cost| cost.postgres_micros),
            wal_kib: middle(|cost| cost.wal_kib),
        }
    }
}

impl fmt::Display for Cost {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            items_a_second,
            process_micros,
            postgres_micros,
            wal_kib,
        } = self;
        write!(
            out,
            "{items_a_second:>9.0} {process_micros:>11.0} {postgres_micros:>12.0} {wal_kib:>8.1}"
        )
    }
}
