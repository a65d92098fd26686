//! One child process that can be stopped, killed, paused and started again.

use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::Context;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::wait::wait_for;

/// How long a server may take to stop before that counts as a failure.
const STOP_TIMEOUT: Duration = Duration::from_secs(30);
const KILL_TIMEOUT: Duration = Duration::from_secs(10);
/// How much of a log is shown when a server fails.
const LOG_TAIL_LINES: usize = 20;

/// What to run. The working directory must lie below the stack's home: that is how the reaper finds it.
#[derive(Debug)]
pub(crate) struct Recipe {
    pub(crate) name: &'static str,
    pub(crate) program: PathBuf,
    pub(crate) args: Vec<OsString>,
    pub(crate) env: Vec<(String, OsString)>,
    pub(crate) dir: PathBuf,
    /// Takes what the process writes to its standard output and error.
    pub(crate) log: PathBuf,
}

/// A recipe and the process that runs by it, if one does.
///
/// It does not belong to a runtime: one test's runtime may start it and another's stop it.
#[derive(Debug)]
pub(crate) struct Process {
    recipe: Recipe,
    child: Mutex<Option<Child>>,
}

// === impl Recipe ===

impl Recipe {
    fn spawn(&self) -> anyhow::Result<Child> {
        let log = self.open_log()?;
        let mut command = Command::new(&self.program);
        command
            .args(&self.args)
            // Nothing of the caller's environment: a test must not depend on who runs it.
            .env_clear()
            .env(
                "PATH",
                "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            )
            .env("LANG", "C.UTF-8")
            .envs(self.env.iter().map(|(name, value)| (name, value)))
            .current_dir(&self.dir)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            // Ctrl-C in a terminal is for the owner, who then stops the servers in order.
            .process_group(0);
        command
            .spawn()
            .with_context(|| format!("cannot start {}: {}", self.name, self.program.display()))
    }

    fn open_log(&self) -> anyhow::Result<File> {
        OpenOptions::new()
            .create(true)
            .append(true)
            .open(&self.log)
            .with_context(|| format!("cannot open the log {}", self.log.display()))
    }

    fn read_log(&self) -> String {
        let bytes = std::fs::read(&self.log).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    fn log_tail(&self) -> String {
        let text = self.read_log();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(LOG_TAIL_LINES)..].join("\n")
    }
}

// === impl Process ===

impl Process {
    pub(crate) fn new(recipe: Recipe) -> Self {
        Self {
            recipe,
            child: Mutex::new(None),
        }
    }

    /// Spawns it, if it does not run already.
    pub(crate) fn spawn(&self) -> anyhow::Result<()> {
        let mut child = self.child();
        let runs = match child.as_mut() {
            Some(child) => child.try_wait()?.is_none(),
            None => false,
        };
        if !runs {
            *child = Some(self.recipe.spawn()?);
        }
        Ok(())
    }

    pub(crate) fn pid(&self) -> Option<u32> {
        self.child().as_ref().map(Child::id)
    }

    /// All that it has written so far.
    pub(crate) fn log(&self) -> String {
        self.recipe.read_log()
    }

    /// Fails as soon as the process has ended, with the end of its log; else waits for ever.
    pub(crate) async fn ended_early(&self) -> anyhow::Error {
        let name = self.recipe.name;
        match self.wait(Duration::from_secs(24 * 3600)).await {
            Ok(Some(status)) => {
                anyhow::anyhow!("{name} ended at start ({status}):\n{}", self.recipe.log_tail())
            }
            Ok(None) => anyhow::anyhow!("{name} was stopped while it started"),
            Err(error) => error,
        }
    }

    /// Asks it to end, in its own way, and waits until it has.
    pub(crate) async fn stop(&self, signal: Signal) -> anyhow::Result<Option<ExitStatus>> {
        // A stopped process does not handle signals.
        self.resume()?;
        self.signal(signal)?;
        let status = self.wait(STOP_TIMEOUT).await?;
        *self.child() = None;
        Ok(status)
    }

    /// SIGKILL for the process and for its children.
    pub(crate) async fn kill(&self) -> anyhow::Result<()> {
        self.signal(Signal::SIGKILL)?;
        self.wait(KILL_TIMEOUT).await?;
        *self.child() = None;
        // Children of Postgres lead sessions of their own, and the server does not start again beside them.
        wait_for(
            &format!("the end of {}'s children", self.recipe.name),
            KILL_TIMEOUT,
            async || {
                self.signal_children(Signal::SIGKILL)
                    .map_err(|error| format!("{error:#}"))
                    .and_then(|left| {
                        if left == 0 {
                            Ok(())
                        } else {
                            Err(format!("{left} are left"))
                        }
                    })
            },
        )
        .await
    }

    /// Freezes the process and its children: connections stay open, and nothing answers.
    pub(crate) fn pause(&self) -> anyhow::Result<()> {
        self.signal(Signal::SIGSTOP)?;
        self.signal_children(Signal::SIGSTOP).map(drop)
    }

    /// Ends a pause.
    pub(crate) fn resume(&self) -> anyhow::Result<()> {
        self.signal_children(Signal::SIGCONT)?;
        self.signal(Signal::SIGCONT)
    }

    /// Sends a signal; nothing happens when it does not run.
    pub(crate) fn signal(&self, signal: Signal) -> anyhow::Result<()> {
        // The lock is held: the child has not been waited for, so the pid is still its own.
        let mut child = self.child();
        let Some(child) = child.as_mut() else {
            return Ok(());
        };
        if child.try_wait()?.is_some() {
            return Ok(());
        }
        let pid = Pid::from_raw(i32::try_from(child.id()).context("a pid fits an i32")?);
        kill(pid, signal).with_context(|| format!("cannot send {signal} to {}, pid {pid}", self.recipe.name))
    }

    /// Signals every other process that works in this one's directory; says how many there were.
    fn signal_children(&self, signal: Signal) -> anyhow::Result<usize> {
        let main = self.pid();
        let mut count = 0;
        for pid in pids_below(&self.recipe.dir)? {
            if Some(pid.as_raw().cast_unsigned()) == main {
                continue;
            }
            // Fails only when it has ended since it was listed.
            if kill(pid, signal).is_ok() {
                count += 1;
            }
        }
        Ok(count)
    }

    /// Waits until it has ended; `None` when it was not running.
    pub(crate) async fn wait(&self, timeout: Duration) -> anyhow::Result<Option<ExitStatus>> {
        let what = format!("the end of {}", self.recipe.name);
        wait_for(&what, timeout, async || match self.child().as_mut() {
            None => Some(Ok(None)),
            Some(child) => child.try_wait().transpose().map(|status| status.map(Some)),
        })
        .await?
        .with_context(|| format!("cannot wait for {}", self.recipe.name))
    }

    fn child(&self) -> MutexGuard<'_, Option<Child>> {
        self.child.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The processes whose working directory is `dir` or lies below it.
fn pids_below(dir: &Path) -> anyhow::Result<Vec<Pid>> {
    let mut pids = Vec::new();
    for entry in std::fs::read_dir("/proc").context("cannot list /proc")? {
        let Ok(entry) = entry else { continue };
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else {
            continue;
        };
        // Unreadable: it has ended, or belongs to another user.
        if std::fs::read_link(entry.path().join("cwd")).is_ok_and(|cwd| cwd.starts_with(dir)) {
            pids.push(Pid::from_raw(pid));
        }
    }
    Ok(pids)
}

impl Drop for Process {
    fn drop(&mut self) {
        if let Some(child) = self.child().as_mut() {
            // Fails only when it has ended by itself.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
