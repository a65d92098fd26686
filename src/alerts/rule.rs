//! The rules: what may be wrong with a pipeline. Each pipeline says which it has.

/// Something that may be wrong. No two rules of a process have the same name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Rule {
    /// Its name in metrics, logs, the API and the runbook.
    pub name: &'static str,
    /// Its name for people.
    pub title: &'static str,
    /// How bad it is when it happens.
    pub severity: Severity,
}

/// How bad it is. The greater, the worse.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// It should be looked at in working hours.
    Warning,
    /// It should wake a person.
    Critical,
}

// === impl Severity ===

impl Severity {
    /// As PagerDuty spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }
}
