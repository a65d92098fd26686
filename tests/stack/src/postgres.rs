//! A private Postgres, from the Debian package.

use std::ffi::OsString;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::Context;
use nix::sys::signal::Signal;
use nix::unistd::{User, geteuid};

use crate::home::Home;
use crate::packages::{MissingPackage, file_of, program_of};
use crate::ports::free_port;
use crate::process::{Process, Recipe};
use crate::tls::{Authority, Identity};
use crate::wait::wait_for;

const PACKAGE: &str = "postgresql";
/// The user that the Debian package makes; Postgres refuses to run as root.
const SYSTEM_USER: &str = "postgres";
const READY_TIMEOUT: Duration = Duration::from_secs(60);

pub(crate) const USER: &str = "millrace";
pub(crate) const PASSWORD: &str = "millrace-postgres";
/// The database that always exists; tenants get their own.
const FIRST_DATABASE: &str = "postgres";

/// A running Postgres that belongs to one stack.
#[derive(Debug)]
pub struct Postgres {
    port: u16,
    certificate_files: CertificateFiles,
    process: Process,
}

/// Users of this group log in with a certificate in their name, and in no other way.
const CERTIFICATE_USERS: &str =
    "hostssl all +certified 127.0.0.1/32 cert\nhost all +certified 127.0.0.1/32 reject\n";

/// What a server that speaks TLS shows and which authority it trusts.
#[derive(Debug)]
struct CertificateFiles {
    certificate: PathBuf,
    key: PathBuf,
    authority: PathBuf,
}

// === impl CertificateFiles ===

impl CertificateFiles {
    fn within(dir: &Path) -> Self {
        Self {
            certificate: dir.join("server.pem"),
            key: dir.join("server.key"),
            authority: dir.join("authority.pem"),
        }
    }

    fn put(&self, identity: &Identity) -> anyhow::Result<()> {
        std::fs::copy(&identity.certificate, &self.certificate)?;
        std::fs::copy(&identity.key, &self.key)?;
        std::fs::set_permissions(&self.key, PermissionsExt::from_mode(0o600))?;
        give(&self.key)
    }

    fn settings(&self) -> [String; 4] {
        [
            "ssl=on".to_owned(),
            format!("ssl_cert_file={}", self.certificate.display()),
            format!("ssl_key_file={}", self.key.display()),
            format!("ssl_ca_file={}", self.authority.display()),
        ]
    }
}

// === impl Postgres ===

impl Postgres {
    /// Makes a cluster and starts it. `durable` turns `fsync` on: slower, and what a power cut needs; a SIGKILL does not.
    pub(crate) async fn launch(home: &Home, durable: bool, tls: Option<&Authority>) -> anyhow::Result<Self> {
        let dir = home.dir("postgres")?;
        let programs = programs()?;
        let identity = identity(&dir)?;
        initdb(&programs, &identity, &dir).await?;

        let certificate_files = CertificateFiles::within(&dir);
        if let Some(authority) = tls {
            certificate_files.put(&authority.identity("localhost")?)?;
            std::fs::copy(authority.file(), &certificate_files.authority)?;
            let access = dir.join("data/pg_hba.conf");
            let rest = std::fs::read_to_string(&access)?;
            std::fs::write(&access, format!("{CERTIFICATE_USERS}{rest}"))?;
        }

        let port = free_port()?;
        let mut args = identity.clone();
        args.push(programs.join("postgres").into());
        args.extend(["-D".into(), dir.join("data").into()]);
        let mut settings = settings(port, durable);
        if tls.is_some() {
            settings.extend(certificate_files.settings());
        }
        for setting in settings {
            args.extend(["-c".into(), setting.into()]);
        }
        let recipe = Recipe {
            name: "postgres",
            program: args.remove(0).into(),
            args,
            env: Vec::new(),
            log: home.path().join("postgres.log"),
            dir,
        };
        let postgres = Self {
            port,
            certificate_files,
            process: Process::new(recipe),
        };
        postgres.start().await?;
        Ok(postgres)
    }

