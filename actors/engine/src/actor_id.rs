//! Which actor it is.

use std::fmt;

/// An actor's place: shown as `fetcher-2`, or `ingress` where it is the only one of its stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ActorId {
    /// The pipeline that it works in. Names of stages are those of one pipeline, so it is not shown.
    pub pipeline: &'static str,
    /// What it does there.
    pub stage: &'static str,
    /// Its number in the stage, from 0. A source has none.
    pub index: Option<usize>,
}

// === impl ActorId ===

impl fmt::Display for ActorId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.index {
            Some(index) => write!(f, "{}-{index}", self.stage),
            None => f.write_str(self.stage),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_a_hyphen_is_shown_and_never_taken_apart() {
        let id = |stage, index| ActorId {
            pipeline: "batches",
            stage,
            index,
        };
        assert_eq!(id("dead-letters", Some(2)).to_string(), "dead-letters-2");
        assert_eq!(id("ingress", None).to_string(), "ingress");
        assert!(
            id("fetcher", Some(9)) < id("fetcher", Some(10)),
            "in the order of their numbers"
        );
    }
}
