//! TLS before a server that speaks none: an authority of the test's own, and a front that ends TLS.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::Context;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tempfile::TempDir;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_util::task::AbortOnDropHandle;

static AUTHORITIES: AtomicUsize = AtomicUsize::new(0);

/// An authority that is trusted only by those who were told to.
#[derive(Debug)]
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: CertificateDer<'static>,
    folder: TempDir,
}

/// A certificate and its key, in files.
#[derive(Clone, Debug)]
pub struct Identity {
    /// The certificate, in PEM.
    pub certificate: PathBuf,
    /// Its key, in PEM.
    pub key: PathBuf,
}

/// A server that ends TLS and passes on to another port; it ends when it is dropped.
#[derive(Debug)]
pub struct TlsFront {
    address: SocketAddr,
    _serving: AbortOnDropHandle<()>,
}

// === impl Authority ===

impl Authority {
    /// A new one.
    ///
    /// # Errors
    /// No randomness, or no folder.
    pub fn new() -> anyhow::Result<Self> {
        let mut params = CertificateParams::new(Vec::new())?;
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        // Two of one name would be told apart by their signatures only, which no two in the world are.
        let number = AUTHORITIES.fetch_add(1, Ordering::Relaxed);
        let name = format!("authority {number} of process {}", std::process::id());
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate()?;
        let certificate = params.self_signed(&key)?;
        let folder = tempfile::tempdir().context("a folder for certificates")?;
        std::fs::write(folder.path().join("authority.pem"), certificate.pem())?;
        Ok(Self {
            certificate: certificate.der().clone(),
            issuer: Issuer::new(params, key),
            folder,
        })
    }

    /// The file that lets a client trust it.
    pub fn file(&self) -> PathBuf {
        self.folder.path().join("authority.pem")
    }

    /// A certificate for a host name, an address or a user, in files named after it.
    ///
    /// # Errors
    /// The name cannot be in a certificate.
    pub fn identity(&self, name: &str) -> anyhow::Result<Identity> {
        self.write(name, self.issue(name)?)
    }

    /// The same, of a time long ago.
    ///
    /// # Errors
    /// The name cannot be in a certificate.
    pub fn expired_identity(&self, name: &str) -> anyhow::Result<Identity> {
        self.write(&format!("expired-{name}"), self.issue_expired(name)?)
    }

    fn write(
        &self,
        name: &str,
        (certificate, key): (rcgen::Certificate, KeyPair),
    ) -> anyhow::Result<Identity> {
        let file = |end: &str| self.folder.path().join(format!("{name}.{end}"));
        let identity = Identity {
            certificate: file("pem"),
            key: file("key"),
        };
        std::fs::write(&identity.certificate, certificate.pem())?;
        std::fs::write(&identity.key, key.serialize_pem())?;
        Ok(identity)
    }

    /// Ends TLS under this name before `port`; with `clients`, only for those who show a certificate of ours.
    ///
    /// # Errors
    /// The name cannot be in a certificate, or there is no free port.
    pub async fn front(&self, name: &str, port: u16, clients: bool) -> anyhow::Result<TlsFront> {
        self.serve_with(self.issue(name)?, port, clients).await
    }

    /// The same with a certificate of a time long ago, for all.
    ///
    /// # Errors
    /// The name cannot be in a certificate, or there is no free port.
    pub async fn expired_front(&self, name: &str, port: u16) -> anyhow::Result<TlsFront> {
        self.serve_with(self.issue_expired(name)?, port, false).await
    }

    async fn serve_with(
        &self,
        (certificate, key): (rcgen::Certificate, KeyPair),
        port: u16,
        clients: bool,
    ) -> anyhow::Result<TlsFront> {
        let key = PrivateKeyDer::try_from(key.serialize_der()).map_err(anyhow::Error::msg)?;
        let config = ServerConfig::builder();
        let config = if clients {
            let mut roots = RootCertStore::empty();
            roots.add(self.certificate.clone())?;
            config.with_client_cert_verifier(WebPkiClientVerifier::builder(Arc::new(roots)).build()?)
        } else {
            config.with_no_client_auth()
        };
        let mut config = config.with_single_cert(vec![certificate.der().clone()], key)?;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let serving = serve(listener, TlsAcceptor::from(Arc::new(config)), port);
        Ok(TlsFront {
            address,
            _serving: AbortOnDropHandle::new(tokio::spawn(serving)),
        })
    }

    fn issue(&self, name: &str) -> anyhow::Result<(rcgen::Certificate, KeyPair)> {
        self.sign(&params(name)?)
    }

    fn issue_expired(&self, name: &str) -> anyhow::Result<(rcgen::Certificate, KeyPair)> {
        let mut params = params(name)?;
        params.not_before = date_time_ymd(2001, 1, 1);
        params.not_after = date_time_ymd(2002, 1, 1);
        self.sign(&params)
    }

    fn sign(&self, params: &CertificateParams) -> anyhow::Result<(rcgen::Certificate, KeyPair)> {
        let key = KeyPair::generate()?;
        Ok((params.signed_by(&key, &self.issuer)?, key))
    }
}

// === impl TlsFront ===

impl TlsFront {
    /// The port that speaks TLS.
    pub fn port(&self) -> u16 {
        self.address.port()
    }
}

/// A server is known by an alternative name, a user by the common name.
fn params(name: &str) -> anyhow::Result<CertificateParams> {
    let mut params = CertificateParams::new(vec![name.to_owned()])?;
    params.distinguished_name.push(DnType::CommonName, name);
    Ok(params)
}

async fn serve(listener: TcpListener, acceptor: TlsAcceptor, port: u16) {
    while let Ok((client, _)) = listener.accept().await {
        let acceptor = acceptor.clone();
        tokio::spawn(async move {
            // Who does not trust us, or is not trusted, is gone; that is what tests look for.
            let Ok(mut client) = acceptor.accept(client).await else {
                return;
            };
            if let Ok(mut server) = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await {
                let _ = copy_bidirectional(&mut client, &mut server).await;
            }
        });
    }
}
