//! Where a batch was crawled.

use super::within_a_key;
use std::fmt;

/// A social network. Any name is accepted; only the ones we know have a metric label of their own.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Platform {
    /// TikTok: batches of 50.
    Tiktok,
    /// YouTube: batches of 20.
    Youtube,
    /// Anything else, in lower case.
    Other(String),
}

// === impl Platform ===

impl Platform {
    /// Every [`label`](Self::label) there is.
    pub const LABELS: [&'static str; 3] = ["tiktok", "youtube", "other"];

    /// Reads a platform name in any case; surrounding space is not part of it.
    pub fn new(name: &str) -> Self {
        match name.trim().to_lowercase().as_str() {
            "tiktok" => Self::Tiktok,
            "youtube" => Self::Youtube,
            other => Self::Other(within_a_key(other.to_owned())),
        }
    }

    /// The name as it is stored.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Tiktok => "tiktok",
            Self::Youtube => "youtube",
            Self::Other(name) => name,
        }
    }

    /// The name as a metric label: a producer must not be able to invent time series.
    pub fn label(&self) -> &'static str {
        match self {
            Self::Tiktok => "tiktok",
            Self::Youtube => "youtube",
            Self::Other(_) => "other",
        }
    }

    /// Items in a full batch of this platform's crawler, where that is known.
    pub fn expected_batch_size(&self) -> Option<usize> {
        match self {
            Self::Tiktok => Some(50),
            Self::Youtube => Some(20),
            Self::Other(_) => None,
        }
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_grows_in_lower_case_still_fits_a_key() {
        // Two bytes that become three.
        let grown = Platform::new(&"İ".repeat(256));
        let bytes = grown.as_str().len();
        assert!(bytes <= crate::domain::MAX_KEY_BYTES, "{bytes}");
    }
}
