//! The parameters of libpq that the driver does not know, and what becomes of each.

use super::BadConnectionString;
use millrace_access::tls::{Identity, TlsFiles};
use std::path::PathBuf;

/// The parameters of libpq that the driver does not know. The driver gets the rest of the text.
#[derive(Debug, Default)]
pub(crate) struct LibpqParameters {
    pub(crate) mode: Option<String>,
    authorities: Option<String>,
    certificate: Option<String>,
    key: Option<String>,
    pub(crate) notes: Vec<String>,
}

/// What the driver reads itself.
const OF_THE_DRIVER: [&str; 17] = [
    "user",
    "password",
    "dbname",
    "options",
    "application_name",
    "sslnegotiation",
    "host",
    "hostaddr",
    "port",
    "connect_timeout",
    "tcp_user_timeout",
    "keepalives",
    "keepalives_idle",
    "keepalives_interval",
    "keepalives_retries",
    "channel_binding",
    "load_balance_hosts",
];

/// What libpq reads and what changes nothing here: no packing within TLS, no Kerberos, names of servers always sent.
const WITHOUT_EFFECT: [&str; 6] = [
    "sslcompression",
    "sslsni",
    "krbsrvname",
    "gsslib",
    "gssdelegation",
    "requiressl",
];

/// What libpq reads and what would be missed here.
const REFUSED: [&str; 11] = [
    "service",
    "servicefile",
    "sslcrl",
    "sslcrldir",
    "sslpassword",
    "sslcertmode",
    "ssl_min_protocol_version",
    "ssl_max_protocol_version",
    "requirepeer",
    "require_auth",
    "replication",
];

// === impl LibpqParameters ===

impl LibpqParameters {
    /// Takes a parameter that is ours, and gives back one that is the driver's.
    pub(crate) fn take(
        &mut self,
        name: String,
        value: String,
    ) -> Result<Option<(String, String)>, BadConnectionString> {
        let slot = match name.as_str() {
            "sslmode" => &mut self.mode,
            "sslrootcert" => &mut self.authorities,
            "sslcert" => &mut self.certificate,
            "sslkey" => &mut self.key,
            // Short forms of JDBC and asyncpg; libpq knows the first.
            "ssl" => {
                self.mode = Some(match value.as_str() {
                    "true" | "1" | "on" => "require".to_owned(),
                    "false" | "0" | "off" => "disable".to_owned(),
                    _ => value,
                });
                return Ok(None);
            }
            _ => return self.other(name, value),
        };
        *slot = Some(value);
        Ok(None)
    }

    fn other(
        &mut self,
        name: String,
        value: String,
    ) -> Result<Option<(String, String)>, BadConnectionString> {
        match name.as_str() {
            "target_session_attrs" => return self.session(&value).map(|attrs| Some((name, attrs))),
            "client_encoding" => {
                let utf8 = ["utf8", "utf-8", "unicode", "auto"];
                if !utf8.contains(&value.to_ascii_lowercase().as_str()) {
                    self.note("client_encoding is not followed: text is always sent and read as UTF8");
                }
            }
            "gssencmode" if matches!(value.as_str(), "disable" | "prefer") => {}
            "gssencmode" => {
                return Err(BadConnectionString::new(
                    "gssencmode: GSS encryption is not spoken; use disable or prefer, and sslmode for TLS",
                ));
            }
            "passfile" => {
                self.note("passfile is not read: write the password into the URL, or give all of it with DATABASE_URL_FILE");
            }
            "keepalives_count" => return Ok(Some(("keepalives_retries".to_owned(), value))),
            "fallback_application_name" => return Ok(Some(("application_name".to_owned(), value))),
            "schema" | "currentSchema" | "search_path" => {
                return Err(BadConnectionString::new(format!(
                    "{name} is no parameter of libpq; use options=-csearch_path%3DNAME in a URL, or \
                     options='-csearch_path=NAME' among pairs"
                )));
            }
            known if WITHOUT_EFFECT.contains(&known) => {}
            known if OF_THE_DRIVER.contains(&known) => return Ok(Some((name, value))),
            known if REFUSED.contains(&known) => {
                return Err(BadConnectionString::new(format!(
                    "{known} cannot be followed; remove it"
                )));
            }
            _ => return Err(BadConnectionString::new(unknown(&name))),
        }
        Ok(None)
    }

    /// All that is sent writes, so a server that takes no writes is of no use.
    fn session(&mut self, wanted: &str) -> Result<String, BadConnectionString> {
        match wanted {
            "any" | "read-write" => return Ok(wanted.to_owned()),
            "primary" => {}
            "prefer-standby" => {
                self.note("target_session_attrs=prefer-standby is read as read-write: all work writes");
            }
            "read-only" | "standby" => {
                return Err(BadConnectionString::new(
                    "target_session_attrs asks for a server that takes no writes; use read-write or primary",
                ));
            }
            _ => {
                return Err(BadConnectionString::new(
                    "target_session_attrs: use any, read-write, primary or prefer-standby",
                ));
            }
        }
        Ok("read-write".to_owned())
    }

    fn note(&mut self, what: &str) {
        self.notes.push(what.to_owned());
    }

    pub(crate) fn over(self, files: &TlsFiles) -> Result<TlsFiles, BadConnectionString> {
        let identity = match (self.certificate, self.key) {
            (Some(certificate), Some(key)) => Some(Identity {
                certificate: certificate.into(),
                key: key.into(),
            }),
            (None, None) => files.identity.clone(),
            _ => {
                let what = "sslcert and sslkey: one is set without the other";
                return Err(BadConnectionString::new(what));
            }
        };
        let authorities = match self.authorities.as_deref() {
            // libpq's word for the authorities that the system trusts.
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

/// What is no name may be a part of a badly escaped password, and is not shown.
fn unknown(name: &str) -> String {
    let plain = name.len() <= 40 && name.chars().all(|c| c.is_ascii_lowercase() || c == '_');
    let shown = if plain { name } else { "a parameter" };
    format!("{shown} is known neither to libpq nor here; remove it")
}
