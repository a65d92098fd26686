//! Reads `DATABASE_URL`.

use super::{libpq_parameters::LibpqParameters, parameters::Spelled};
use crate::DatabaseUrl;
use millrace_access::tls::{Check, TlsFiles};
use std::{error::Error, str::FromStr};
use tokio_postgres::{Config, config::SslMode};

/// Why a connection string cannot be used. Never shows the string, which holds a password.
#[derive(Debug, thiserror::Error)]
#[error("database url: {0}")]
pub struct BadConnectionString(String);

/// Where the database is, and how the way to it is encrypted.
#[derive(Clone, Debug)]
pub(crate) struct Address {
    pub(crate) config: Config,
    pub(crate) check: Check,
    pub(crate) files: TlsFiles,
    /// Parameters that are taken and not followed, where that matters.
    notes: Vec<String>,
}

// === impl BadConnectionString ===

impl BadConnectionString {
    pub(crate) fn new(what: impl Into<String>) -> Self {
        Self(what.into())
    }

    /// What is wrong, for a sentence that names the setting itself.
    pub fn what(&self) -> &str {
        &self.0
    }
}

/// Whether a connection string can be used, and what of it is taken and not followed.
///
/// # Errors
/// What is wrong with it.
pub fn check(url: &DatabaseUrl, files: &TlsFiles) -> Result<Vec<String>, BadConnectionString> {
    parse(url, files).map(|address| address.notes)
}

/// Reads a URL or a libpq keyword list. A driver name in the scheme (`postgresql+psycopg2://`),
/// which Python programs need, is skipped. What the text says of TLS files wins over `files`.
pub(crate) fn parse(url: &DatabaseUrl, files: &TlsFiles) -> Result<Address, BadConnectionString> {
    let text = without_driver(url.expose().trim())?;
    let mut spelled = Spelled::read(&text)?;
    let mut parameters = LibpqParameters::default();
    let mut kept = Vec::new();
    for (name, value) in std::mem::take(&mut spelled.parameters) {
        kept.extend(parameters.take(name, value)?);
    }
    spelled.parameters = kept;
    let hosts = spelled.take_hosts();
    let mut config =
        Config::from_str(&spelled.written()).map_err(|error| BadConnectionString(explain(&error)))?;
    for host in hosts {
        config.host(host);
    }
    if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
        return Err(BadConnectionString("no host".to_owned()));
    }
    let (mode, notes) = (parameters.mode.clone(), std::mem::take(&mut parameters.notes));
    let files = parameters.over(files)?;
    let (mode, check) = encryption(mode.as_deref(), &files)?;
    config.ssl_mode(mode);
    Ok(Address {
        config,
        check,
        files,
        notes,
    })
}

/// `require` is as strict as `verify-full` here: encryption is asked for with a known peer. `prefer`
/// takes any certificate: it would have gone on without encryption, and stock servers present one that they
/// made themselves. Where an authority is named it is meant to be asked.
fn encryption(mode: Option<&str>, files: &TlsFiles) -> Result<(SslMode, Check), BadConnectionString> {
    let named = files.authorities.is_some();
    match mode {
        None if named => Ok((SslMode::Require, Check::Host)),
        Some(mode @ ("disable" | "allow" | "prefer")) if named => Err(BadConnectionString(format!(
            "sslmode={mode} asks no authority, but one is named; use verify-full"
        ))),
        Some("disable") => Ok((SslMode::Disable, Check::Nothing)),
        // `allow` tries without encryption first; we try with it first.
        None | Some("allow" | "prefer") => Ok((SslMode::Prefer, Check::Nothing)),
        Some("verify-ca") => Ok((SslMode::Require, Check::Authority)),
        Some("require" | "verify-full") => Ok((SslMode::Require, Check::Host)),
        Some(other) => Err(BadConnectionString(format!(
            "sslmode {other:?}: use disable, allow, prefer, require, verify-ca or verify-full"
        ))),
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
    use millrace_access::tls::Identity;
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
    fn what_libpq_takes_is_taken() {
        use tokio_postgres::config::TargetSessionAttrs::{Any, ReadWrite};
        let cases = [
            ("postgres://h/db?target_session_attrs=any", Any, 0),
            ("postgres://h/db?target_session_attrs=read-write", ReadWrite, 0),
            ("postgres://h/db?target_session_attrs=primary", ReadWrite, 0),
            (
                "postgres://h/db?target_session_attrs=prefer-standby",
                ReadWrite,
                1,
            ),
            ("host=h target_session_attrs='primary'", ReadWrite, 0),
            (
                "postgres://h/db?client_encoding=utf8&gssencmode=disable&sslcompression=0&sslsni=1",
                Any,
                0,
            ),
            ("postgres://h/db?client_encoding=LATIN1", Any, 1),
            ("postgres://h/db?passfile=/root/.pgpass", Any, 1),
            (
                "postgres://h/db?keepalives_count=3&fallback_application_name=x&connect_timeout=5",
                Any,
                0,
            ),
            (
                "host = h sslmode = 'prefer' options = '-c search_path=a,b'",
                Any,
                0,
            ),
        ];
        for (text, attrs, notes) in cases {
            let address = read(text).unwrap_or_else(|why| panic!("{text}: {why}"));
            assert_eq!(address.config.get_target_session_attrs(), attrs, "{text}");
            assert_eq!(address.notes.len(), notes, "{text}: {:?}", address.notes);
        }
        for (text, mode) in [
            ("postgres://h/db?sslmode=allow", SslMode::Prefer),
            ("postgres://h/db?ssl=true", SslMode::Require),
            ("postgres://h/db?ssl=disable", SslMode::Disable),
            ("host=h sslmode='require'", SslMode::Require),
        ] {
            assert_eq!(read(text).unwrap().config.get_ssl_mode(), mode, "{text}");
        }
        let quoted =
            read(r"host=h user=me password='p\' ss' sslrootcert='/a b.pem' sslmode=verify-full").unwrap();
        assert_eq!(quoted.config.get_password(), Some(&b"p' ss"[..]));
        assert_eq!(quoted.files.authorities, Some("/a b.pem".into()));
        let options = read("postgres://h/db?options=-csearch_path%3Da%2Cb").unwrap();
        assert_eq!(options.config.get_options(), Some("-csearch_path=a,b"));
    }

    #[test]
    fn several_hosts_and_ports_are_taken_in_both_forms() {
        for text in [
            "postgres://h1:1,h2:2/db",
            "host=h1,h2 port=1,2 dbname=db",
            "postgres:///db?host=h1,h2&port=1,2",
        ] {
            let config = read(text).unwrap().config;
            let hosts = ["h1", "h2"].map(|host| Host::Tcp(host.to_owned()));
            assert_eq!(config.get_hosts(), hosts, "{text}");
            assert_eq!(config.get_ports(), [1, 2], "{text}");
        }
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
            ("postgres://me:hush@h/db?schema=public", "options=-csearch_path"),
            ("postgres://me:hush@h/db?pgbouncer=true", "pgbouncer"),
            (
                "postgres://me:hush@h/db?target_session_attrs=standby",
                "read-write",
            ),
            ("postgres://me:hush@h/db?target_session_attrs=some", "read-write"),
            ("postgres://me:hush@h/db?gssencmode=require", "sslmode"),
            ("postgres://me:hush@h/db?service=x", "service"),
            ("postgres://me:hush@h/db?connect_timeout=soon", "connect_timeout"),
            ("postgres://me:hu?Sh=hush@h/db", "a parameter"),
            ("host=h password='hush", "quote"),
            ("host=h port=hush", "port"),
            ("host=h password=hush and more", "no value"),
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
