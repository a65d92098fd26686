//! The three servers together.

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::Context;
use tokio::sync::OnceCell;

use crate::chromium::Chromium;
use crate::home::Home;
use crate::jaeger::Jaeger;
use crate::objects::Objects;
use crate::pgbouncer::PgBouncer;
use crate::postgres::Postgres;
use crate::rabbitmq::RabbitMq;
use crate::standby::Standby;
use crate::tenant::Tenant;
use crate::tls::Authority;

static SHARED: OnceCell<Stack> = OnceCell::const_new();

/// How to start the servers.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options {
    /// Postgres with `fsync`: slower, and only a power cut could tell the difference.
    pub durable_postgres: bool,
    /// A real MinIO, and a failure where there is none; otherwise one only where it was provided on purpose.
    pub minio: bool,
    /// RabbitMQ and Postgres also speak TLS, as `localhost`, with certificates of [`Stack::authority`].
    pub tls: bool,
}

/// A private RabbitMQ, Postgres and object storage on loopback ports, in a directory of their own.
///
/// Dropping it kills the servers and removes the directory, and so does the end of the process, whatever ends it.
#[derive(Debug)]
pub struct Stack {
    /// The broker.
    pub rabbitmq: RabbitMq,
    /// The database.
    pub postgres: Postgres,
    /// The object storage.
    pub objects: Objects,
    tenants: AtomicUsize,
    authority: Option<Authority>,
    // Last, so that it is dropped last: the servers end before the reaper looks for leftovers.
    home: Home,
}

/// Which servers [`Selected::start`] starts.
#[derive(Debug, Clone, Copy)]
pub struct Selection {
    /// The broker.
    pub rabbitmq: bool,
    /// The database.
    pub postgres: bool,
    /// The object storage.
    pub objects: bool,
}

/// Some of the servers, for a person who wants just those; it ends as a [`Stack`] does.
#[derive(Debug)]
pub struct Selected {
    /// The broker, if it was selected.
    pub rabbitmq: Option<RabbitMq>,
    /// The database, if it was selected.
    pub postgres: Option<Postgres>,
    /// The object storage, if it was selected.
    pub objects: Option<Objects>,
    home: Home,
}

// === impl Stack ===

impl Stack {
    /// Starts all three at once; they answer when it returns.
    pub async fn start() -> anyhow::Result<Self> {
        Self::start_with(Options::default()).await
    }

    /// Starts all three at once; they answer when it returns.
    pub async fn start_with(options: Options) -> anyhow::Result<Self> {
        let home = Home::new()?;
        let authority = options.tls.then(Authority::new).transpose()?;
        let (rabbitmq, postgres, objects) = tokio::try_join!(
            RabbitMq::launch(&home, authority.as_ref()),
            Postgres::launch(&home, options.durable_postgres, authority.as_ref()),
            Objects::launch(&home, options.minio),
        )?;
        Ok(Self {
            rabbitmq,
            postgres,
            objects,
            tenants: AtomicUsize::new(0),
            authority,
            home,
        })
    }

    /// The one stack of this process, started by the first that asks. Tests that stop servers start their own.
    ///
    /// # Panics
    ///
    /// When it cannot be started: no test can go on then.
    pub async fn shared() -> &'static Self {
        match SHARED.get_or_try_init(Self::start).await {
            Ok(stack) => stack,
            Err(error) => panic!("cannot start the servers for the tests: {error:#}"),
        }
    }

    /// A fresh virtual host, database and bucket, so that tests on one stack do not meet.
    pub async fn tenant(&self, name: &str) -> anyhow::Result<Tenant<'_>> {
        let number = self.tenants.fetch_add(1, Ordering::Relaxed) + 1;
        Tenant::create(self, name, number).await
    }

    /// A PgBouncer in front of the database, which ends with the value, or with the stack.
    pub async fn pgbouncer(&self) -> anyhow::Result<PgBouncer> {
        PgBouncer::launch(&self.home, &self.postgres).await
    }

    /// A headless browser, which ends with the value, or with the stack.
    pub async fn chromium(&self) -> anyhow::Result<Chromium> {
        Chromium::launch(&self.home).await
    }

    /// A Jaeger, which ends with the value, or with the stack.
    pub async fn jaeger(&self) -> anyhow::Result<Jaeger> {
        Jaeger::launch(&self.home).await
    }

    /// Who issued the certificates of servers that speak TLS.
    ///
    /// # Panics
    ///
    /// When the stack was not started with [`Options::tls`].
    pub fn authority(&self) -> &Authority {
        self.authority.as_ref().expect("a stack that speaks TLS")
    }

    /// The directory with data and logs.
    pub fn directory(&self) -> &Path {
        self.home.path()
    }

    pub(crate) fn home(&self) -> &Home {
        &self.home
    }
}

// === impl Selected ===

impl Selected {
    /// Starts the selected servers at once; they answer when it returns.
    pub async fn start(selection: Selection) -> anyhow::Result<Self> {
        let home = Home::new()?;
        let rabbitmq = async {
            if selection.rabbitmq {
                RabbitMq::launch(&home, None).await.map(Some)
            } else {
                Ok(None)
            }
        };
        let postgres = async {
            if selection.postgres {
                Postgres::launch(&home, false, None).await.map(Some)
            } else {
                Ok(None)
            }
        };
        let objects = async {
            if selection.objects {
                Objects::launch(&home, false).await.map(Some)
            } else {
                Ok(None)
            }
        };
        let (rabbitmq, postgres, objects) = tokio::try_join!(rabbitmq, postgres, objects)?;
        Ok(Self {
            rabbitmq,
            postgres,
            objects,
            home,
        })
    }

    /// A PgBouncer in front of the database, which ends with the value, or with these servers.
    pub async fn pgbouncer(&self) -> anyhow::Result<PgBouncer> {
        let postgres = self.postgres.as_ref();
        PgBouncer::launch(&self.home, postgres.context("no Postgres was selected")?).await
    }

    /// A standby that every commit waits for from now on; it ends with the value, or with these servers.
    pub async fn standby(&self) -> anyhow::Result<Standby> {
        let postgres = self.postgres.as_ref();
        Standby::launch(&self.home, postgres.context("no Postgres was selected")?).await
    }

    /// The directory with data and logs.
    pub fn directory(&self) -> &Path {
        self.home.path()
    }
}
