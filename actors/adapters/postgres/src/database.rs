//! The pool of connections.

use super::{
    BadConnectionString,
    connection_string::{self, Address},
    failure::{DATABASE, Failure},
    tls::Connector as TlsConnector,
};
use crate::PostgresSettings;
use deadpool_postgres::{
    ClientWrapper, Connect, Manager, ManagerConfig, Object, Pool, RecyclingMethod, Runtime,
};
use millrace_engine::Fault;
use millrace_engine::trace;
use std::{future::Future, ops::Deref, pin::Pin, sync::Arc, time::Duration};
use tokio::{runtime::Handle, task::JoinHandle, time::timeout};
use tokio_postgres::{Client, Config, config::Host};
use tokio_util::context::TokioContext;

/// A pool of connections to one database. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Database {
    pool: Pool,
    limits: Limits,
    place: Arc<Place>,
    settings: Arc<PostgresSettings>,
}

/// Where the database is, as traces name it. Of several hosts the first stands for all.
#[derive(Debug)]
struct Place {
    host: String,
    port: u16,
    name: String,
}

/// How full the pool is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolStatus {
    /// Connections that the pool may open.
    pub max_size: usize,
    /// Connections that are open.
    pub size: usize,
    /// Open connections that are not in use.
    pub available: usize,
    /// Tasks that wait for a connection.
    pub waiting: usize,
}

/// How long things may take.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// To get a connection, or a short answer.
    pub connect: Duration,
    /// To run one statement.
    pub statement: Duration,
}

/// A connection on loan. One that is dropped is closed, because a future that is dropped in the
/// middle of a statement leaves its connection busy; only [`Lease::give_back`] reuses it.
pub struct Lease(Option<Object>);

/// Opens connections on the runtime that is made for I/O: a connection is driven by the runtime
/// that opened it, and would starve or die with an actor's.
struct Connector {
    io: Handle,
    settings: PostgresSettings,
    first: Address,
}

// === impl PoolStatus ===

impl PoolStatus {
    /// Who asks for a connection now has to wait for one.
    pub(crate) fn is_exhausted(&self) -> bool {
        self.available == 0 && self.size >= self.max_size
    }
}

// === impl Database ===

impl Database {
    /// A pool that drives its connections on `io`. Connects to nothing yet.
    pub fn new(settings: &PostgresSettings, io: &Handle) -> Result<Self, BadConnectionString> {
        let first = configure(settings)?;
        let config = first.config.clone();
        let connector = Connector {
            io: io.clone(),
            settings: settings.clone(),
            first,
        };
        let place = Arc::new(Place::of(&config));
        let hosts = u32::try_from(config.get_hosts().len()).unwrap_or(1).max(1);
        let recycling_method = RecyclingMethod::Fast;
        let manager = Manager::from_connect(config, connector, ManagerConfig { recycling_method });
        let pool = Pool::builder(manager)
            .max_size(settings.pool_size.max(1))
            .runtime(Runtime::Tokio1)
            .wait_timeout(Some(settings.connect_timeout))
            .create_timeout(Some(settings.connect_timeout * hosts))
            .recycle_timeout(Some(settings.connect_timeout))
            .build()
            .expect("a pool with timeouts has a runtime");
        Ok(Self {
            pool,
            limits: Limits {
                connect: settings.connect_timeout,
                statement: settings.statement_timeout,
            },
            place,
            settings: Arc::new(settings.clone()),
        })
    }

    /// A round trip. Fails also where the server answers but takes no writes, or not all text.
    pub async fn ping(&self) -> Result<(), Fault> {
        let answer = match timeout(self.limits.connect, self.unfit()).await {
            Ok(answer) => answer,
            Err(_) => return Err(self.outage(format!("no answer within {:?}", self.limits.connect))),
        };
        match answer {
            Ok(None) => Ok(()),
            Ok(Some(why)) => Err(self.outage(why)),
            Err(Failure::Fault(fault)) => Err(fault),
            Err(Failure::Collision(detail) | Failure::Unclear { detail, .. }) => Err(self.outage(detail)),
        }
    }

    /// How full the pool is.
    pub fn pool_status(&self) -> PoolStatus {
        let status = self.pool.status();
        PoolStatus {
            max_size: status.max_size,
            size: status.size,
            available: status.available,
            waiting: status.waiting,
        }
    }

    pub(crate) fn settings(&self) -> &PostgresSettings {
        &self.settings
    }

    /// How long things may take.
    pub fn limits(&self) -> Limits {
        self.limits
    }

    /// Tells the trace of the current task which database it waits for.
    pub fn note_place(&self) {
        let Place { host, port, name } = &*self.place;
        trace::note("db.system.name", "postgresql");
        trace::note("db.namespace", name.clone());
        trace::note("server.address", host.clone());
        trace::note("server.port", i64::from(*port));
    }

