//! Who competes: builds of the product, and consumers that others would write.

use anyhow::{Context, ensure};
use millrace_stack::{Service, Tenant, built_millrace};
use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    time::Duration,
};

const PATIENCE: Duration = Duration::from_secs(60);
/// Builds of the product, between commas, each with a label before a `=` or without: `old=/a/millrace,new=/b/millrace`.
const BUILDS: &str = "MILLRACE_BIN";

/// The broker must not give up on one that is frozen.
const SETTINGS: [(&str, &str); 2] = [("LOG_LEVEL", "warn"), ("RABBITMQ_HEARTBEAT_SECONDS", "300")];

/// One of them.
#[derive(Clone, Debug)]
pub(crate) struct Contender {
    pub(crate) label: String,
    program: PathBuf,
    processes: usize,
}

// === impl Contender ===

impl Contender {
    /// The builds of the product that the environment names, or the one beside this program.
    pub(crate) fn products() -> anyhow::Result<Vec<Self>> {
        let named = std::env::var(BUILDS).unwrap_or_default();
        let named: Vec<_> = named.split(',').filter(|word| !word.is_empty()).collect();
        if named.is_empty() {
            return Ok(vec![Self::product("millrace", built_millrace()?)]);
        }
        let of = |word: &&str| {
            let (label, path) = word.split_once('=').unwrap_or((word, word));
            let path = fs::canonicalize(path).with_context(|| format!("{BUILDS}: there is no {path}"))?;
            Ok(Self::product(label, path))
        };
        named.iter().map(of).collect()
    }

    fn product(label: &str, program: PathBuf) -> Self {
        Self {
            label: label.to_owned(),
            program,
            processes: 1,
        }
    }

    /// The consumers of `benches/peers`, as `benches/peers/build` leaves them in this folder.
    pub(crate) fn peers(folder: &Path) -> anyhow::Result<Vec<Self>> {
        let peer = |label: &str, program: &str, processes| {
            let program = folder.join(program);
            ensure!(
                program.is_file(),
                "there is no {}: run benches/peers/build",
                program.display()
            );
            Ok(Self {
                label: label.to_owned(),
                program: fs::canonicalize(program)?,
                processes,
            })
        };
        Ok(vec![
            peer("Go", "go/consumer", 1)?,
            peer("Python", "python/consumer", 1)?,
            peer("Python ×2", "python/consumer", 2)?,
        ])
    }

    /// The same, its processes held to one core. The script goes into `folder`.
    pub(crate) fn pinned(self, core: usize, folder: &Path) -> anyhow::Result<Self> {
        let script = folder.join(format!("{}-on-{core}", self.label.replace([' ', '/'], "-")));
        let text = format!(
            "#!/bin/sh\nexec taskset -c {core} '{}' \"$@\"\n",
            self.program.display()
        );
        fs::write(&script, text)?;
        fs::set_permissions(&script, PermissionsExt::from_mode(0o755))?;
        Ok(Self {
            program: script,
            ..self
        })
    }

    /// So many replicas.
    pub(crate) fn times(&self, processes: usize) -> Self {
        Self {
            processes,
            ..self.clone()
        }
    }

    /// The program of the product, for its other commands.
    pub(crate) fn program(&self) -> &Path {
        &self.program
    }

    /// Starts it; it may not be ready.
    pub(crate) fn spawn(&self, tenant: &Tenant<'_>) -> anyhow::Result<Vec<Service>> {
        (0..self.processes)
            .map(|_| tenant.service(&self.program, &SETTINGS))
            .collect()
    }
}

/// Waits until all of them are ready.
pub(crate) async fn ready(services: &[Service]) -> anyhow::Result<()> {
    for service in services {
        service.wait_ready(PATIENCE).await?;
    }
    Ok(())
}
