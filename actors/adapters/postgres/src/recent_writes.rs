//! Who is to blame when single writes fail and the database takes others: what all writers have seen of late.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, PoisonError},
};

/// What became of the writes since one failed for no clear reason. Cheap to clone, and shared by its clones.
#[derive(Clone, Debug, Default)]
pub(crate) struct RecentWrites(Arc<Mutex<Seen>>);

#[derive(Debug, Default)]
struct Seen {
    /// Events whose write failed though the database answered.
    failed: HashSet<String>,
    /// Events that were stored since the first of them.
    stored: usize,
    /// Events that were held as for an outage already.
    held: HashSet<String>,
}

/// Who is to blame for a write that failed though the database answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    /// This event: the others are stored.
    Event,
    /// The database: it fails for many events and stores few, as one does that is slow for all.
    Database,
    /// The same, and the event was held for it before. Now it makes room for others, for only they can show that
    /// it is not the database.
    StillDatabase,
}

/// So few events that fail may each be sick for themselves, whatever else is or is not there to compare with.
const FEW: usize = 3;
/// Stored events for one that fails, at which it is the event.
const FINE: usize = 2;
/// Stored events for one that fails, at which the past is past; and at least so many.
const WELL: usize = 8;
const MANY: usize = 64;
/// Events that are remembered.
const MOST: usize = 10_000;

// === impl RecentWrites ===

impl RecentWrites {
    /// Notes that the write of this event failed, and says who is to blame.
    pub(crate) fn failed(&self, event_id: &str) -> Cause {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.failed.len() < MOST {
            seen.failed.insert(event_id.to_owned());
        }
        let failed = seen.failed.len();
        if failed < FEW || seen.stored >= failed * FINE {
            Cause::Event
        } else if seen.held.len() < MOST && seen.held.insert(event_id.to_owned()) {
            Cause::Database
        } else {
            Cause::StillDatabase
        }
    }

    /// Notes that so many events were stored.
    pub(crate) fn stored(&self, events: usize) {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.failed.is_empty() {
            return;
        }
        seen.stored += events;
        if seen.stored >= (seen.failed.len() * WELL).max(MANY) {
            *seen = Seen::default();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_or_two_that_fail_are_sick_themselves() {
        let recent = RecentWrites::default();
        for _ in 0..5 {
            assert_eq!(recent.failed("e1"), Cause::Event);
            assert_eq!(recent.failed("e2"), Cause::Event);
        }
    }

    #[test]
    fn many_that_fail_while_nothing_is_stored_are_the_databases_fault() {
        let recent = RecentWrites::default();
        let first: Vec<_> = (0..50).map(|n| recent.failed(&n.to_string())).collect();
        assert_eq!(first[..2], [Cause::Event; 2]);
        assert_eq!(first[2..], [Cause::Database; 48]);
        assert_eq!(recent.failed("7"), Cause::StillDatabase);
    }

    #[test]
    fn many_that_fail_while_the_others_are_stored_are_sick_themselves() {
        let recent = RecentWrites::default();
        for n in 0..50 {
            recent.stored(3);
            recent.failed(&n.to_string());
        }
        recent.stored(3);
        assert_eq!(recent.failed("50"), Cause::Event);
    }

    #[test]
    fn a_database_that_stores_every_second_is_not_well() {
        let recent = RecentWrites::default();
        let causes: Vec<_> = (0..50)
            .map(|n| {
                recent.stored(1);
                recent.failed(&n.to_string())
            })
            .collect();
        assert_eq!(causes[3..], [Cause::Database; 47]);
    }

    #[test]
    fn what_is_long_past_counts_no_more() {
        let recent = RecentWrites::default();
        for n in 0..50 {
            recent.failed(&n.to_string());
        }
        recent.stored(50 * WELL);
        assert_eq!(recent.failed("new"), Cause::Event);
    }
}