    /// A connection of the pool.
    ///
    /// # Errors
    /// An outage, for there is none.
    pub async fn lease(&self) -> Result<Lease, Failure> {
        Ok(Lease(Some(self.pool.get().await?)))
    }

    /// An outage; the idle connections go too, for they end at the same server and know nothing yet
    /// of its fate.
    pub fn outage(&self, detail: impl Into<String>) -> Fault {
        self.pool.retain(|_, _| false);
        Fault::outage(DATABASE, detail)
    }

    /// Gives up a connection whose statement takes too long, and has the server give up the statement. Without that
    /// a commit that waits for a standby would keep its connection there for as long as the standby is away.
    pub async fn cancel(&self, lease: Lease) {
        let Ok(address) = configure(&self.settings) else {
            return;
        };
        let cancelling = lease.cancel_token();
        let cancelling = cancelling.cancel_query(TlsConnector::to(&address));
        if let Ok(Err(error)) = timeout(self.limits.connect, cancelling).await {
            tracing::debug!(%error, "could not cancel a statement");
        }
    }

    /// Why the database cannot be written to, if that is so.
    async fn unfit(&self) -> Result<Option<String>, Failure> {
        let lease = self.lease().await?;
        let sql = "SELECT pg_is_in_recovery() OR current_setting('transaction_read_only')::boolean, \
             current_setting('server_encoding')";
        let rows = lease.query_typed(sql, &[]).await?;
        lease.give_back();
        if rows.iter().any(|row| row.get(0)) {
            return Ok(Some(
                "the server is read-only: a standby, or put so by its operator".to_owned(),
            ));
        }
        Ok(rows.first().and_then(|row| unfit_encoding(row.get(1))))
    }
}

/// Why a database of this encoding is of no use: texts of crawls hold whatever there is.
pub(crate) fn unfit_encoding(found: &str) -> Option<String> {
    (found != "UTF8").then(|| {
        format!(
            "server_encoding is {found}, UTF8 is needed: create the database with ENCODING 'UTF8' TEMPLATE template0 \
             and name that one in DATABASE_URL"
        )
    })
}

// === impl Place ===

impl Place {
    fn of(config: &Config) -> Self {
        let host = match config.get_hosts().first() {
            Some(Host::Tcp(host)) => host.clone(),
            Some(Host::Unix(path)) => path.display().to_string(),
            None => "localhost".to_owned(),
        };
        let name = config.get_dbname().or(config.get_user());
        Self {
            host,
            port: config.get_ports().first().copied().unwrap_or(5432),
            name: name.unwrap_or_default().to_owned(),
        }
    }
}

// === impl Lease ===

impl Lease {
    /// Returns the connection to the pool: no statement runs and no transaction is open.
    pub fn give_back(mut self) {
        self.0.take();
    }
}

impl Deref for Lease {
    type Target = ClientWrapper;

    fn deref(&self) -> &ClientWrapper {
        self.0
            .as_ref()
            .expect("a lease holds its connection until it ends")
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if let Some(connection) = self.0.take() {
            drop(Object::take(connection));
        }
    }
}

// === impl Connector ===

type Connected = Result<(Client, JoinHandle<()>), tokio_postgres::Error>;

impl Connect for Connector {
    /// With what the settings and files say now, not with what they said when the pool was made.
    fn connect(&self, _then: &Config) -> Pin<Box<dyn Future<Output = Connected> + Send + '_>> {
        let address = configure(&self.settings).unwrap_or_else(|error| {
            tracing::warn!(%error, "the new address of the database is of no use; the first one stays in use");
            self.first.clone()
        });
        let connecting = async move {
            let tls = TlsConnector::to(&address);
            let (client, connection) = address.config.connect(tls).await?;
            let driver = tokio::spawn(async move {
                if let Err(error) = connection.await {
                    tracing::debug!(%error, "database connection closed");
                }
            });
            Ok((client, driver))
        };
        Box::pin(TokioContext::new(connecting, self.io.clone()))
    }
}

/// What every connection of ours asks for, unless the user's URL says otherwise.
pub(crate) fn configure(settings: &PostgresSettings) -> Result<Address, BadConnectionString> {
    const UNSET_KEEPALIVE: Duration = Duration::from_secs(2 * 60 * 60);
    const DEAD_PEER: Duration = Duration::from_secs(30);
    let mut address = connection_string::parse(&settings.url.renew(), &settings.tls)?;
    let config = &mut address.config;
    if config.get_application_name().is_none() {
        config.application_name("millrace");
    }
    if config.get_connect_timeout().is_none() {
        config.connect_timeout(settings.connect_timeout);
    }
    if config.get_keepalives_idle() == UNSET_KEEPALIVE {
        config.keepalives_idle(DEAD_PEER);
    }
    let over_tcp = config.get_hosts().iter().all(|host| matches!(host, Host::Tcp(_)));
    if over_tcp && config.get_tcp_user_timeout().is_none() {
        config.tcp_user_timeout(DEAD_PEER);
    }
    Ok(address)
}
