//! A panic or a crash at any step of an event's way never costs the event, and stores nothing twice.

use crate::{
    running::{DLQ, PATIENCE, Running, fresh_id, millrace},
    trial::{Trial, dead_letters},
};
use futures_util::{StreamExt, stream};
use millrace_amqp as amqp;
use millrace_batches::failpoints;
use millrace_engine::failpoints::Point;
use millrace_oracle::{Actual, Copies, compare, compare_dead_letters, report};
use millrace_stack::{Stack, wait_for};

/// Each step panics once, in the order in which one event comes to them.
const EACH_STEP_ONCE: &str = "fetch.begin=1*return(panic);fetch.end=1*return(panic);write.begin=1*return(panic);\
    write.end=1*return(panic);write.committed=1*return(panic)";

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_at_each_step_stores_the_event_once() {
    let settings = [
        ("FAILPOINTS", EACH_STEP_ONCE),
        ("MAX_RETRY_ATTEMPTS", "6"),
        ("RETRY_INITIAL_DELAY", "0.1"),
        ("RETRY_MAX_DELAY", "0.1"),
    ];
    let pipeline = Running::shared("fault-points", &settings).await;
    let id = fresh_id();
    pipeline.batch(&id, 3).await;
    pipeline.stored(std::slice::from_ref(&id)).await;
    pipeline.queue_empties().await;
    assert_eq!(pipeline.count("post_analytics", &[]).await, 3);
    assert!(pipeline.tenant.peek(DLQ, 1).await.unwrap().is_empty());
    let fifth = "ingested_batches WHERE attempts = 5";
    assert_eq!(
        pipeline.count(fifth, &[]).await,
        1,
        "four attempts were lost on the way"
    );
    let metrics = pipeline.service.metrics().await.unwrap();
    assert_eq!(
        metrics.sum("analytics_duplicates_total", &[]),
        Some(1.0),
        "the sixth found it stored"
    );
}

/// How many crashes are tried at the same time.
const AT_ONCE: usize = 3;

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_at_each_step_leaves_every_row_as_computed() {
    // A crash where one is alone is the third one, and its event is dead-lettered: that is what `crashing_events` looks at.
    let points = amqp::failpoints::ALL
        .into_iter()
        .chain(failpoints::ALL)
        .filter(|point| *point != amqp::failpoints::NOTED);
    stream::iter(points)
        .for_each_concurrent(AT_ONCE, |point| async move {
            eprintln!("dying at {}", point.0);
            crashes_at(point).await;
        })
        .await;
}

/// Lets one process die at this step, and another one after it finish the work.
async fn crashes_at(point: Point) {
    let name = point.0;
    let tenant = Stack::shared()
        .await
        .tenant(&format!("crash-{}", name.replace('.', "-")))
        .await
        .unwrap();
    let trial = Trial::make(&tenant, 11, 120).await;
    trial.upload(&tenant).await;
    // Nothing is noted before a process has crashed.
    let second = (point == amqp::failpoints::MARKED).then(|| format!("{name}=1*return(kill)"));
    let first = match second {
        None => format!("{name}=1*off->1*return(kill)"),
        Some(_) => "fetch.end=1*off->1*return(kill)".to_owned(),
    };
    let mut pipeline = Running::start(tenant, &with(&trial, &first)).await;
    trial.publish(&pipeline).await;
    assert_eq!(
        pipeline.service.wait_exit(PATIENCE).await.unwrap(),
        None,
        "dead at {name}"
    );
    if let Some(second) = second {
        pipeline.service = pipeline
            .tenant
            .service(millrace(), &with(&trial, &second))
            .unwrap();
        assert_eq!(
            pipeline.service.wait_exit(PATIENCE).await.unwrap(),
            None,
            "dead at {name}"
        );
    }
    pipeline.service = pipeline.tenant.service(millrace(), &trial.settings()).unwrap();

    let expected = trial.expected();
    let (stored, letters) = (expected.ledger.len() as i64, expected.dead_letters.len());
    wait_for(
        "every event to be stored or dead-lettered",
        PATIENCE * 2,
        async || {
            let found = pipeline.count("ingested_batches", &[]).await;
            // A crash between the copy's confirmation and the acknowledgement doubles letters, at most all of them.
            let dead = dead_letters(&pipeline, letters * 3).await;
            let missing = compare_dead_letters(&expected, &dead, Copies::AtLeastOne);
            if found == stored && missing.is_empty() {
                Ok(())
            } else {
                Err(format!(
                    "{name}: {found} of {stored} stored; {}",
                    report(&missing)
                ))
            }
        },
    )
    .await
    .unwrap_or_else(|error| panic!("{error:#}\n{}", pipeline.service.lines().join("\n")));
    pipeline.queue_empties().await;
    let differences = compare(&expected, &Actual::read(&pipeline.database).await.unwrap());
    assert!(differences.is_empty(), "{name}: {}", report(&differences));
}

fn with<'a>(trial: &'a Trial, faults: &'a str) -> Vec<(&'a str, &'a str)> {
    let mut settings = trial.settings();
    settings.push(("FAILPOINTS", faults));
    settings
}
