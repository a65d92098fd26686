//! Error codes: section 2 of the contract.

use crate::settings::OracleSettings;

/// The codes that are known, by category.
pub const ERROR_CODES: [(&str, &str); 7] = [
    ("rate_limiting", "RATE_LIMITED AUTH_FAILED ACCESS_DENIED"),
    ("content", "CONTENT_REMOVED CONTENT_NOT_FOUND CONTENT_UNAVAILABLE"),
    ("network", "NETWORK_ERROR TIMEOUT CONNECTION_REFUSED DNS_ERROR"),
    ("parsing", "PARSE_ERROR INVALID_URL INVALID_RESPONSE"),
    (
        "media",
        "MEDIA_DOWNLOAD_FAILED MEDIA_TOO_LARGE MEDIA_FORMAT_ERROR",
    ),
    ("storage", "STORAGE_ERROR UPLOAD_FAILED DATABASE_ERROR"),
    ("generic", "UNKNOWN_ERROR INTERNAL_ERROR"),
];

/// A code as it is stored.
pub(crate) fn stored(sent: Option<String>) -> String {
    let code = sent.unwrap_or_default().trim().to_uppercase();
    if code.is_empty() {
        "UNKNOWN_ERROR".to_owned()
    } else {
        code
    }
}

/// The category of a stored code.
pub(crate) fn category(code: &str) -> &'static str {
    let of = ERROR_CODES
        .iter()
        .find(|(_, codes)| codes.split(' ').any(|known| known == code));
    of.map_or("unknown", |(category, _)| category)
}

/// Whether a new crawl is worth it.
pub(crate) fn retryable(code: &str, settings: &OracleSettings) -> Option<bool> {
    let listed = |list: &[String]| list.iter().any(|listed| listed == code);
    match (listed(&settings.transient), listed(&settings.permanent)) {
        (true, _) => Some(true),
        (_, true) => Some(false),
        _ => None,
    }
}
