//! Holds Postgres to one core, so that the consumer has the other to itself.

use anyhow::{Context, ensure};
use std::{fs, process::Command};

/// The core of Postgres.
pub(crate) const DATABASE: usize = 0;
/// The core of the consumer.
pub(crate) const CONSUMER: usize = 1;

/// The server and all that it has started; what it starts from now on inherits its core.
pub(crate) fn postgres(server: u32) -> anyhow::Result<()> {
    for pid in std::iter::once(server).chain(children(server)) {
        let set = Command::new("taskset")
            .args(["-a", "-c", "-p", &DATABASE.to_string(), &pid.to_string()])
            .output()
            .context("cannot run taskset")?;
        ensure!(
            set.status.success() || pid != server,
            "{}",
            String::from_utf8_lossy(&set.stderr)
        );
    }
    Ok(())
}

fn children(parent: u32) -> Vec<u32> {
    let path = format!("/proc/{parent}/task/{parent}/children");
    let pids = fs::read_to_string(path).unwrap_or_default();
    pids.split_whitespace()
        .filter_map(|pid| pid.parse().ok())
        .collect()
}
