//! A standby of a private Postgres: a second server that takes over every change as it happens.

use std::ffi::OsString;
use std::process::Command;
use std::time::Duration;

use anyhow::Context;

use crate::home::Home;
use crate::ports::free_port;
use crate::postgres::{PASSWORD, Postgres, USER, identity, programs};
use crate::process::{Process, Recipe};
use crate::wait::wait_for;

const READY_TIMEOUT: Duration = Duration::from_secs(60);
/// What `synchronous_standby_names` knows it by.
const NAME: &str = "standby";

/// A running standby.
#[derive(Debug)]
pub struct Standby {
    process: Process,
}

// === impl Standby ===

impl Standby {
    /// Copies the primary and follows it. From then on each commit there waits until it is safe here too.
    pub(crate) async fn launch(home: &Home, primary: &Postgres) -> anyhow::Result<Self> {
        let dir = home.dir("standby")?;
        let (identity, programs) = (identity(&dir)?, programs()?);
        let address = format!(
            "host=127.0.0.1 port={} user={USER} password={PASSWORD} application_name={NAME}",
            primary.port()
        );
        let data = dir.join("data");
        let mut words = identity.clone();
        words.push(programs.join("pg_basebackup").into());
        let mut copy = Command::new(words.remove(0));
        copy.args(words)
            .args(["--checkpoint=fast", "--no-sync", "--write-recovery-conf"])
            .arg(format!("--dbname={address}"))
            .arg(format!("--pgdata={}", data.display()))
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .current_dir(&dir);
        let output = tokio::task::spawn_blocking(move || copy.output()).await??;
        anyhow::ensure!(
            output.status.success(),
            "pg_basebackup failed: {}",
            String::from_utf8_lossy(&output.stderr)
        );

        let mut args: Vec<OsString> = identity;
        args.extend([programs.join("postgres").into(), "-D".into(), data.into()]);
        for setting in [
            format!("port={}", free_port()?),
            "listen_addresses=127.0.0.1".to_owned(),
            "unix_socket_directories=".to_owned(),
            "max_connections=200".to_owned(),
            "fsync=off".to_owned(),
        ] {
            args.extend(["-c".into(), setting.into()]);
        }
        let process = Process::new(Recipe {
            name: "standby",
            program: args.remove(0).into(),
            args,
            env: Vec::new(),
            log: home.path().join("standby.log"),
            dir,
        });
        process.spawn()?;
        let standby = Self { process };
        standby.is_waited_for(primary).await?;
        Ok(standby)
    }

    /// Freezes it: the primary waits for its answers.
    pub fn pause(&self) -> anyhow::Result<()> {
        self.process.pause()
    }

    /// Ends a pause.
    pub fn resume(&self) -> anyhow::Result<()> {
        self.process.resume()
    }

    async fn is_waited_for(&self, primary: &Postgres) -> anyhow::Result<()> {
        let client = primary.connect("postgres").await?;
        let name = format!("ALTER SYSTEM SET synchronous_standby_names = '{NAME}'");
        client.batch_execute(&name).await?;
        client.batch_execute("SELECT pg_reload_conf()").await?;
        let sql = "SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'";
        let ready = wait_for("the standby to follow", READY_TIMEOUT, async || {
            let row = client.query_one(sql, &[]).await.ok()?;
            (row.get::<_, i64>(0) == 1).then_some(())
        });
        tokio::select! {
            ready = ready => ready,
            failure = self.process.ended_early() => Err(failure),
        }
        .context("synchronous replication")
    }
}
