//! What each rule makes of the snapshot: a pure function of it and of the thresholds.

use super::{
    rules::{
        BROKER_LOST, DATABASE_LOST, ERROR_RATE, ERROR_SPIKE, FAILURE_RATE, LATENCY_P95, OBJECT_STORE_LOST,
        POOL_EXHAUSTED, SUCCESS_RATE,
    },
    settings::Thresholds,
    snapshot::Snapshot,
};
use crate::alerts::{Finding, GOOD_AGAIN, Health, Rule};
use millrace_batches::recent::{Happened, ItemCounts};

type Evaluation = fn(&Snapshot, &Thresholds) -> Finding;

/// Every rule, the worst first, and what evaluates it.
const EVALUATIONS: [(Rule, Evaluation); 9] = [
    (BROKER_LOST, |now, _| serves("RabbitMQ", &now.broker)),
    (OBJECT_STORE_LOST, |now, _| {
        serves("the object store", &now.object_store)
    }),
    (DATABASE_LOST, |now, _| serves("the database", &now.database)),
    (POOL_EXHAUSTED, |now, _| pool_exhausted(now)),
    (FAILURE_RATE, |now, _| failure_rate(&now.five_minutes)),
    (ERROR_RATE, |now, thresholds| {
        error_rate(&now.five_minutes, thresholds.error_percent)
    }),
    (ERROR_SPIKE, |now, thresholds| {
        error_spike(now, thresholds.spike_factor)
    }),
    (SUCCESS_RATE, |now, _| success_rate(&now.five_minutes)),
    (LATENCY_P95, |now, _| latency(&now.five_minutes)),
];
/// Percent of settled events that are dead letters.
const FAILURE_PERCENT: f64 = 20.0;
/// Percent of items that are posts.
const SUCCESS_PERCENT: f64 = 90.0;
/// Seconds.
const SLOW: f64 = 10.0;

/// Fewer say nothing: one bad batch at night is no reason to wake a person.
const LEAST_ITEMS: u64 = 100;
/// An object may hold thousands of items, and is still one crawl that went wrong.
const LEAST_BATCHES: u64 = 3;
/// Fewer settled events say nothing about failures.
const LEAST_SETTLED: u64 = 10;
/// Fewer stored events have no 95th percentile.
const LEAST_STORED: u64 = 20;
/// Fewer errors a minute are no spike, whatever was before: a batch of TikTok.
const LEAST_SPIKE: u64 = 50;
/// Against less than this a minute nothing is compared: 1 error after 0 is not infinitely many.
const LEAST_BEFORE: f64 = 1.0;
/// Minutes of before that must have been seen.
const LEAST_MINUTES: f64 = 5.0;
/// More work brings more errors. A spike is when their share grows too.
const SHARE_GROWS: f64 = 2.0;

/// The rules of the alerts of this pipeline, the worst first.
pub fn alert_rules() -> Vec<Rule> {
    EVALUATIONS.map(|(rule, _)| rule).into()
}

/// What each of them makes of `snapshot`, in their order.
pub(super) fn evaluate(snapshot: &Snapshot, thresholds: &Thresholds) -> Vec<Finding> {
    EVALUATIONS
        .map(|(_, evaluate)| evaluate(snapshot, thresholds))
        .into()
}

fn serves(who: &str, state: &Result<(), String>) -> Finding {
    match state {
        Ok(()) => Finding::plain(Health::Good, format!("{who} serves")),
        Err(why) => Finding::plain(Health::Bad, format!("{who} does not serve: {why}")),
    }
}

fn pool_exhausted(snapshot: &Snapshot) -> Finding {
    let pool = &snapshot.pool;
    let used = pool.size.saturating_sub(pool.available);
    // A probe that has just waited in vain waits for its next turn, and not for a connection.
    let a_task_waits = pool.waiting > 0 || snapshot.database.is_err();
    let exhausted = used > 0 && used >= pool.max_size && a_task_waits;
    Finding {
        health: if exhausted { Health::Bad } else { Health::Good },
        value: Some(used as f64),
        threshold: Some(pool.max_size as f64),
        summary: format!(
            "{used} of {} database connections are in use, and {} wait for one",
            pool.max_size, pool.waiting
        ),
    }
}

