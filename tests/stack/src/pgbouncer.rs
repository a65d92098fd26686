//! A private PgBouncer in transaction mode, from the Debian package: it gives each transaction any of its
//! server connections, so nothing that belongs to a session survives a COMMIT.

use std::time::Duration;

use nix::sys::signal::Signal;

use crate::home::Home;
use crate::packages::program_of;
use crate::ports::free_port;
use crate::postgres::{PASSWORD, Postgres, USER, identity};
use crate::process::{Process, Recipe};
use crate::wait::wait_for;

const READY_TIMEOUT: Duration = Duration::from_secs(30);
/// More than one, or a session would keep its connection after all.
const SERVER_CONNECTIONS: usize = 4;

/// A running PgBouncer in front of one Postgres.
#[derive(Debug)]
pub struct PgBouncer {
    port: u16,
    process: Process,
}

// === impl PgBouncer ===

impl PgBouncer {
    /// Starts it; it answers when this returns.
    pub(crate) async fn launch(home: &Home, postgres: &Postgres) -> anyhow::Result<Self> {
        let dir = home.dir("pgbouncer")?;
        let program = program_of("pgbouncer", "pgbouncer")?;
        let port = free_port()?;
        let file = dir.join("pgbouncer.ini");
        std::fs::write(&file, configuration(port, postgres.port()))?;

        let mut args = identity(&dir)?;
        args.extend([program.into(), file.into()]);
        let recipe = Recipe {
            name: "pgbouncer",
            program: args.remove(0).into(),
            args,
            env: Vec::new(),
            log: home.path().join("pgbouncer.log"),
            dir,
        };
        let pgbouncer = Self {
            port,
            process: Process::new(recipe),
        };
        pgbouncer.start().await?;
        Ok(pgbouncer)
    }

    /// Starts it, on the port of before; returns when it takes connections.
    pub async fn start(&self) -> anyhow::Result<()> {
        self.process.spawn()?;
        let ready = wait_for("pgbouncer to listen", READY_TIMEOUT, async || {
            tokio::net::TcpStream::connect(("127.0.0.1", self.port)).await
        });
        tokio::select! {
            ready = ready => ready.map(drop),
            failure = self.process.ended_early() => Err(failure),
        }
    }

    /// Ends it at once; its connections are cut on both sides.
    pub async fn stop(&self) -> anyhow::Result<()> {
        // SIGTERM is its immediate shutdown; SIGINT would wait for every transaction.
        self.process.stop(Signal::SIGTERM).await.map(drop)
    }

    /// `postgres://…` for a database of the Postgres behind it.
    pub fn url(&self, database: &str) -> String {
        format!("postgres://{USER}@127.0.0.1:{}/{database}", self.port)
    }
}

fn configuration(port: u16, postgres_port: u16) -> String {
    format!(
        "[databases]\n\
         * = host=127.0.0.1 port={postgres_port} user={USER} password={PASSWORD}\n\
         [pgbouncer]\n\
         listen_addr = 127.0.0.1\n\
         listen_port = {port}\n\
         unix_socket_dir =\n\
         auth_type = any\n\
         pool_mode = transaction\n\
         default_pool_size = {SERVER_CONNECTIONS}\n\
         max_client_conn = 100\n"
    )
}
