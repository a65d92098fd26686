//! What a look found.

/// What one look found about one rule.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// Whether it is as it should be.
    pub health: Health,
    /// The figure that was looked at, in the unit of the threshold; none for what is so or is not.
    pub value: Option<f64>,
    /// What it is compared with.
    pub threshold: Option<f64>,
    /// One sentence for people.
    pub summary: String,
}

/// Whether things are as they should be. The greater, the worse.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Health {
    /// They are, or there is too little to go by.
    Good,
    /// So near to the threshold that nothing begins and nothing ends.
    Undecided,
    /// They are not.
    Bad,
}

/// An alert ends at this share of its threshold: what lies between keeps it from flapping.
pub const GOOD_AGAIN: f64 = 0.9;

// === impl Finding ===

impl Finding {
    /// Of what is so or is not.
    pub fn plain(health: Health, summary: String) -> Self {
        Self {
            health,
            value: None,
            threshold: None,
            summary,
        }
    }

    /// Of a figure.
    pub fn measured(health: Health, value: f64, threshold: f64, summary: String) -> Self {
        Self {
            health,
            value: Some(value),
            threshold: Some(threshold),
            summary,
        }
    }

    /// Good, for there are only so many of what there should be more of.
    pub fn too_little(count: u64, what: &str, threshold: f64) -> Self {
        Self {
            health: Health::Good,
            value: None,
            threshold: Some(threshold),
            summary: format!("too little work to go by: {count} {what}"),
        }
    }
}

// === impl Health ===

impl Health {
    /// Of a figure that should not be above a threshold.
    pub fn up_to(value: f64, threshold: f64) -> Self {
        if value > threshold {
            Self::Bad
        } else if value > threshold * GOOD_AGAIN {
            Self::Undecided
        } else {
            Self::Good
        }
    }

    /// Nothing begins where there is too little to go by.
    pub fn if_enough(self, enough: bool) -> Self {
        if enough { self } else { self.min(Self::Undecided) }
    }
}
