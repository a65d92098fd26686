//! The connections that migrations run on.

use super::{MigrateError, Turns};
use crate::{
    Database, PostgresSettings,
    database::{Lease, configure},
    failure::Failure,
    tls::Connector,
};
use millrace_engine::Fault;
use std::ops::Deref;
use tokio::time::timeout;
use tokio_postgres::Client;

/// Where they come from.
pub(super) enum Sessions<'a> {
    /// Opened for it.
    Own(&'a PostgresSettings),
    /// From the pool, which thus stays the bound on connections.
    Pool(&'a Database),
}

pub(super) enum Session {
    Own(Client),
    Pooled(Lease),
}

// === impl Sessions ===

impl Sessions<'_> {
    pub(super) async fn open(&self) -> Result<Session, MigrateError> {
        match self {
            Self::Own(settings) => connect(settings).await.map(Session::Own),
            Self::Pool(database) => match database.lease().await {
                Ok(lease) => Ok(Session::Pooled(lease)),
                Err(blame) => Err(MigrateError::Pool(detail_of(blame))),
            },
        }
    }

    /// One more, where there may be one.
    pub(super) async fn second(&self) -> Option<Session> {
        if let Self::Pool(database) = self
            && database.pool_status().max_size < 2
        {
            return None;
        }
        match self.open().await {
            Ok(session) => Some(session),
            Err(error) => {
                tracing::debug!(%error, "no second connection for the lock of a migration");
                None
            }
        }
    }

    pub(super) fn turns(&self) -> Turns {
        Turns::of(match self {
            Self::Own(settings) => settings,
            Self::Pool(database) => database.settings(),
        })
    }
}

async fn connect(settings: &PostgresSettings) -> Result<Client, MigrateError> {
    let address = configure(settings)?;
    let connecting = address.config.connect(Connector::to(&address));
    let Ok(connected) = timeout(settings.connect_timeout, connecting).await else {
        return Err(MigrateError::NoAnswer(settings.connect_timeout));
    };
    let (client, connection) = connected?;
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!(%error, "migration connection closed");
        }
    });
    Ok(client)
}

fn detail_of(failure: Failure) -> String {
    match failure {
        Failure::Fault(Fault::Outage { detail, .. })
        | Failure::Collision(detail)
        | Failure::Unclear { detail, .. } => detail,
        Failure::Fault(fault) => fault.to_string(),
    }
}

// === impl Session ===

impl Session {
    /// The work went well, so the connection may be used for something else.
    pub(super) fn give_back(self) {
        if let Self::Pooled(lease) = self {
            lease.give_back();
        }
    }
}

impl Deref for Session {
    type Target = Client;

    fn deref(&self) -> &Client {
        match self {
            Self::Own(client) => client,
            Self::Pooled(lease) => lease,
        }
    }
}
