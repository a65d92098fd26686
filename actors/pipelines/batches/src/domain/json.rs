//! JSON text on its way into a `jsonb` column.

/// One JSON value as text: valid, and free of what Postgres refuses in `jsonb`
/// (`\u0000` and lone surrogates). What makes one sees to that.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Json(String);

// === impl Json ===

impl Json {
    /// Wraps text that is known to be clean JSON.
    pub fn from_clean(text: String) -> Self {
        Self(text)
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}
