//! What is wrong with the settings: all of it, by name.

use super::InForce;
use millrace_text::mask;
use std::fmt;

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Problem {
    /// The setting, or the settings that disagree.
    pub name: String,
    /// What it was set to, unless that is secret or nothing.
    pub value: Option<String>,
    /// What is wrong; continues a sentence that starts with the name.
    pub what: String,
    /// What to do.
    pub hint: String,
}

/// Why the settings were refused.
#[derive(Debug, Default, thiserror::Error)]
pub struct ConfigError {
    /// Everything that is wrong, never empty.
    pub problems: Vec<Problem>,
    /// Oddities that are not wrong.
    pub warnings: Vec<String>,
    /// What could be read, for `millrace config`.
    pub in_force: Vec<InForce>,
}

// === impl Problem ===

impl Problem {
    /// A problem whose value is not shown.
    pub fn new(name: &str, what: String, hint: &str) -> Self {
        Self {
            name: name.to_owned(),
            value: None,
            what: mask::masked(&what).into_owned(),
            hint: hint.to_owned(),
        }
    }

    /// Shows the value; only for what is no secret. A login in it is masked.
    #[must_use]
    pub fn with_value(mut self, value: &str) -> Self {
        self.value = Some(mask::masked(value).into_owned());
        self
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        if let Some(value) = &self.value {
            write!(f, " ({value:?})")?;
        }
        write!(f, " {}; {}", self.what, self.hint)
    }
}

// === impl ConfigError ===

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.problems.len();
        let plural = if count == 1 { "problem" } else { "problems" };
        write!(f, "{count} {plural} in the settings:")?;
        for problem in &self.problems {
            write!(f, "\n  - {problem}")?;
        }
        Ok(())
    }
}
