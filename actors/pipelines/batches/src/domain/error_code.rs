//! What a crawler reports when it could not fetch an item: 21 codes in 7 categories.

use super::within_a_key;
use std::collections::BTreeSet;

/// A code as the crawler sent it: trimmed and in upper case. Codes we do not know are kept.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ErrorCode(String);

/// The family of an [`ErrorCode`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ErrorCategory {
    /// The platform refused us.
    RateLimiting,
    /// The content is not there.
    Content,
    /// The way to the platform is broken.
    Network,
    /// The answer made no sense.
    Parsing,
    /// The media file could not be had.
    Media,
    /// The crawler could not store what it had.
    Storage,
    /// The crawler does not know.
    Generic,
    /// We do not know the code.
    Unknown,
}

/// Which codes are worth a new crawl.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ErrorPolicy {
    /// `PERMANENT_ERROR_CODES`.
    pub permanent: BTreeSet<String>,
    /// `TRANSIENT_ERROR_CODES`.
    pub transient: BTreeSet<String>,
}

/// The one table: code and category. Everything else is derived from it.
const CODES: [(&str, ErrorCategory); 21] = {
    use ErrorCategory::*;
    [
        ("RATE_LIMITED", RateLimiting),
        ("AUTH_FAILED", RateLimiting),
        ("ACCESS_DENIED", RateLimiting),
        ("CONTENT_REMOVED", Content),
        ("CONTENT_NOT_FOUND", Content),
        ("CONTENT_UNAVAILABLE", Content),
        ("NETWORK_ERROR", Network),
        ("TIMEOUT", Network),
        ("CONNECTION_REFUSED", Network),
        ("DNS_ERROR", Network),
        ("PARSE_ERROR", Parsing),
        ("INVALID_URL", Parsing),
        ("INVALID_RESPONSE", Parsing),
        ("MEDIA_DOWNLOAD_FAILED", Media),
        ("MEDIA_TOO_LARGE", Media),
        ("MEDIA_FORMAT_ERROR", Media),
        ("STORAGE_ERROR", Storage),
        ("UPLOAD_FAILED", Storage),
        ("DATABASE_ERROR", Storage),
        ("UNKNOWN_ERROR", Generic),
        ("INTERNAL_ERROR", Generic),
    ]
};

// === impl ErrorCode ===

impl Default for ErrorCode {
    fn default() -> Self {
        Self::new(None)
    }
}

impl ErrorCode {
    /// Trims and upper-cases; a missing or blank code is `UNKNOWN_ERROR`.
    pub fn new(sent: Option<&str>) -> Self {
        match sent.map(str::trim).filter(|code| !code.is_empty()) {
            Some(code) => Self(within_a_key(code.to_uppercase())),
            None => Self("UNKNOWN_ERROR".to_owned()),
        }
    }

    /// Every [`label`](Self::label) there is.
    pub fn labels() -> impl Iterator<Item = &'static str> {
        Self::known().chain(["other"])
    }

    /// The codes of the contract.
    pub fn known() -> impl Iterator<Item = &'static str> {
        CODES.iter().map(|(code, _)| *code)
    }

    /// The code as it is stored.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The code as a metric label: an unknown code is `other`.
    pub fn label(&self) -> &'static str {
        self.entry().map_or("other", |(code, _)| code)
    }

    /// The category as it is stored.
    pub fn category(&self) -> ErrorCategory {
        self.entry()
            .map_or(ErrorCategory::Unknown, |(_, category)| *category)
    }

    fn entry(&self) -> Option<&'static (&'static str, ErrorCategory)> {
        CODES.iter().find(|(code, _)| *code == self.0)
    }
}

// === impl ErrorCategory ===

impl ErrorCategory {
    /// Every category there is.
    pub const ALL: [Self; 8] = [
        Self::RateLimiting,
        Self::Content,
        Self::Network,
        Self::Parsing,
        Self::Media,
        Self::Storage,
        Self::Generic,
        Self::Unknown,
    ];

    /// The category as it is stored and as a metric label.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::RateLimiting => "rate_limiting",
            Self::Content => "content",
            Self::Network => "network",
            Self::Parsing => "parsing",
            Self::Media => "media",
            Self::Storage => "storage",
            Self::Generic => "generic",
            Self::Unknown => "unknown",
        }
    }
}

// === impl ErrorPolicy ===

impl ErrorPolicy {
    /// True or false where the settings say so, none where they do not.
    pub fn retryable(&self, code: &ErrorCode) -> Option<bool> {
        if self.transient.contains(code.as_str()) {
            Some(true)
        } else if self.permanent.contains(code.as_str()) {
            Some(false)
        } else {
            None
        }
    }

    /// The lists in force where the settings name none.
    pub fn standard() -> Self {
        let set = |codes: &[&str]| codes.iter().map(|code| (*code).to_owned()).collect();
        Self {
            permanent: set(&[
                "CONTENT_REMOVED",
                "CONTENT_NOT_FOUND",
                "INVALID_URL",
                "ACCESS_DENIED",
            ]),
            transient: set(&[
                "NETWORK_ERROR",
                "TIMEOUT",
                "RATE_LIMITED",
                "CONTENT_UNAVAILABLE",
                "STORAGE_ERROR",
            ]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(serde::Deserialize)]
    struct Case {
        sent: String,
        error_code: String,
        error_category: String,
        retryable: Option<bool>,
    }

    #[test]
    fn a_code_that_grows_in_upper_case_still_fits_a_key() {
        // Two bytes that become six.
        let grown = ErrorCode::new(Some(&"ΐ".repeat(256)));
        assert!(
            grown.as_str().len() <= crate::domain::MAX_KEY_BYTES,
            "{}",
            grown.as_str().len()
        );
    }

    #[test]
    fn every_case_of_the_contract() {
        let cases: Vec<Case> = serde_json::from_str(include_str!("../../fixtures/error_code.json")).unwrap();
        assert!(!cases.is_empty());
        for case in cases {
            let code = ErrorCode::new(Some(&case.sent));
            assert_eq!(code.as_str(), case.error_code);
            assert_eq!(code.category().as_str(), case.error_category, "{}", case.sent);
            assert_eq!(
                ErrorPolicy::standard().retryable(&code),
                case.retryable,
                "{}",
                case.sent
            );
        }
    }

    #[test]
    fn a_missing_code_is_unknown_error_and_case_and_space_do_not_matter() {
        assert_eq!(ErrorCode::new(None).as_str(), "UNKNOWN_ERROR");
        assert_eq!(ErrorCode::new(Some("  ")).as_str(), "UNKNOWN_ERROR");
        assert_eq!(ErrorCode::new(Some(" timeout ")).label(), "TIMEOUT");
        assert_eq!(ErrorCode::new(Some("made_up")).label(), "other");
    }
}
