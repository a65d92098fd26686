//! Reads `DATABASE_URL`.

use crate::{
    tls::{Check, Identity, TlsFiles},
    writer::DatabaseUrl,
};
use std::{error::Error, path::PathBuf, str::FromStr};
use tokio_postgres::{Config, config::SslMode};

/// Why a connection string cannot be used. Never shows the string, which holds a password.
#[derive(Debug, thiserror::Error)]
#[error("database url: {0}")]
pub struct BadConnectionString(String);

/// Where the database is, and how the way to it is encrypted.
#[derive(Clone, Debug)]
pub(super) struct Address {
    pub(super) config: Config,
    pub(super) check: Check,
    pub(super) files: TlsFiles,
}

/// The parameters of libpq that the driver does not know. The driver gets the rest of the text.
#[derive(Debug, Default)]
struct TlsWishes {
    mode: Option<String>,
    authorities: Option<String>,
    certificate: Option<String>,
    key: Option<String>,
}

/// Reads a URL or a libpq keyword list. A driver name in the scheme (`postgresql+psycopg2://`),
/// which Python programs need, is skipped. What the text says of TLS files wins over `files`.
pub(super) fn parse(url: &DatabaseUrl, files: &TlsFiles) -> Result<Address, BadConnectionString> {
    let text = without_driver(url.expose().trim())?;
    let (text, wishes) = take_wishes(&text)?;
    let mut config = Config::from_str(&text).map_err(|error| BadConnectionString(explain(&error)))?;
    if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
        return Err(BadConnectionString("no host".to_owned()));
    }
    let mode = wishes.mode.clone();
    let files = wishes.over(files)?;
    let (mode, check) = encryption(mode.as_deref(), &files)?;
    config.ssl_mode(mode);
    Ok(Address { config, check, files })
}

/// `require` is as strict as `verify-full` here: who asks for encryption wants to know with whom. `prefer`
/// takes any certificate: it would have gone on without encryption, and stock servers present one that they
/// made themselves. Where an authority is named it is meant to be asked.
fn encryption(mode: Option<&str>, files: &TlsFiles) -> Result<(SslMode, Check), BadConnectionString> {
    let named = files.authorities.is_some();
    match mode {
        None if named => Ok((SslMode::Require, Check::Host)),
        Some(mode @ ("disable" | "prefer")) if named => Err(BadConnectionString(format!(
            "sslmode={mode} asks no authority, but one is named; use verify-full"
        ))),
        Some("disable") => Ok((SslMode::Disable, Check::Nothing)),
        None | Some("prefer") => Ok((SslMode::Prefer, Check::Nothing)),
        Some("verify-ca") => Ok((SslMode::Require, Check::Authority)),
        Some("require" | "verify-full") => Ok((SslMode::Require, Check::Host)),
        Some(other) => Err(BadConnectionString(format!(
            "sslmode {other:?}: use disable, prefer, require, verify-ca or verify-full"
        ))),
    }
}

fn take_wishes(text: &str) -> Result<(String, TlsWishes), BadConnectionString> {
    let mut wishes = TlsWishes::default();
    if !text.starts_with("postgresql://") {
        let mut rest = Vec::new();
        for pair in text.split(' ') {
            match pair.split_once('=') {
                Some((name, value)) if wishes.slot(name).is_some() => {
                    if value.starts_with('\'') {
                        let hint = "is quoted; write it without spaces, or in a URL, or set DATABASE_CA_FILE, DATABASE_CERT_FILE and DATABASE_KEY_FILE";
                        return Err(BadConnectionString(format!("{name} {hint}")));
                    }
                    wishes.set(name, value.to_owned());
                }
                _ => rest.push(pair),
            }
        }
        return Ok((rest.join(" "), wishes));
    }
    let Some((address, parameters)) = text.split_once('?') else {
        return Ok((text.to_owned(), wishes));
    };
    let mut rest = Vec::new();
    for pair in parameters.split('&') {
        match pair.split_once('=') {
            Some((name, value)) if wishes.slot(name).is_some() => {
                let value = percent_encoding::percent_decode_str(value)
                    .decode_utf8()
                    .map_err(|_| BadConnectionString(format!("{name} is not UTF-8")))?;
                wishes.set(name, value.into_owned());
            }
            _ => rest.push(pair),
        }
    }
    let rest = match rest.is_empty() {
        true => address.to_owned(),
        false => format!("{address}?{}", rest.join("&")),
    };
    Ok((rest, wishes))
}

// === impl TlsWishes ===

impl TlsWishes {
    fn slot(&mut self, name: &str) -> Option<&mut Option<String>> {
        match name {
            "sslmode" => Some(&mut self.mode),
            "sslrootcert" => Some(&mut self.authorities),
            "sslcert" => Some(&mut self.certificate),
            "sslkey" => Some(&mut self.key),
            _ => None,
        }
    }

    fn set(&mut self, name: &str, value: String) {
        if let Some(slot) = self.slot(name) {
            *slot = Some(value);
        }
    }

