//! Files for TLS: each server has up to three settings for them.

use super::problem::Problem;
use super::reader::Reader;
use super::rule::Parsed;
use super::setting::Setting;
use millrace_access::tls::Identity;
use std::path::PathBuf;

/// The rule of a setting that names a file.
pub(super) type File = Parsed<PathBuf>;

/// A file in PEM form that is there now; what is in it is read at each connection.
pub(super) const FILE: File = File::new("file", readable, PathBuf::new);

fn readable(text: &str) -> Result<PathBuf, String> {
    match std::fs::File::open(text) {
        Ok(_) => Ok(PathBuf::from(text)),
        Err(error) => Err(format!("names a file that cannot be read: {error}")),
    }
}

/// A certificate and its key, which come together or not at all.
pub(super) fn identity(
    reader: &mut Reader<'_>,
    certificate: &'static Setting<File>,
    key: &'static Setting<File>,
) -> Option<Identity> {
    let set = (reader.is_set(certificate), reader.is_set(key));
    let identity = (reader.optional(certificate), reader.optional(key));
    let half = match set {
        (true, false) => Some((certificate.name(), key.name())),
        (false, true) => Some((key.name(), certificate.name())),
        _ => None,
    };
    if let Some((set, other)) = half {
        let what = "is set without its other half".to_owned();
        reader.problem(Problem::new(set, what, &format!("set {other} too, or neither")));
    }
    match identity {
        (Some(certificate), Some(key)) => Some(Identity { certificate, key }),
        _ => None,
    }
}
