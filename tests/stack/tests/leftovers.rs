//! Nothing is left behind, and stacks do not collide.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::{BufRead, BufReader};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use millrace_stack::{Stack, wait_for};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

const SOON: Duration = Duration::from_secs(20);

/// A running `millrace-stack`.
struct Program {
    child: Child,
    dir: PathBuf,
    ports: Vec<u16>,
}

// === impl Program ===

impl Program {
    #[expect(clippy::zombie_processes, reason = "it is waited for once it has been killed")]
    /// Starts it and reads what it prints until it is ready.
    fn start() -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_millrace-stack"));
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut ports = Vec::new();
        for line in BufReader::new(child.stdout.take().unwrap()).lines() {
            let line = line.unwrap();
            if let Some((_, dir)) = line.split_once("removes ") {
                return Self {
                    child,
                    dir: dir.into(),
                    ports,
                };
            }
            let after = line.split("127.0.0.1:").skip(1);
            ports.extend(after.filter_map(|text| {
                text.split(|c: char| !c.is_ascii_digit())
                    .next()?
                    .parse::<u16>()
                    .ok()
            }));
        }
        panic!("millrace-stack ended before it was ready");
    }

    async fn leaves_nothing_after(mut self, signal: Signal) {
        assert!(
            self.ports.len() >= 4 && self.ports.iter().all(|port| answers(*port)),
            "{:?}",
            self.ports
        );
        assert!(!processes_in(&self.dir).is_empty());
        kill(Pid::from_raw(i32::try_from(self.child.id()).unwrap()), signal).unwrap();
        self.child.wait().unwrap();
        wait_for("the directory to go", SOON, async || !self.dir.exists())
            .await
            .unwrap();
        assert_eq!(processes_in(&self.dir), Vec::<String>::new());
        assert!(!self.ports.iter().any(|port| answers(*port)), "{:?}", self.ports);
    }
}

#[tokio::test]
async fn killing_the_owner_leaves_nothing() {
    Program::start().leaves_nothing_after(Signal::SIGKILL).await;
}

#[tokio::test]
async fn ctrl_c_leaves_nothing() {
    Program::start().leaves_nothing_after(Signal::SIGINT).await;
}

#[tokio::test]
async fn two_stacks_run_side_by_side_and_dropping_one_leaves_the_other() {
    let (one, two) = tokio::try_join!(Stack::start(), Stack::start()).unwrap();
    let dir = one.directory().to_owned();
    drop(one);
    assert!(!dir.exists());
    assert_eq!(processes_in(&dir), Vec::<String>::new());
    two.tenant("other").await.unwrap();
}

fn answers(port: u16) -> bool {
    TcpStream::connect(("127.0.0.1", port)).is_ok()
}

/// Every process that names the directory on its command line, works in it, or has one of its files open.
fn processes_in(dir: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let words = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
        let words = String::from_utf8_lossy(&words).replace('\0', " ");
        let works_there = std::fs::read_link(entry.path().join("cwd")).is_ok_and(|cwd| cwd.starts_with(dir));
        let is_reaper = words.contains("millrace-reaper");
        if (works_there || words.contains(&*dir.to_string_lossy())) && !is_reaper {
            found.push(words);
        }
    }
    found
}
