//! TLS to a server: trusted authorities and our own identity, from PEM files that are read at each connection, so
//! that renewed certificates need no restart.

use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
    client::{
        WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime, pem::PemObject},
};
use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

/// Files in PEM form.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TlsFiles {
    /// Authorities that the server is trusted by; without them the public ones.
    pub authorities: Option<PathBuf>,
    /// Our own certificate, for a server that wants one.
    pub identity: Option<Identity>,
}

/// Who we are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The certificate, and those between it and the authority.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

/// What a server's certificate must show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Check {
    /// Nothing: encryption without knowing the peer.
    Nothing,
    /// That an authority we trust issued it, whatever name it is for.
    Authority,
    /// That, and that it is issued to the host we asked for.
    Host,
}

/// A file that is of no use.
#[derive(Debug, thiserror::Error)]
#[error("{}: {what}", path.display())]
pub struct BadTlsFile {
    path: PathBuf,
    what: String,
}

// === impl TlsFiles ===

impl TlsFiles {
    /// How to connect.
    ///
    /// # Errors
    /// A file cannot be read, or holds something else.
    pub fn client_config(&self, check: Check) -> Result<ClientConfig, BadTlsFile> {
        let provider = Arc::new(ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()
            .expect("the ring provider has the protocol versions of rustls");
        let issuers = || self.verifier(provider.clone());
        let lenient = |issuers| {
            Arc::new(Lenient {
                provider: provider.clone(),
                issuers,
            })
        };
        let builder = match check {
            Check::Host => builder.with_webpki_verifier(issuers()?),
            Check::Authority => builder
                .dangerous()
                .with_custom_certificate_verifier(lenient(Some(issuers()?))),
            Check::Nothing => builder
                .dangerous()
                .with_custom_certificate_verifier(lenient(None)),
        };
        match &self.identity {
            Some(identity) => {
                let (certificates, key) = identity.read()?;
                builder
                    .with_client_auth_cert(certificates, key)
                    .map_err(|error| BadTlsFile::new(&identity.key, error))
            }
            None => Ok(builder.with_no_client_auth()),
        }
    }

    fn verifier(&self, provider: Arc<CryptoProvider>) -> Result<Arc<WebPkiServerVerifier>, BadTlsFile> {
        let (roots, path) = match &self.authorities {
            Some(path) => {
                let mut roots = RootCertStore::empty();
                for certificate in certificates(path)? {
                    roots
                        .add(certificate)
                        .map_err(|error| BadTlsFile::new(path, error))?;
                }
                (roots, path.as_path())
            }
            None => (
                RootCertStore::from_iter(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
                Path::new("public authorities"),
            ),
        };
        WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider)
            .build()
            .map_err(|error| BadTlsFile::new(path, error))
    }
}

// === impl Identity ===

impl Identity {
    fn read(&self) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), BadTlsFile> {
        let key = PrivateKeyDer::from_pem_file(&self.key)
            .map_err(|error| BadTlsFile::new(&self.key, format!("no private key: {error}")))?;
        Ok((certificates(&self.certificate)?, key))
    }
}

// === impl BadTlsFile ===

impl BadTlsFile {
    fn new(path: &Path, what: impl ToString) -> Self {
        Self {
            path: path.to_owned(),
            what: what.to_string(),
        }
    }
}

/// The certificates of a file, in DER.
///
/// # Errors
/// The file cannot be read, or holds something else.
pub fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, BadTlsFile> {
    let bad = |error: &dyn ToString| BadTlsFile::new(path, error.to_string());
    let read: Result<Vec<_>, _> = CertificateDer::pem_file_iter(path)
        .map_err(|error| bad(&error))?
        .collect();
    match read.map_err(|error| bad(&error))? {
        none if none.is_empty() => Err(bad(&"holds no certificate")),
        some => Ok(some),
    }
}

/// Asks less than rustls does by itself, as some modes of libpq do.
#[derive(Debug)]
struct Lenient {
    provider: Arc<CryptoProvider>,
    /// The issuer of the certificate must be known to it (`verify-ca`); without it any issuer will do (`prefer`).
    issuers: Option<Arc<WebPkiServerVerifier>>,
}

// === impl Lenient ===

impl ServerCertVerifier for Lenient {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let Some(issuers) = &self.issuers else {
            return Ok(ServerCertVerified::assertion());
        };
        match issuers.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now) {
            // The name is looked at last, when the chain and its dates are found good.
            Err(Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) => Ok(ServerCertVerified::assertion()),
            other => other,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use millrace_stack::Authority;

    fn refusal(files: TlsFiles) -> String {
        files.client_config(Check::Host).err().unwrap().to_string()
    }

    #[test]
    fn good_files_are_taken() {
        let authority = Authority::new().unwrap();
        let me = authority.identity("millrace").unwrap();
        let files = TlsFiles {
            authorities: Some(authority.file()),
            identity: Some(Identity {
                certificate: me.certificate,
                key: me.key,
            }),
        };
        for check in [Check::Nothing, Check::Authority, Check::Host] {
            files.client_config(check).unwrap();
        }
        TlsFiles::default().client_config(Check::Host).unwrap();
    }

    #[test]
    fn a_file_that_is_of_no_use_is_named() {
        let authority = Authority::new().unwrap();
        let me = authority.identity("millrace").unwrap();
        let other = authority.identity("other").unwrap();
        let trusting = |file: &Path| TlsFiles {
            authorities: Some(file.to_owned()),
            identity: None,
        };
        let being = |certificate: &Path, key: &Path| TlsFiles {
            authorities: None,
            identity: Some(Identity {
                certificate: certificate.to_owned(),
                key: key.to_owned(),
            }),
        };
        assert!(refusal(trusting(Path::new("/nowhere.pem"))).contains("/nowhere.pem: "));
        assert!(refusal(trusting(&me.key)).contains("holds no certificate"));
        assert!(refusal(being(&me.certificate, &me.certificate)).contains("no private key"));
        let mismatch = refusal(being(&me.certificate, &other.key));
        assert!(mismatch.contains("other.key"), "{mismatch}");
    }
}