    fn over(self, files: &TlsFiles) -> Result<TlsFiles, BadConnectionString> {
        let identity = match (self.certificate, self.key) {
            (Some(certificate), Some(key)) => Some(Identity {
                certificate: certificate.into(),
                key: key.into(),
            }),
            (None, None) => files.identity.clone(),
            _ => {
                let what = "sslcert and sslkey: one is set without the other";
                return Err(BadConnectionString(what.to_owned()));
            }
        };
        let authorities = match self.authorities.as_deref() {
            // libpq's word for the authorities that everybody trusts.
            Some("system") => None,
            Some(path) => Some(PathBuf::from(path)),
            None => files.authorities.clone(),
        };
        Ok(TlsFiles {
            authorities,
            identity,
        })
    }
}

fn without_driver(text: &str) -> Result<String, BadConnectionString> {
    let Some((scheme, rest)) = text.split_once("://") else {
        return Ok(text.to_owned());
    };
    match scheme.split('+').next() {
        Some("postgres" | "postgresql") => Ok(format!("postgresql://{rest}")),
        // A keyword list may have `://` in a password; a scheme has no `=`.
        _ if scheme.contains('=') => Ok(text.to_owned()),
        _ => Err(BadConnectionString(format!(
            "scheme {scheme:?}, expected postgresql://"
        ))),
    }
}

fn explain(error: &tokio_postgres::Error) -> String {
    let cause = error.source().map(ToString::to_string).unwrap_or_default();
    format!("{error}: {cause}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio_postgres::config::Host;

    fn read(text: &str) -> Result<Address, String> {
        parse(&DatabaseUrl::from(text), &TlsFiles::default()).map_err(|error| error.to_string())
    }

    fn trusting() -> TlsFiles {
        TlsFiles {
            authorities: Some("/ca.pem".into()),
            identity: None,
        }
    }

    #[test]
    fn every_spelling_of_the_scheme_means_the_same() {
        for scheme in [
            "postgres",
            "postgresql",
            "postgresql+psycopg2",
            "postgresql+asyncpg",
        ] {
            let address = read(&format!(
                "{scheme}://me:p%40ss@db.example:6432/store?sslmode=require&application_name=x"
            ))
            .unwrap();
            let config = address.config;
            assert_eq!(config.get_hosts(), [Host::Tcp("db.example".to_owned())]);
            assert_eq!(config.get_ports(), [6432]);
            assert_eq!(config.get_password(), Some(&b"p@ss"[..]));
            assert_eq!(config.get_application_name(), Some("x"));
            assert_eq!(
                (config.get_ssl_mode(), address.check),
                (SslMode::Require, Check::Host)
            );
        }
    }

    #[test]
    fn a_keyword_list_will_do() {
        let list =
            "host=db.example user=me password=a://b dbname=store sslmode=verify-ca sslrootcert=/ca.pem";
        let address = read(list).unwrap();
        assert_eq!(address.config.get_dbname(), Some("store"));
        assert_eq!(address.check, Check::Authority);
        assert_eq!(address.files, trusting());
    }

    #[test]
    fn each_mode_checks_what_libpq_would_or_more() {
        let mode = |text: &str, files: &TlsFiles| {
            let address = parse(&DatabaseUrl::from(format!("postgres://h/db{text}")), files).unwrap();
            (address.config.get_ssl_mode(), address.check)
        };
        let none = TlsFiles::default();
        assert_eq!(mode("", &none), (SslMode::Prefer, Check::Nothing));
        assert_eq!(
            mode("?sslmode=disable", &none),
            (SslMode::Disable, Check::Nothing)
        );
        assert_eq!(
            mode("?sslmode=verify-ca", &none),
            (SslMode::Require, Check::Authority)
        );
        assert_eq!(
            mode("?sslmode=verify-full", &none),
            (SslMode::Require, Check::Host)
        );
        assert_eq!(
            mode("", &trusting()),
            (SslMode::Require, Check::Host),
            "an authority is meant to be asked"
        );
    }

    #[test]
    fn files_in_the_url_win_over_those_of_the_settings() {
        let text = "postgres://h/db?sslmode=verify-full&sslrootcert=/a%20b.pem&sslcert=/c.pem&sslkey=/c.key";
        let address = parse(&DatabaseUrl::from(text), &trusting()).unwrap();
        let identity = Identity {
            certificate: "/c.pem".into(),
            key: "/c.key".into(),
        };
        assert_eq!(address.files.authorities, Some("/a b.pem".into()));
        assert_eq!(address.files.identity, Some(identity));
        let public = DatabaseUrl::from("postgres://h/db?sslrootcert=system&sslmode=verify-full");
        assert_eq!(parse(&public, &trusting()).unwrap().files, TlsFiles::default());
    }

    #[test]
    fn what_cannot_be_honoured_is_refused_without_showing_the_password() {
        for (text, expected) in [
            ("postgres://me:hush@h/db?sslmode=verify-all", "verify-full"),
            ("postgres://me:hush@h/db?sslcert=x", "without the other"),
            ("postgres://me:hush@h/db?sslcrl=x", "sslcrl"),
            (
                "postgres://me:hush@h/db?sslmode=prefer&sslrootcert=x",
                "use verify-full",
            ),
            ("host=h password=hush sslrootcert='x y'", "is quoted"),
            ("mysql://me:hush@h/db", "mysql"),
            ("postgres:///db", "no host"),
            ("", "no host"),
            ("postgres://me:hush@h:notaport/db", "port"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.contains(expected), "{text}: {error}");
            assert!(!error.contains("hush"), "{error}");
        }
    }
}
