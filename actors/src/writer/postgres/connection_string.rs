//! Reads `DATABASE_URL`.

use secrecy::{ExposeSecret, SecretString};
use std::{error::Error, str::FromStr};
use tokio_postgres::Config;

/// Why a connection string cannot be used. Never shows the string, which holds a password.
#[derive(Debug, thiserror::Error)]
#[error("database url: {0}")]
pub struct BadConnectionString(String);

/// Reads a URL or a libpq keyword list. A driver name in the scheme (`postgresql+psycopg2://`),
/// which Python programs need, is skipped.
pub(super) fn parse(url: &SecretString) -> Result<Config, BadConnectionString> {
    let text = without_driver(url.expose_secret().trim())?;
    let config = Config::from_str(&text).map_err(|error| BadConnectionString(explain(&error)))?;
    if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
        return Err(BadConnectionString("no host".to_owned()));
    }
    Ok(config)
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
    if cause.contains("sslmode") {
        return format!("{cause}: use disable, prefer or require");
    }
    format!("{error}: {cause}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio_postgres::config::{Host, SslMode};

    fn read(text: &str) -> Result<Config, String> {
        parse(&SecretString::from(text)).map_err(|error| error.to_string())
    }

    #[test]
    fn every_spelling_of_the_scheme_means_the_same() {
        for scheme in [
            "postgres",
            "postgresql",
            "postgresql+psycopg2",
            "postgresql+asyncpg",
        ] {
            let config = read(&format!(
                "{scheme}://me:p%40ss@db.example:6432/store?sslmode=require"
            ))
            .unwrap();
            assert_eq!(config.get_hosts(), [Host::Tcp("db.example".to_owned())]);
            assert_eq!(config.get_ports(), [6432]);
            assert_eq!(config.get_password(), Some(&b"p@ss"[..]));
            assert_eq!(config.get_ssl_mode(), SslMode::Require);
        }
    }

    #[test]
    fn a_keyword_list_will_do() {
        let config = read("host=db.example user=me password=a://b dbname=store").unwrap();
        assert_eq!(config.get_dbname(), Some("store"));
    }

    #[test]
    fn what_cannot_be_honoured_is_refused_without_showing_the_password() {
        for (text, expected) in [
            ("postgres://me:hush@h/db?sslmode=verify-full", "sslmode"),
            ("postgres://me:hush@h/db?sslrootcert=x", "sslrootcert"),
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