    /// Starts it, on the port and the data of before; returns when it answers queries.
    pub async fn start(&self) -> anyhow::Result<()> {
        self.process.spawn()?;
        let ready = wait_for("postgres to answer", READY_TIMEOUT, async || {
            self.connect(FIRST_DATABASE)
                .await?
                .simple_query("SELECT 1")
                .await?;
            anyhow::Ok(())
        });
        tokio::select! {
            ready = ready => ready,
            failure = self.process.ended_early() => Err(failure),
        }
    }

    /// Stops it in order; sessions are cut and rolled back.
    pub async fn stop(&self) -> anyhow::Result<()> {
        // SIGINT is the "fast" shutdown; SIGTERM would wait for every session to leave.
        self.process.stop(Signal::SIGINT).await.map(drop)
    }

    /// SIGKILL for the server and all its sessions.
    pub async fn kill(&self) -> anyhow::Result<()> {
        self.process.kill().await
    }

    /// Freezes the server and all its sessions: connections stay open, and nothing answers.
    pub fn pause(&self) -> anyhow::Result<()> {
        self.process.pause()
    }

    /// Ends a pause.
    pub fn resume(&self) -> anyhow::Result<()> {
        self.process.resume()
    }

    /// Lets no file grow beyond so many bytes, for sessions that begin from now on: a write beyond is cut short,
    /// as on a full disk. A segment of the log needs 16 MiB. `None` ends it.
    pub fn limit_files(&self, bytes: Option<u64>) -> anyhow::Result<()> {
        let pid = self.pid().context("postgres does not run")?;
        let limit = bytes.map_or_else(|| "unlimited".to_owned(), |bytes| bytes.to_string());
        let mut words = as_system_user()?;
        words.push(program_of("util-linux", "prlimit")?.into());
        let status = Command::new(words.remove(0))
            .args(words)
            .arg(format!("--pid={pid}"))
            // Only the soft limit: the hard one could not be lifted again.
            .arg(format!("--fsize={limit}:"))
            .status()
            .context("cannot run prlimit")?;
        anyhow::ensure!(status.success(), "prlimit failed: {status}");
        Ok(())
    }

    /// Shows another certificate to who connects from now on, on a stack with [`Options::tls`](crate::Options::tls).
    pub async fn present(&self, identity: &Identity) -> anyhow::Result<()> {
        self.certificate_files.put(identity)?;
        let client = self.connect(FIRST_DATABASE).await?;
        client.batch_execute("SELECT pg_reload_conf()").await?;
        Ok(())
    }

    /// The process id; `None` while it does not run.
    pub fn pid(&self) -> Option<u32> {
        self.process.pid()
    }

    /// The loopback port, the same over restarts.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// `postgres://…` for a database of this server.
    pub fn url(&self, database: &str) -> String {
        url_at(self.port, database)
    }

    /// The settings with which `millrace` finds a database of this server.
    pub fn env(&self, database: &str) -> Vec<(String, String)> {
        Self::env_at(self.port, database)
    }

    /// The same for one who comes through another port.
    pub(crate) fn env_at(port: u16, database: &str) -> Vec<(String, String)> {
        vec![("DATABASE_URL".to_owned(), url_at(port, database))]
    }

    /// Connects; the connection is driven by a task of the current runtime.
    pub async fn connect(&self, database: &str) -> anyhow::Result<tokio_postgres::Client> {
        let (client, connection) = tokio_postgres::connect(&self.url(database), tokio_postgres::NoTls)
            .await
            .with_context(|| format!("cannot connect to {}", self.url(database)))?;
        // It ends with the client or with the server, and the client says so.
        tokio::spawn(connection);
        Ok(client)
    }

    /// Makes an empty database.
    pub async fn create_database(&self, name: &str) -> anyhow::Result<()> {
        let client = self.connect(FIRST_DATABASE).await?;
        // FILE_COPY needs a checkpoint, which takes long in a busy server.
        client
            .batch_execute(&format!("CREATE DATABASE \"{name}\" STRATEGY wal_log"))
            .await?;
        Ok(())
    }
}

