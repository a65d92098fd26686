//! What a pipeline says of itself: what may be wrong with it, and whether it is.

use super::{finding::Finding, rule::Rule};
use crate::health::DependencyStatus;
use std::{sync::Arc, time::Instant};

/// A pipeline with alerts.
pub struct Watched {
    /// What receivers know it by: the same for all replicas, and for no other deployment.
    pub name: Arc<str>,
    /// What may be wrong, the worst first.
    pub rules: Vec<Rule>,
    /// What each of the rules finds, in their order.
    pub look: Look,
}

/// Looks at a moment, and at the dependencies as readiness sees them.
pub type Look = Box<dyn Fn(Instant, &[DependencyStatus]) -> Vec<Finding> + Send>;
