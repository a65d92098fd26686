//! Where to go on in a partition: what is stored, beside what the group has committed and what the log holds.

use crate::{Gap, OffsetReset, OnTruncated, TopicPartition};
use uuid::Uuid;

/// What is known of a partition when it is assigned.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Known {
    /// The stored position.
    pub(crate) stored: Option<i64>,
    /// Of the topic that was read.
    pub(crate) stored_id: Option<Uuid>,
    /// What the group has committed.
    pub(crate) committed: Option<i64>,
    /// The first offset that is there.
    pub(crate) start: i64,
    /// The one that comes next.
    pub(crate) end: i64,
    /// Of the topic that is there.
    pub(crate) topic_id: Option<Uuid>,
}

/// What becomes of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Decision {
    /// It is read from here.
    Go {
        at: i64,
        /// The first of the records before it that are gone, unread.
        lost_from: Option<i64>,
        /// The group has committed more than is stored.
        behind_group: bool,
    },
    /// It waits for a person.
    Wait(Wait),
}

/// Why a partition waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wait {
    /// There is no position, and `KAFKA_AUTO_OFFSET_RESET` is `stop`.
    NoPosition,
    /// The position is above the log's end.
    Truncated { position: i64, end: i64 },
    /// The topic is not the one that was read.
    AnotherTopic { position: i64, read: Uuid, now: Uuid },
}

/// Retention has taken records that were not read.
const RETENTION: &str = "retention";

/// The table of positions.
pub(crate) fn decide(known: Known, reset: OffsetReset, on_truncated: OnTruncated) -> Decision {
    let Known {
        stored,
        committed,
        start,
        end,
        ..
    } = known;
    let Some(position) = stored.or(committed) else {
        return match reset {
            OffsetReset::Earliest => go(start),
            OffsetReset::Latest => go(end),
            OffsetReset::Stop => Decision::Wait(Wait::NoPosition),
        };
    };
    if let Some(wait) = made_anew(known, position) {
        return match on_truncated {
            OnTruncated::Stop => Decision::Wait(wait),
            OnTruncated::Earliest => go(start),
        };
    }
    let behind_group = stored.is_some() && committed.is_some_and(|committed| committed > position);
    if position < start {
        return Decision::Go {
            at: start,
            lost_from: Some(position),
            behind_group,
        };
    }
    Decision::Go {
        at: position,
        lost_from: None,
        behind_group,
    }
}

fn go(at: i64) -> Decision {
    Decision::Go {
        at,
        lost_from: None,
        behind_group: false,
    }
}

/// Whether the log that is there is not the one that the position is of.
fn made_anew(known: Known, position: i64) -> Option<Wait> {
    if let (Some(read), Some(now), Some(_)) = (known.stored_id, known.topic_id, known.stored)
        && read != now
    {
        return Some(Wait::AnotherTopic { position, read, now });
    }
    let end = known.end;
    (position > end).then_some(Wait::Truncated { position, end })
}

/// The gap that a decision found.
pub(crate) fn gap(partition: &TopicPartition, from_offset: i64, to_offset: i64) -> Gap {
    Gap {
        partition: partition.clone(),
        from_offset,
        to_offset,
        reason: RETENTION,
    }
}

// === impl Wait ===

impl std::fmt::Display for Wait {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NoPosition => f.write_str(
                "there is no position, and KAFKA_AUTO_OFFSET_RESET is stop: set one with `millrace products seek`",
            ),
            Self::Truncated { position, end } => write!(
                f,
                "the stored position {position} is above the log's end {end}: the topic was made anew or truncated; \
                 set the position with `millrace products seek`, or KAFKA_ON_TRUNCATED=earliest"
            ),
            Self::AnotherTopic { position, read, now } => write!(
                f,
                "the topic was made anew: position {position} is of topic id {read}, and now it is {now}; \
                 set the position with `millrace products seek`, or KAFKA_ON_TRUNCATED=earliest"
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A log from 100 to 200.
    const LOG: Known = Known {
        stored: None,
        stored_id: None,
        committed: None,
        start: 100,
        end: 200,
        topic_id: None,
    };

    fn decided(known: Known) -> Decision {
        decide(known, OffsetReset::Earliest, OnTruncated::Stop)
    }

    fn stored(at: i64) -> Known {
        Known {
            stored: Some(at),
            ..LOG
        }
    }

    #[test]
    fn without_a_row_it_goes_on_from_the_committed_offset() {
        let known = Known {
            committed: Some(150),
            ..LOG
        };
        assert_eq!(decided(known), go(150));
    }

    #[test]
    fn without_any_position_the_setting_decides() {
        let by = |reset| decide(LOG, reset, OnTruncated::Stop);
        assert_eq!(by(OffsetReset::Earliest), go(100));
        assert_eq!(by(OffsetReset::Latest), go(200));
        assert_eq!(by(OffsetReset::Stop), Decision::Wait(Wait::NoPosition));
    }

    #[test]
    fn a_smaller_committed_offset_changes_nothing() {
        let known = Known {
            committed: Some(120),
            ..stored(150)
        };
        assert_eq!(decided(known), go(150));
    }

    #[test]
    fn a_larger_committed_offset_is_told_and_what_the_database_forgot_is_read_again() {
        let known = Known {
            committed: Some(180),
            ..stored(150)
        };
        let again = Decision::Go {
            at: 150,
            lost_from: None,
            behind_group: true,
        };
        assert_eq!(decided(known), again);
    }

    #[test]
    fn what_retention_ate_is_a_gap_from_the_row_to_the_start() {
        let lost = |committed| Decision::Go {
            at: 100,
            lost_from: Some(90),
            behind_group: committed,
        };
        assert_eq!(decided(stored(90)), lost(false));
        let known = Known {
            committed: Some(90),
            ..LOG
        };
        assert_eq!(
            decided(known),
            lost(false),
            "also what an old service had not read"
        );
    }

    #[test]
    fn a_row_at_the_edges_of_the_log_is_in_it() {
        assert_eq!(decided(stored(100)), go(100));
        assert_eq!(decided(stored(200)), go(200));
    }

    #[test]
    fn a_row_above_the_end_waits_or_begins_anew() {
        let known = stored(201);
        let truncated = Wait::Truncated {
            position: 201,
            end: 200,
        };
        assert_eq!(decided(known), Decision::Wait(truncated));
        let earliest = decide(known, OffsetReset::Latest, OnTruncated::Earliest);
        assert_eq!(earliest, go(100));
    }

    #[test]
    fn another_topic_id_waits_or_begins_anew_even_where_the_offset_fits() {
        let (read, now) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let known = Known {
            stored_id: Some(read),
            topic_id: Some(now),
            ..stored(150)
        };
        let another = Wait::AnotherTopic {
            position: 150,
            read,
            now,
        };
        assert_eq!(decided(known), Decision::Wait(another));
        assert_eq!(decide(known, OffsetReset::Stop, OnTruncated::Earliest), go(100));
        let same = Known {
            topic_id: Some(read),
            ..known
        };
        assert_eq!(decided(same), go(150));
        let unknown = Known {
            topic_id: None,
            ..known
        };
        assert_eq!(decided(unknown), go(150), "an old broker tells no id");
    }
}
