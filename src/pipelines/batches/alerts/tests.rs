//! What the rules make of snapshot, case by case.

use super::{
    evaluate::evaluate,
    rules::{
        BROKER_LOST, DATABASE_LOST, ERROR_RATE, ERROR_SPIKE, FAILURE_RATE, LATENCY_P95, OBJECT_STORE_LOST,
        POOL_EXHAUSTED, SUCCESS_RATE,
    },
    settings::Thresholds,
    snapshot::Snapshot,
};
use crate::alerts::{
    Finding,
    Health::{self, Bad, Good, Undecided},
    Rule,
};
use millrace_batches::recent::{Happened, ItemCounts};
use millrace_postgres::PoolStatus;
use std::time::Duration;

/// A pipeline at work, with nothing wrong.
fn calm() -> Snapshot {
    Snapshot {
        broker: Ok(()),
        object_store: Ok(()),
        database: Ok(()),
        pool: PoolStatus {
            max_size: 30,
            size: 2,
            available: 1,
            waiting: 0,
        },
        minute: happened(20, &[("tiktok", items(990, 10))]),
        five_minutes: happened(100, &[("tiktok", items(4_950, 50))]),
        before: items(11_880, 120),
        before_seen: Duration::from_secs(12 * 60),
    }
}

fn items(success: u64, error: u64) -> ItemCounts {
    ItemCounts {
        success,
        error,
        rejected: 0,
    }
}

