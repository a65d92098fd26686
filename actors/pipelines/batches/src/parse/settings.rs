//! What the parser needs to know.

use crate::domain::ErrorPolicy;

/// Caps and policies of parsing.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ParserSettings {
    /// Caps.
    pub limits: ParserLimits,
    /// Which error codes are worth a new crawl.
    pub error_policy: ErrorPolicy,
}

/// How much a batch may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParserLimits {
    /// Bytes after decompression.
    pub max_decompressed_bytes: usize,
    /// Items.
    pub max_items: usize,
    /// Comments of all items together; the others stay in `extra` and are counted.
    pub max_comments: usize,
    /// Nesting of the JSON.
    pub max_depth: usize,
    /// Bytes of one text field; longer text is truncated and counted.
    pub max_text_bytes: usize,
}

// === impl ParserLimits ===

impl Default for ParserLimits {
    fn default() -> Self {
        Self {
            max_decompressed_bytes: 256 << 20,
            max_items: 10_000,
            max_comments: 200_000,
            max_depth: 64,
            max_text_bytes: 1 << 20,
        }
    }
}
