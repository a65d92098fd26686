//! The machine and the versions: figures mean nothing without them.

use millrace_stack::{Stack, Tenant};
use serde::{Deserialize, Serialize};
use std::{fs, process::Command};

/// Where it was measured.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Machine {
    pub(crate) date: String,
    pub(crate) processor: String,
    pub(crate) cores: usize,
    pub(crate) memory_gib: u64,
    pub(crate) kernel: String,
    pub(crate) revision: String,
    pub(crate) rustc: String,
    pub(crate) postgres: String,
    pub(crate) rabbitmq: String,
    pub(crate) objects: String,
}

// === impl Machine ===

impl Machine {
    pub(crate) async fn of(stack: &Stack, tenant: &Tenant<'_>) -> anyhow::Result<Self> {
        let database = tenant.connect_postgres().await?;
        let version = database.query_one("SHOW server_version", &[]).await?;
        let memory = value_of("/proc/meminfo", "MemTotal").unwrap_or_default();
        let kib: u64 = memory.trim_end_matches("kB").trim().parse().unwrap_or_default();
        Ok(Self {
            date: said(&["date", "-u", "+%Y-%m-%d"]),
            processor: value_of("/proc/cpuinfo", "model name").unwrap_or_else(|| "unknown".to_owned()),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            memory_gib: kib.div_ceil(1 << 20),
            kernel: said(&["uname", "-r"]),
            revision: said(&["git", "describe", "--always", "--dirty"]),
            rustc: said(&["rustc", "--version"]),
            postgres: version.try_get(0)?,
            rabbitmq: said(&["dpkg-query", "-W", "-f=${Version}", "rabbitmq-server"]),
            objects: stack.objects.kind().to_owned(),
        })
    }
}

/// What follows the first `name: ` of a file.
fn value_of(file: &str, name: &str) -> Option<String> {
    let text = fs::read_to_string(file).ok()?;
    let line = text.lines().find(|line| line.starts_with(name))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

/// The output of a command; nothing where there is none.
fn said(words: &[&str]) -> String {
    let output = Command::new(words[0]).args(&words[1..]).output();
    output.map_or_else(
        |_| String::new(),
        |output| String::from_utf8_lossy(&output.stdout).trim().to_owned(),
    )
}