fn url_at(port: u16, database: &str) -> String {
    format!("postgres://{USER}:{PASSWORD}@127.0.0.1:{port}/{database}")
}

/// The folder with `postgres` and `initdb`, of the newest version that is installed.
pub(crate) fn programs() -> Result<PathBuf, MissingPackage> {
    let versions = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten();
    let newest = versions
        .filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok())
        .max()
        .unwrap_or_default();
    let bin = PathBuf::from(format!("/usr/lib/postgresql/{newest}/bin"));
    file_of(PACKAGE, [bin.join("postgres")])?;
    Ok(bin)
}

/// What to put before a command so that it runs as a user that Postgres accepts; gives `dir` to that user.
pub(crate) fn identity(dir: &Path) -> anyhow::Result<Vec<OsString>> {
    give(dir)?;
    as_system_user()
}

/// Gives a file or folder to the user that Postgres accepts.
fn give(path: &Path) -> anyhow::Result<()> {
    if !geteuid().is_root() {
        return Ok(());
    }
    let user = User::from_name(SYSTEM_USER)?.ok_or_else(|| MissingPackage {
        program: format!("the user {SYSTEM_USER}"),
        package: PACKAGE,
    })?;
    chown(path, Some(user.uid.as_raw()), Some(user.gid.as_raw()))
        .with_context(|| format!("cannot give {} to {SYSTEM_USER}", path.display()))
}

/// What to put before a command to run it as the user that Postgres accepts.
fn as_system_user() -> anyhow::Result<Vec<OsString>> {
    if !geteuid().is_root() {
        return Ok(Vec::new());
    }
    let setpriv = program_of("util-linux", "setpriv")?;
    let flags = ["--reuid=postgres", "--regid=postgres", "--clear-groups", "--"];
    Ok(std::iter::once(setpriv.into())
        .chain(flags.map(OsString::from))
        .collect())
}

async fn initdb(programs: &Path, identity: &[OsString], dir: &Path) -> anyhow::Result<()> {
    let password_file = dir.join("password");
    std::fs::write(&password_file, PASSWORD)?;
    std::fs::set_permissions(&password_file, PermissionsExt::from_mode(0o644))?;

    let mut words = identity.to_vec();
    words.push(programs.join("initdb").into());
    let mut command = Command::new(words.remove(0));
    command
        .args(words)
        .args([
            "--encoding=UTF8",
            "--locale=C.UTF-8",
            "--auth=scram-sha-256",
            "--no-sync",
            "--no-instructions",
        ])
        .arg(format!("--username={USER}"))
        .arg(format!("--pwfile={}", password_file.display()))
        .arg(format!("--pgdata={}", dir.join("data").display()))
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .current_dir(dir);
    let output = tokio::task::spawn_blocking(move || command.output())
        .await?
        .context("cannot run initdb")?;
    if !output.status.success() {
        anyhow::bail!(
            "initdb failed ({}): {}",
            output.status,
            String::from_utf8_lossy(&output.stderr)
        );
    }
    Ok(())
}

fn settings(port: u16, durable: bool) -> Vec<String> {
    let durability = if durable { "on" } else { "off" };
    let mut settings = vec![
        format!("port={port}"),
        format!("fsync={durability}"),
        format!("full_page_writes={durability}"),
        // `synchronous_commit` stays on: what is only in shared memory is lost with SIGKILL.
    ];
    let fixed = [
        "listen_addresses=127.0.0.1",
        "unix_socket_directories=",
        "max_connections=200",
        "shared_buffers=128MB",
        // Checkpoints in the middle of a test only make its time uneven.
        "max_wal_size=4GB",
        "checkpoint_timeout=30min",
        "log_min_messages=warning",
    ];
    settings.extend(fixed.map(str::to_owned));
    settings
}
