//! What the store says when it is asked.

use std::fmt;

/// The store serves; some of its buckets may not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Served {
    first_is_there: bool,
    troubles: Vec<String>,
}

// === impl Served ===

impl Served {
    pub(super) fn new(first_is_there: bool, troubles: Vec<String>) -> Self {
        Self {
            first_is_there,
            troubles,
        }
    }

    /// Whether the bucket serves that events point into where nothing else is said.
    pub fn first_is_there(&self) -> bool {
        self.first_is_there
    }

    /// Each bucket that does not serve, and what to do about it.
    pub fn troubles(&self) -> &[String] {
        &self.troubles
    }
}

impl fmt::Display for Served {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.first_is_there {
            f.write_str("answers")?;
        } else {
            f.write_str("answers, but not for the bucket of most events")?;
        }
        for trouble in &self.troubles {
            write!(f, "; {trouble}")?;
        }
        Ok(())
    }
}
