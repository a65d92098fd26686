//! The rules: what may be wrong.

/// Something that may be wrong with the pipeline.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rule {
    /// No connection to the broker, or no deliveries from it.
    BrokerLost,
    /// The object store does not answer, or does not do its work.
    ObjectStoreLost,
    /// The database does not answer, or does not do its work.
    DatabaseLost,
    /// All database connections are in use and a task waits for one.
    PoolExhausted,
    /// Too many events end as dead requests.
    FailureRate,
    /// Too many of a platform's items are no posts.
    ErrorRate,
    /// Many more errors than a while ago.
    ErrorSpike,
    /// Too few of all items are posts.
    SuccessRate,
    /// Events take too long.
    LatencyP95,
}

/// How bad it is. The greater, the worse.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// It should be looked at in working hours.
    Warning,
    /// It should wake a person.
    Critical,
}

// === impl Rule ===

impl Rule {
    /// Every rule, the worst first.
    pub const ALL: [Self; 9] = [
        Self::BrokerLost,
        Self::ObjectStoreLost,
        Self::DatabaseLost,
        Self::PoolExhausted,
        Self::FailureRate,
        Self::ErrorRate,
        Self::ErrorSpike,
        Self::SuccessRate,
        Self::LatencyP95,
    ];

    /// Its name in metrics, logs, the API and the runbook.
    pub fn name(self) -> &'static str {
        match self {
            Self::BrokerLost => "broker_lost",
            Self::ObjectStoreLost => "object_store_lost",
            Self::DatabaseLost => "database_lost",
            Self::PoolExhausted => "pool_exhausted",
            Self::FailureRate => "failure_rate",
            Self::ErrorRate => "error_rate",
            Self::ErrorSpike => "error_spike",
            Self::SuccessRate => "success_rate",
            Self::LatencyP95 => "latency_p95",
        }
    }

    /// Its name for people.
    pub fn title(self) -> &'static str {
        match self {
            Self::BrokerLost => "Broker lost",
            Self::ObjectStoreLost => "Object store lost",
            Self::DatabaseLost => "Database lost",
            Self::PoolExhausted => "Database connections exhausted",
            Self::FailureRate => "Many events fail",
            Self::ErrorRate => "High error rate",
            Self::ErrorSpike => "Error spike",
            Self::SuccessRate => "Low success rate",
            Self::LatencyP95 => "Slow events",
        }
    }

    /// How bad it is when it happens. Items that are errors are stored as such, so they can wait for the
    /// morning; what stops or dead-letters events cannot.
    pub fn severity(self) -> Severity {
        match self {
            Self::BrokerLost
            | Self::ObjectStoreLost
            | Self::DatabaseLost
            | Self::PoolExhausted
            | Self::FailureRate => Severity::Critical,
            Self::ErrorRate | Self::ErrorSpike | Self::SuccessRate | Self::LatencyP95 => Severity::Warning,
        }
    }
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
