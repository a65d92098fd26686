//! What is read as an event, and for how long things are kept.

use crate::config::{self, Problem, Reader, Setting, Whole, settings};
use millrace_products::{
    event::Limits,
    write::{Keeping, Rules},
};
use std::time::Duration;

settings! { "Product events";
    MAX_EVENT: Whole<usize> = Setting::new("MAX_EVENT_BYTES", Whole::between(1_024, 1 << 30), "1048576", "Cap on one event; a larger record is rejected.");
    MAX_FUTURE: Whole<u32> = Setting::new("MAX_FUTURE_MINUTES", Whole::between(0, 525_600), "60", "How far ahead of when it is received the time of an event may be; beyond that the former counts.");
    RECENT_DAYS: Whole<u64> = Setting::new("RECENT_EVENTS_TTL_DAYS", Whole::between(1, 3_650), "30", "How long recent events can be asked for.");
    DEDUP_DAYS: Whole<u64> = Setting::new("DEDUP_WINDOW_DAYS", Whole::between(1, 3_650), "30", "How long the id of an event is known; never less than `RECENT_EVENTS_TTL_DAYS`.");
    STATS_DAYS: Whole<u64> = Setting::new("STATS_RETENTION_DAYS", Whole::between(1, 36_500), "400", "How long the counts of hours are kept.");
}

/// What this group says.
#[derive(Clone)]
pub(super) struct Events {
    pub(super) limits: Limits,
    pub(super) rules: Rules,
    pub(super) keeping: Keeping,
}

/// Reads the group. `copies_rejected`: there is a topic for copies of rejected records.
pub(super) fn read(
    reader: &mut Reader<'_>,
    group: &str,
    archive_grace: Duration,
    copies_rejected: bool,
) -> Events {
    let (recent, ids) = (reader.get(&RECENT_DAYS), reader.get(&DEDUP_DAYS));
    if ids < recent {
        let what = "is less than RECENT_EVENTS_TTL_DAYS, so an event could be stored twice".to_owned();
        reader.problem(Problem::new("DEDUP_WINDOW_DAYS", what, "raise it"));
    }
    Events {
        limits: Limits {
            max_event_bytes: reader.get(&MAX_EVENT),
            max_json_depth: config::max_json_depth(reader),
            max_future_minutes: reader.get(&MAX_FUTURE),
        },
        rules: Rules {
            group: group.to_owned(),
            keep_events: days(recent),
            archive_grace,
            projects: false,
            copies_rejected,
        },
        keeping: Keeping {
            journal: days(recent),
            ids: days(ids),
            stats: days(reader.get(&STATS_DAYS)),
        },
    }
}

fn days(count: u64) -> Duration {
    Duration::from_secs(count * 24 * 60 * 60)
}
