//! The `millrace` program as a child process.

use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::Context;
use nix::sys::signal::Signal;
use serde_json::Value;

use crate::home::Home;
use crate::metrics::Metrics;
use crate::ports::free_port;
use crate::process::{Process, Recipe};
use crate::wait::wait_for;

const REQUEST_TIMEOUT: Duration = Duration::from_secs(20);
const METRICS_PORT: &str = "METRICS_PORT";

/// A running `millrace run`. It ends with the stack, at the latest.
#[derive(Debug)]
pub struct Service {
    process: Process,
    port: u16,
    client: reqwest::Client,
}

// === impl Service ===

impl Service {
    pub(crate) fn start(
        home: &Home,
        name: &str,
        millrace: &Path,
        mut env: Vec<(String, String)>,
    ) -> anyhow::Result<Self> {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let name = format!("{name}.service-{}", COUNT.fetch_add(1, Ordering::Relaxed) + 1);

        let given = env.iter().rev().find(|(name, _)| name == METRICS_PORT);
        let port = match given {
            Some((_, port)) => port
                .parse()
                .with_context(|| format!("{METRICS_PORT} is no port: {port}"))?,
            None => free_port()?,
        };
        env.push((METRICS_PORT.to_owned(), port.to_string()));
        let recipe = Recipe {
            name: "millrace",
            program: existing(millrace)?,
            args: vec!["run".into()],
            env: env
                .into_iter()
                .map(|(name, value)| (name, value.into()))
                .collect(),
            log: home.path().join(format!("{name}.log")),
            // Its own directory is also one without a stray `.env`.
            dir: home.dir(&name)?,
        };
        let service = Self {
            process: Process::new(recipe),
            port,
            client: crate::http::client(REQUEST_TIMEOUT)?,
        };
        service.start_again()?;
        Ok(service)
    }

    /// Starts it once more after it has ended, with the same settings.
    pub fn start_again(&self) -> anyhow::Result<()> {
        self.process.spawn()
    }

    /// Waits until `/readyz` answers 200; fails at once when the process ends.
    pub async fn wait_ready(&self, timeout: Duration) -> anyhow::Result<()> {
        let ready = wait_for("millrace to be ready", timeout, async || {
            let (status, body) = self.get("/readyz").await?;
            anyhow::ensure!(status == 200, "{status} {body}");
            Ok(())
        });
        tokio::select! {
            ready = ready => ready,
            failure = self.process.ended_early() => Err(failure),
        }
    }

    /// Status and body of a page.
    pub async fn get(&self, path: &str) -> anyhow::Result<(u16, String)> {
        let response = self.client.get(format!("{}{path}", self.url())).send().await?;
        Ok((response.status().as_u16(), response.text().await?))
    }

    /// What `/metrics` says now.
    pub async fn metrics(&self) -> anyhow::Result<Metrics> {
        let (status, body) = self.get("/metrics").await?;
        anyhow::ensure!(status == 200, "/metrics answered {status}: {body}");
        Ok(Metrics::parse(&body))
    }

    /// `http://127.0.0.1:port`.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The process id; `None` while it does not run.
    pub fn pid(&self) -> Option<u32> {
        self.process.pid()
    }

    /// A line of `/proc/PID/status` in KiB: `VmRSS` is the memory now, `VmHWM` the most there was.
    pub fn memory_kib(&self, field: &str) -> Option<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid()?)).ok()?;
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix(field)?.strip_prefix(':'))?;
        line.trim().trim_end_matches("kB").trim().parse().ok()
    }

    /// All lines that it has written to its standard output and error.
    pub fn lines(&self) -> Vec<String> {
        self.process.log().lines().map(str::to_owned).collect()
    }

    /// Its log lines that are JSON.
    pub fn logs(&self) -> Vec<Value> {
        self.lines()
            .iter()
            .filter_map(|line| serde_json::from_str(line).ok())
            .collect()
    }

    /// SIGTERM, without waiting for what comes of it.
    pub fn signal_terminate(&self) -> anyhow::Result<()> {
        self.process.signal(Signal::SIGTERM)
    }

    /// SIGTERM, then the exit code; `None` when a signal ended it, or when it did not run.
    pub async fn terminate(&self) -> anyhow::Result<Option<i32>> {
        Ok(self
            .process
            .stop(Signal::SIGTERM)
            .await?
            .and_then(|status| status.code()))
    }

    /// SIGKILL.
    pub async fn kill(&self) -> anyhow::Result<()> {
        self.process.kill().await
    }

    /// Freezes it.
    pub fn pause(&self) -> anyhow::Result<()> {
        self.process.pause()
    }

    /// Ends a pause.
    pub fn resume(&self) -> anyhow::Result<()> {
        self.process.resume()
    }

    /// Waits until it ends by itself; the exit code, or `None` when a signal ended it.
    pub async fn wait_exit(&self, timeout: Duration) -> anyhow::Result<Option<i32>> {
        Ok(self.process.wait(timeout).await?.and_then(|status| status.code()))
    }
}

/// Runs a command of the program to its end, in the stack's directory and in nothing but this environment.
pub(crate) async fn run_command(
    home: &Home,
    millrace: &Path,
    args: &[&str],
    env: Vec<(String, String)>,
) -> anyhow::Result<Output> {
    let program = existing(millrace)?;
    let what = format!("{} {}", program.display(), args.join(" "));
    let mut command = Command::new(program);
    command
        .args(args)
        .env_clear()
        .envs(env)
        .current_dir(home.dir("commands")?)
        .stdin(Stdio::null());
    tokio::task::spawn_blocking(move || command.output())
        .await?
        .with_context(|| format!("cannot run {what}"))
}

fn existing(program: &Path) -> anyhow::Result<std::path::PathBuf> {
    // It is started from another directory.
    program
        .canonicalize()
        .with_context(|| format!("there is no program {}", program.display()))
}
