//! Processor time of processes, from `/proc`.

use std::{collections::BTreeMap, fs, ops::Sub};

/// Ticks a second in `/proc`, whatever the kernel's own clock is.
const TICKS: f64 = 100.0;

/// Seconds of processor time of who takes part, since each began.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Cpu {
    pub(crate) millrace: f64,
    pub(crate) postgres: f64,
    pub(crate) rabbitmq: f64,
    /// This very process: the embedded object storage, the proxies, and the looks of the benchmark.
    pub(crate) store: f64,
}

/// Ticks of one process, and of its children that have ended.
struct Stat {
    parent: u32,
    own: u64,
    ended_children: u64,
}

// === impl Cpu ===

impl Cpu {
    /// Looks at the replicas, at the servers with all that works for them, and at ourselves.
    pub(crate) fn now(replicas: &[u32], postgres: u32, rabbitmq: u32) -> Self {
        let all = all();
        let one = |pid: u32| all.get(&pid).map_or(0, |stat| stat.own + stat.ended_children);
        // Each session of Postgres is a process; when it ends, its time goes to the server's.
        let sessions: u64 = all
            .values()
            .filter(|stat| stat.parent == postgres)
            .map(|stat| stat.own)
            .sum();
        let seconds = |ticks: u64| ticks as f64 / TICKS;
        Self {
            millrace: seconds(replicas.iter().map(|pid| one(*pid)).sum()),
            postgres: seconds(one(postgres) + sessions),
            rabbitmq: seconds(one(rabbitmq)),
            store: seconds(all.get(&std::process::id()).map_or(0, |stat| stat.own)),
        }
    }

    /// So many seconds of the same.
    pub(crate) fn times(self, factor: f64) -> Self {
        Self {
            millrace: self.millrace * factor,
            postgres: self.postgres * factor,
            rabbitmq: self.rabbitmq * factor,
            store: self.store * factor,
        }
    }
}

impl Sub for Cpu {
    type Output = Self;

    fn sub(self, before: Self) -> Self {
        Self {
            millrace: self.millrace - before.millrace,
            postgres: self.postgres - before.postgres,
            rabbitmq: self.rabbitmq - before.rabbitmq,
            store: self.store - before.store,
        }
    }
}

fn all() -> BTreeMap<u32, Stat> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    // One that has just ended has no file any more.
    pids.filter_map(|pid: u32| Some((pid, Stat::read(pid)?)))
        .collect()
}

// === impl Stat ===

impl Stat {
    fn read(pid: u32) -> Option<Self> {
        let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The name before the last bracket may hold anything. What follows begins with field 3, the state.
        let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
        let field = |number: usize| fields.get(number - 3)?.parse::<u64>().ok();
        Some(Self {
            parent: u32::try_from(field(4)?).ok()?,
            own: field(14)? + field(15)?,
            ended_children: field(16)? + field(17)?,
        })
    }
}
