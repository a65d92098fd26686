//! Encryption of the way to the database.

use super::connection_string::Address;
use millrace_access::tls::BadTlsFile;
use rustls::ClientConfig;
use std::{error::Error, sync::Arc};
use tokio_postgres::{Socket, tls::MakeTlsConnect};
use tokio_postgres_rustls::MakeRustlsConnect;

/// Reads the files anew. A file that is of no use fails the connection, when that asks for TLS at all.
#[derive(Clone)]
pub(crate) struct Connector(Result<Arc<ClientConfig>, Arc<BadTlsFile>>);

// === impl Connector ===

impl Connector {
    pub(crate) fn to(address: &Address) -> Self {
        let config = address.files.client_config(address.check);
        Self(config.map(Arc::new).map_err(Arc::new))
    }
}

type Rustls = MakeRustlsConnect;

impl MakeTlsConnect<Socket> for Connector {
    type Stream = <Rustls as MakeTlsConnect<Socket>>::Stream;
    type TlsConnect = <Rustls as MakeTlsConnect<Socket>>::TlsConnect;
    type Error = Box<dyn Error + Send + Sync>;

    fn make_tls_connect(&mut self, host: &str) -> Result<Self::TlsConnect, Self::Error> {
        let config = self.0.as_ref().map_err(|bad| bad.to_string())?;
        let mut connect = MakeRustlsConnect::new((**config).clone());
        Ok(MakeTlsConnect::<Socket>::make_tls_connect(&mut connect, host)?)
    }
}
