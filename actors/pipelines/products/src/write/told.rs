//! What was stored, as lines for people: as many in a second as one can read. All of it is counted and in the tables.

use super::{draft::Draft, statements::Stored};
use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::time::Instant;

/// Lines in a second, of all writers of a process.
const LINES_A_SECOND: usize = 20;

/// Tells of what was stored. Clones share the lines that are left.
#[derive(Clone, Debug)]
pub(super) struct Told(Arc<Mutex<Left>>);

#[derive(Debug)]
struct Left {
    until: Instant,
    lines: usize,
}

// === impl Told ===

impl Default for Told {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(Left {
            until: Instant::now(),
            lines: 0,
        })))
    }
}

impl Told {
    /// Rejected records first: they are few, and a person may have to do something about them.
    pub(super) fn tell(&self, draft: &Draft<'_>, stored: &Stored<'_>) {
        let (topic, partition) = (draft.topic(), draft.partition());
        let new = draft
            .rejected
            .iter()
            .filter(|it| stored.rejected.contains(&it.record.offset));
        for rejected in new.take(self.take(stored.rejected.len())) {
            tracing::info!(
                event_id = rejected.event_id,
                reason = rejected.reason.as_str(),
                topic,
                partition,
                offset = rejected.record.offset,
                fate = "stored",
                "rejected record"
            );
        }
        for event in stored.new.iter().take(self.take(stored.new.len())) {
            tracing::info!(
                event_id = event.id,
                event_type = event.event_type.as_str(),
                product_id = event.product_id,
                topic,
                partition,
                offset = event.record.offset,
                fate = "stored",
                "stored event"
            );
        }
    }

    /// How many of so many lines may be written.
    fn take(&self, wanted: usize) -> usize {
        let mut left = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        if now >= left.until {
            *left = Left {
                until: now + Duration::from_secs(1),
                lines: LINES_A_SECOND,
            };
        }
        let taken = wanted.min(left.lines);
        left.lines -= taken;
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_second_has_so_many_lines_and_no_more() {
        let told = Told::default();
        assert_eq!((told.take(3), told.clone().take(100), told.take(1)), (3, 17, 0));
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(told.take(5), 5);
    }
}