/// So many stored events of a second each, and these items.
fn happened(stored: u64, items: &[(&'static str, ItemCounts)]) -> Happened {
    let mut happened = Happened {
        stored,
        items: items.iter().copied().collect(),
        ..Happened::default()
    };
    for _ in 0..stored {
        happened.latency.record(Duration::from_secs(1));
    }
    happened
}

const DEFAULTS: Thresholds = Thresholds {
    error_percent: 10.0,
    spike_factor: 5.0,
};

fn found(rule: Rule, change: impl FnOnce(&mut Snapshot)) -> Finding {
    let mut snapshot = calm();
    change(&mut snapshot);
    found_by(rule, &snapshot, &DEFAULTS)
}

fn found_by(rule: Rule, snapshot: &Snapshot, thresholds: &Thresholds) -> Finding {
    let found = super::alert_rules()
        .into_iter()
        .zip(evaluate(snapshot, thresholds));
    found
        .into_iter()
        .find_map(|(known, finding)| (known == rule).then_some(finding))
        .unwrap()
}

/// Evaluates the last five minutes.
fn lately(rule: Rule, happened: Happened) -> Health {
    found(rule, |snapshot| snapshot.five_minutes = happened).health
}

#[test]
fn a_pipeline_at_work_raises_no_alert_and_an_idle_one_neither() {
    let idle = |snapshot: &mut Snapshot| {
        snapshot.minute = Happened::default();
        snapshot.five_minutes = Happened::default();
        snapshot.before = ItemCounts::default();
        snapshot.before_seen = Duration::ZERO;
    };
    for rule in super::alert_rules() {
        assert_eq!(found(rule, |_| ()).health, Good, "{rule:?} at work");
        assert_eq!(found(rule, idle).health, Good, "{rule:?} idle");
    }
}

#[test]
fn what_does_not_serve_is_named_with_its_reason() {
    type Break = fn(&mut Snapshot, Result<(), String>);
    let cases: [(Rule, Break); 3] = [
        (BROKER_LOST, |snapshot, down| snapshot.broker = down),
        (OBJECT_STORE_LOST, |snapshot, down| snapshot.object_store = down),
        (DATABASE_LOST, |snapshot, down| snapshot.database = down),
    ];
    for (broken, change) in cases {
        for rule in super::alert_rules() {
            let finding = found(rule, |snapshot| {
                change(snapshot, Err("connection refused".to_owned()))
            });
            let expected = if rule == broken { Bad } else { Good };
            assert_eq!(finding.health, expected, "{rule:?} when {broken:?}");
            assert_eq!(finding.summary.contains("connection refused"), rule == broken);
        }
    }
}

#[test]
fn a_pool_is_exhausted_when_all_connections_are_used_and_a_task_waits() {
    let (answers, waited) = (Ok(()), Err("no answer within 1.5 s".to_owned()));
    for (size, available, waiting, database, expected) in [
        (30, 0, 1, &answers, Bad),
        (30, 0, 0, &waited, Bad),
        (30, 0, 0, &answers, Good),
        (30, 1, 1, &waited, Good),
        (29, 0, 1, &waited, Good),
        (0, 0, 0, &answers, Good),
    ] {
        let finding = found(POOL_EXHAUSTED, |snapshot| {
            snapshot.database.clone_from(database);
            snapshot.pool = PoolStatus {
                max_size: 30,
                size,
                available,
                waiting,
            };
        });
        assert_eq!(finding.health, expected, "{size} {available} {waiting}");
    }
}

#[test]
fn failures_are_dead_letters_among_settled_events() {
    for (stored, dead_lettered, expected) in [
        (79, 21, Bad),
        (80, 20, Undecided),
        (82, 18, Good),
        (0, 10, Bad),
        (0, 9, Undecided), // too few to begin
        (0, 4, Good),      // too few to go on
        (1_000, 4, Good),
    ] {
        let mut settled = happened(stored, &[]);
        settled.dead_lettered = dead_lettered;
        settled.retried = 1_000; // no end of an event
        let health = lately(FAILURE_RATE, settled);
        assert_eq!(health, expected, "{dead_lettered} beside {stored}");
    }
}

#[test]
fn each_platform_is_evaluated_by_itself_and_the_worst_is_named() {
    let mixed = [("tiktok", items(10_000, 0)), ("youtube", items(80, 20))];
    let finding = found(ERROR_RATE, |snapshot| {
        snapshot.five_minutes = happened(100, &mixed)
    });
    assert_eq!(
        (finding.health, finding.value, finding.threshold),
        (Bad, Some(20.0), Some(10.0))
    );
    assert_eq!(
        finding.summary,
        "20.0 % of 100 youtube items of the last 5 minutes are no posts"
    );
    let both = [("tiktok", items(60, 140)), ("youtube", items(80, 20))];
    let finding = found(ERROR_RATE, |snapshot| snapshot.five_minutes = happened(9, &both));
    assert_eq!(
        finding.summary,
        "70.0 % of 200 tiktok items, 20.0 % of 100 youtube items of the last 5 minutes are no posts"
    );
}

#[test]
fn error_rates_need_enough_items_of_several_batches() {
    for (batches, success, error, expected) in [
        (3, 89, 11, Bad),
        (3, 90, 10, Undecided),
        (3, 91, 9, Good),
        (2, 0, 10_000, Undecided), // one bad crawl of two huge batches
        (3, 0, 99, Undecided),
        (3, 0, 49, Good),
        (1, 0, 50, Undecided), // one bad batch at night begins nothing
    ] {
        let batch = happened(batches, &[("tiktok", items(success, error))]);
        let health = lately(ERROR_RATE, batch.clone());
        assert_eq!(health, expected, "{error} of {batches} batches");
        // With one platform and the default threshold it is the same seen from the other end.
        let health = lately(SUCCESS_RATE, batch);
        assert_eq!(health, expected, "{success} of {batches} batches");
    }
}

#[test]
fn rejected_items_are_no_posts() {
    let mut rejected = items(80, 0);
    rejected.rejected = 20;
    let batch = happened(5, &[("tiktok", rejected)]);
    assert_eq!(lately(ERROR_RATE, batch.clone()), Bad);
    assert_eq!(lately(SUCCESS_RATE, batch), Bad);
}

#[test]
fn success_is_counted_over_all_platforms() {
    let mixed = happened(9, &[("tiktok", items(900, 0)), ("youtube", items(0, 100))]);
    assert_eq!(lately(SUCCESS_RATE, mixed.clone()), Undecided);
    assert_eq!(lately(ERROR_RATE, mixed), Bad);
}

#[test]
fn a_threshold_of_users_is_obeyed() {
    let happened = happened(9, &[("tiktok", items(88, 12))]);
    for (threshold, expected) in [
        (0.0, Bad),
        (11.9, Bad),
        (12.0, Undecided),
        (15.0, Good),
        (100.0, Good),
    ] {
        let snapshot = Snapshot {
            five_minutes: happened.clone(),
            ..calm()
        };
        let thresholds = Thresholds {
            error_percent: threshold,
            ..DEFAULTS
        };
        let finding = found_by(ERROR_RATE, &snapshot, &thresholds);
        assert_eq!(finding.health, expected, "{threshold}");
    }
}

/// Calm is 10 errors a minute among 1,000 items.
#[test]
fn a_spike_is_more_errors_than_before_and_not_just_more_work() {
    for (batches, success, error, expected) in [
        (20, 950, 50, Bad), // five times
        (20, 951, 49, Good),
        (20, 954, 46, Good), // below the floor
        (2, 950, 50, Good),
        (200, 9_900, 100, Good), // ten times the work with ten times the errors
        (200, 9_800, 200, Bad),  // and with twenty times the errors
    ] {
        let finding = found(ERROR_SPIKE, |snapshot| {
            snapshot.minute = happened(batches, &[("tiktok", items(success, error))]);
        });
        assert_eq!(finding.health, expected, "{error} beside {success}");
    }
}

#[test]
fn a_spike_ends_with_a_margin() {
    let finding = |error| {
        found(ERROR_SPIKE, |snapshot| {
            snapshot.before = items(11_760, 240); // 20 a minute
            snapshot.minute = happened(20, &[("tiktok", items(900, error))]);
        })
    };
    let health = [100, 99, 90, 89].map(|error| finding(error).health);
    assert_eq!(health, [Bad, Undecided, Undecided, Good]);
    assert_eq!(finding(100).value, Some(5.0));
    assert_eq!(
        finding(100).summary,
        "100 items of the last minute are no posts, after 20.0 a minute before"
    );
}

#[test]
fn nothing_is_a_spike_without_something_to_compare_it_with() {
    let spike = happened(20, &[("tiktok", items(0, 1_000))]);
    for (before, minutes, expected) in [
        (items(12_000, 0), 12, Bad), // no error before counts as one a minute
        (items(0, 0), 12, Good),     // idle
        (items(99, 0), 12, Good),
        (items(12_000, 0), 4, Good), // started a while ago
        (items(12_000, 0), 5, Bad),
    ] {
        let finding = found(ERROR_SPIKE, |snapshot| {
            snapshot.minute = spike.clone();
            snapshot.before = before;
            snapshot.before_seen = Duration::from_secs(minutes * 60);
        });
        assert_eq!(finding.health, expected, "{before:?} in {minutes} minutes");
    }
    let one_after_none = found(ERROR_SPIKE, |snapshot| {
        snapshot.minute = happened(20, &[("tiktok", items(999, 1))]);
        snapshot.before = items(12_000, 0);
    });
    assert_eq!(one_after_none.health, Good);
}

#[test]
fn events_are_slow_when_one_in_twenty_takes_too_long() {
    for (quick, slow, seconds, expected) in [
        (90, 10, 11, Bad),
        (96, 4, 60, Good),
        (0, 20, 11, Bad),
        (0, 19, 11, Undecided), // too few to begin
        (0, 9, 11, Good),       // too few to go on
        (0, 100, 8, Good),
    ] {
        let mut happened = happened(quick, &[]);
        happened.stored += slow;
        for _ in 0..slow {
            happened.latency.record(Duration::from_secs(seconds));
        }
        assert_eq!(
            lately(LATENCY_P95, happened),
            expected,
            "{slow} of {seconds} s beside {quick}"
        );
    }
}