fn failure_rate(happened: &Happened) -> Finding {
    let settled = happened.stored + happened.dead_lettered;
    if settled * 2 < LEAST_SETTLED {
        return Finding::too_little(settled, "events", FAILURE_PERCENT);
    }
    let value = percent(happened.dead_lettered, settled);
    let summary = format!("{value:.1} % of {settled} events of the last 5 minutes ended as dead letters");
    let health = Health::up_to(value, FAILURE_PERCENT);
    Finding::measured(
        health.if_enough(settled >= LEAST_SETTLED),
        value,
        FAILURE_PERCENT,
        summary,
    )
}

fn error_rate(happened: &Happened, threshold: f64) -> Finding {
    let enough = happened.stored >= LEAST_BATCHES;
    let evaluated = happened.items.iter().filter(|(_, items)| is_enough(**items, 2));
    let mut platforms: Vec<_> = evaluated
        .map(|(platform, items)| {
            let value = percent(errors(*items), items.total());
            let health = Health::up_to(value, threshold);
            (
                health.if_enough(enough && is_enough(*items, 1)),
                value,
                platform,
                items.total(),
            )
        })
        .collect();
    platforms.sort_by(|a, b| b.0.cmp(&a.0).then(b.1.total_cmp(&a.1)));
    let Some(&(health, value, ..)) = platforms.first() else {
        return Finding::too_little(happened.all_items().total(), "items", threshold);
    };
    let as_bad = platforms.iter().filter(|platform| platform.0 == health);
    let words = as_bad.map(|(_, value, platform, total)| format!("{value:.1} % of {total} {platform} items"));
    let summary = format!(
        "{} of the last 5 minutes are no posts",
        words.collect::<Vec<_>>().join(", ")
    );
    Finding::measured(health, value, threshold, summary)
}

fn success_rate(happened: &Happened) -> Finding {
    let items = happened.all_items();
    if !is_enough(items, 2) {
        return Finding::too_little(items.total(), "items", SUCCESS_PERCENT);
    }
    let value = percent(items.success, items.total());
    let summary = format!(
        "{value:.1} % of {} items of the last 5 minutes are posts",
        items.total()
    );
    let enough = is_enough(items, 1) && happened.stored >= LEAST_BATCHES;
    // Seen from the other end: above 10 % is bad.
    let health = Health::up_to(100.0 - value, 100.0 - SUCCESS_PERCENT);
    Finding::measured(health.if_enough(enough), value, SUCCESS_PERCENT, summary)
}

fn error_spike(snapshot: &Snapshot, factor: f64) -> Finding {
    let (minute, before) = (snapshot.minute.all_items(), snapshot.before);
    let minutes = snapshot.before_seen.as_secs_f64() / 60.0;
    if minutes < LEAST_MINUTES || !is_enough(before, 1) {
        return Finding::too_little(before.total(), "items of before", factor);
    }
    let usual = errors(before) as f64 / minutes;
    let now = errors(minute);
    let value = now as f64 / usual.max(LEAST_BEFORE);
    let summary = format!("{now} items of the last minute are no posts, after {usual:.1} a minute before");
    let (share, before) = (
        percent(now, minute.total()),
        percent(errors(before), before.total()),
    );
    let enough = now >= LEAST_SPIKE && snapshot.minute.stored >= LEAST_BATCHES;
    // At part 1 it begins, and at a smaller one it goes on.
    let spikes = |part| value >= part * factor && share >= part * SHARE_GROWS * before && enough;
    let health = match (spikes(1.0), spikes(GOOD_AGAIN)) {
        (true, _) => Health::Bad,
        (false, true) => Health::Undecided,
        (false, false) => Health::Good,
    };
    Finding::measured(health, value, factor, summary)
}

fn latency(happened: &Happened) -> Finding {
    let stored = happened.stored;
    let p95 = happened.latency.percentile(95.0);
    let Some(p95) = p95.filter(|_| stored * 2 >= LEAST_STORED) else {
        return Finding::too_little(stored, "events", SLOW);
    };
    let value = p95.as_secs_f64();
    let summary = format!("95 % of {stored} events of the last 5 minutes took up to {value:.1} s");
    let health = Health::up_to(value, SLOW);
    Finding::measured(health.if_enough(stored >= LEAST_STORED), value, SLOW, summary)
}

/// What is no post; the same as `analytics_error_rate` counts.
fn errors(items: ItemCounts) -> u64 {
    items.error + items.rejected
}

/// Half as many as are needed to begin are needed to go on.
fn is_enough(items: ItemCounts, part: u64) -> bool {
    items.total() * part >= LEAST_ITEMS
}

fn percent(part: u64, whole: u64) -> f64 {
    if whole == 0 {
        0.0
    } else {
        100.0 * part as f64 / whole as f64
    }
}
