//! The metrics tell the truth: each counter against the oracle, each name and label against the contract.

mod contract;
mod dashboards;
mod figures;
mod rest;

use crate::{
    running::{PATIENCE, Running, event, fresh_id, patiently},
    trial::Trial,
};
use contract::{assert_as_promised, assert_bounded, assert_promtool_is_content, assert_there_from_the_start};
use millrace_stack::{Metrics, Proxies, Service, Stack, wait_for};
use rest::comes_to_rest;
use std::{
    collections::{BTreeMap, BTreeSet},
    pin::pin,
    time::Duration,
};

const PREFETCH: &str = "32";

/// What `/metrics` says.
async fn scrape(service: &Service) -> String {
    let (status, text) = service.get("/metrics").await.unwrap();
    assert_eq!(status, 200, "{text}");
    text
}

fn value(metrics: &Metrics, name: &str, labels: &[(&str, &str)]) -> f64 {
    let name = format!("analytics_{name}");
    metrics
        .sum(&name, labels)
        .unwrap_or_else(|| panic!("no {name} {labels:?}"))
}

/// Waits until a figure is what it has to be.
async fn wait_for_value(pipeline: &Running<'_>, name: &str, wanted: f64) {
    wait_for(&format!("{name} to be {wanted}"), PATIENCE, async || {
        let metrics = pipeline
            .service
            .metrics()
            .await
            .map_err(|error| error.to_string())?;
        let found = metrics.sum(&format!("analytics_{name}"), &[]);
        if found == Some(wanted) {
            Ok(())
        } else {
            Err(format!("{found:?}"))
        }
    })
    .await
    .unwrap_or_else(|error| panic!("{error:#}\n{}", pipeline.service.lines().join("\n")));
}

/// Scrapes ten times a second while `work` goes on; counters never fall, and nothing exceeds the prefetch.
async fn scraped_meanwhile<T>(service: &Service, work: impl Future<Output = T>) -> (T, String) {
    let mut work = pin!(work);
    let mut pace = tokio::time::interval(Duration::from_millis(100));
    let (mut last, mut busiest, mut most) = (Metrics::default(), String::new(), 0.0);
    loop {
        tokio::select! {
            done = &mut work => return (done, busiest),
            _ = pace.tick() => {}
        }
        let text = scrape(service).await;
        let metrics = Metrics::parse(&text);
        assert_counters_grow(&last, &metrics);
        let in_flight = value(&metrics, "inflight_events", &[]);
        assert!(in_flight <= PREFETCH.parse().unwrap(), "{in_flight} in flight");
        if in_flight >= most {
            (most, busiest) = (in_flight, text);
        }
        last = metrics;
    }
}

fn assert_counters_grow(before: &Metrics, after: &Metrics) {
    for old in before.all() {
        let counts = ["_total", "_count", "_bucket"]
            .iter()
            .any(|end| old.name.ends_with(end));
        let labels: Vec<_> = old
            .labels
            .iter()
            .map(|(name, value)| (&**name, &**value))
            .collect();
        let new = after.sum(&old.name, &labels);
        assert!(!counts || new >= Some(old.value), "{old:?} came to be {new:?}");
    }
}

/// Lines about what became of events, by fate.
fn fates(service: &Service) -> BTreeMap<String, usize> {
    let mut fates = BTreeMap::new();
    for log in service.logs() {
        if let Some(fate) = log["fate"].as_str() {
            *fates.entry(fate.to_owned()).or_default() += 1;
        }
    }
    fates
}

#[tokio::test(flavor = "multi_thread")]
async fn every_counter_is_as_the_oracle_says() {
    let tenant = Stack::shared().await.tenant("metrics").await.unwrap();
    let trial = Trial::make(&tenant, 41, 1_500).await;
    trial.upload(&tenant).await;
    let mut settings = trial.settings();
    settings.extend([("EVENT_PREFETCH_COUNT", PREFETCH), ("LOG_FORMAT", "json")]);
    let pipeline = Running::start(tenant, &settings).await;
    let oracle = trial.expected();
    let first = scrape(&pipeline.service).await;
    assert_there_from_the_start(&first);
    let from_the_start = counter_series(&first);
    let work = async {
        trial.publish(&pipeline).await;
        pipeline.dead_letters(oracle.dead_letters.len()).await;
        pipeline.queue_empties().await;
    };
    let ((), busiest) = scraped_meanwhile(&pipeline.service, work).await;
    assert!(
        value(&Metrics::parse(&busiest), "inflight_events", &[]) > 1.0,
        "no load to speak of"
    );

    let text = scrape(&pipeline.service).await;
    for text in [&busiest, &text] {
        assert_bounded(text);
        assert_promtool_is_content(text);
    }
    assert_as_promised(&text);
    let metrics = Metrics::parse(&text);
    let spared = value(&metrics, "fetches_spared_total", &[]);
    assert!(spared <= value(&metrics, "duplicates_total", &[]));
    let wanted = figures::expected(&trial, &oracle, spared as u64);
    assert_eq!(figures::scraped(&metrics, figures::KNOWN), wanted);
    figures::assert_mismatches(&metrics, &trial, &oracle, spared as u64);

    // Only the clock knows how often a missing object is asked for; each time is a delivery and a line.
    let fates = fates(&pipeline.service);
    let retries = fates.get("retried").copied().unwrap_or_default();
    let missing = value(&metrics, "dead_letters_total", &[("reason", "object_missing")]);
    assert!(retries as f64 >= missing && missing > 0.0);
    assert_eq!(value(&metrics, "retries_total", &[]), retries as f64);
    assert_eq!(
        value(&metrics, "retries_total", &[("stage", "fetcher")]),
        retries as f64
    );
    assert_eq!(
        value(&metrics, "events_received_total", &[]),
        (trial.order.len() + retries) as f64
    );
    assert_eq!(fates["dead_lettered"], oracle.dead_letters.len());
    assert_rows_and_rates(&metrics, &oracle);
    assert_eq!(
        counter_series(&text),
        from_the_start,
        "every counter is there from the start"
    );
    comes_to_rest(&pipeline.service).await;
}

fn assert_rows_and_rates(metrics: &Metrics, oracle: &millrace_oracle::Expected) {
    let ledger = value(metrics, "rows_written_total", &[("table", "ingested_batches")]);
    assert_eq!(ledger, oracle.ledger.len() as f64);
    assert_eq!(
        value(metrics, "write_batch_rows_sum", &[]),
        value(metrics, "rows_written_total", &[])
    );
    let writes = value(metrics, "write_batch_rows_count", &[]);
    assert_eq!(writes, value(metrics, "write_duration_seconds_count", &[]));
    assert!(writes >= 1.0 && writes <= value(metrics, "batches_processed_total", &[]));
    let success = metrics.by_label("analytics_success_rate", "platform");
    let error = metrics.by_label("analytics_error_rate", "platform");
    let wanted = figures::success_rates(oracle);
    assert!(
        success.keys().eq(wanted.keys()) && error.keys().eq(wanted.keys()),
        "{success:?} {wanted:?}"
    );
    for (platform, percent) in wanted {
        assert!(
            (success[platform] - percent).abs() < 1e-9,
            "{platform}: {success:?}, not {percent}"
        );
        assert!(
            (error[platform] + percent - 100.0).abs() < 1e-9,
            "{platform}: {error:?}"
        );
    }
}

/// Names and labels of all counters. A series that came later than the first scrape would hide its first increase
/// from `rate`.
fn counter_series(text: &str) -> BTreeSet<String> {
    let ends = ["_total", "_count"];
    let metrics = Metrics::parse(text);
    let counters = metrics
        .all()
        .filter(|sample| ends.iter().any(|end| sample.name.ends_with(end)));
    counters
        .map(|sample| format!("{}{:?}", sample.name, sample.labels))
        .collect()
}

/// Every counter that the case is about, from nothing: series that are not listed must be zero.
fn assert_figures(metrics: &Metrics, wanted: &[(&str, u64)]) {
    let families: BTreeSet<_> = wanted
        .iter()
        .map(|(series, _)| series.split('{').next().unwrap())
        .collect();
    let families: Vec<_> = families.into_iter().collect();
    let wanted = wanted.iter().filter(|(_, count)| *count > 0);
    let wanted: BTreeMap<_, _> = wanted
        .map(|(series, count)| ((*series).to_owned(), *count))
        .collect();
    assert_eq!(figures::scraped(metrics, &families), wanted);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_delivered_twice_is_counted_twice_and_stored_once() {
    let settings = patiently(&[("EVENT_PREFETCH_COUNT", "8")]);
    let mut pipeline = Running::shared("metrics-twice", &settings).await;
    let locked = pipeline.tenant.connect_postgres().await.unwrap();
    locked
        .batch_execute("BEGIN; LOCK TABLE ingested_batches IN ACCESS EXCLUSIVE MODE")
        .await
        .unwrap();
    let ids: Vec<_> = (0..5).map(|_| fresh_id()).collect();
    for id in &ids {
        pipeline.batch(id, 4).await;
    }
    wait_for_value(&pipeline, "inflight_events", 5.0).await;
    wait_for_value(&pipeline, "batches_fetched_total", 5.0).await;
    // Each is in one mailbox or being worked on.
    wait_for_value(&pipeline, "actor_mailbox_depth", 5.0).await;
    let metrics = pipeline.service.metrics().await.unwrap();
    assert!(
        value(&metrics, "inflight_bytes", &[]) > 0.0,
        "all five objects are held"
    );
    assert_eq!(value(&metrics, "events_processed_total", &[]), 0.0);
    wait_for("the connections to be listed and closed", PATIENCE, async || {
        pipeline
            .tenant
            .close_connections()
            .await
            .is_ok_and(|closed| closed > 0)
    })
    .await
    .unwrap();
    wait_for_value(&pipeline, "redeliveries_total", 5.0).await;
    locked.batch_execute("ROLLBACK").await.unwrap();
    pipeline.stored(&ids).await;
    pipeline.queue_empties().await;
    pipeline.database = pipeline.tenant.connect_postgres().await.unwrap();

    let metrics = pipeline.service.metrics().await.unwrap();
    // It is chance whether the ledger has an event by the time that its second delivery is asked about.
    let spared = value(&metrics, "fetches_spared_total", &[]) as u64;
    assert!(spared <= 5);
    assert_figures(
        &metrics,
        &[
            ("events_received_total{}", 10),
            ("redeliveries_total{}", 5),
            ("events_processed_total{platform=tiktok}", 5),
            ("event_processing_duration_seconds_count{platform=tiktok}", 5),
            ("batches_fetched_total{}", 10 - spared),
            ("batch_parse_duration_seconds_count{}", 10 - spared),
            ("batches_processed_total{platform=tiktok,status=success}", 5),
            ("batches_processed_total{platform=tiktok,status=duplicate}", 5),
            ("duplicates_total{}", 5),
            ("items_processed_total{platform=tiktok,status=success}", 20),
            ("items_success_total{}", 20),
            ("rows_written_total{table=post_analytics}", 20),
            ("rows_written_total{table=comments}", 20),
            ("rows_written_total{table=authors}", 3),
            ("rows_written_total{table=ingested_batches}", 5),
            (
                "actor_restarts_total{actor=ingress,cause=outage,pipeline=batches}",
                1,
            ),
            ("dead_letters_total{}", 0),
            ("retries_total{}", 0),
            ("publish_errors_total{}", 0),
        ],
    );
    comes_to_rest(&pipeline.service).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_goes_wrong_is_counted_each_time() {
    let stack = Stack::shared().await;
    let tenant = stack.tenant("metrics-wrong").await.unwrap();
    let proxies = Proxies::start(stack).await.unwrap();
    let settings = [
        ("FAILPOINTS", "parse.begin=return(panic evt_panics)"),
        ("RETRY_INITIAL_DELAY", "0.1"),
        ("MAX_RETRY_ATTEMPTS", "3"),
        ("MAX_WORKERS", "1"),
        ("MAX_CONCURRENT_BATCH_PROCESSING", "1"),
        ("LOG_FORMAT", "json"),
    ];
    let service = tenant
        .service_through(&proxies, crate::running::millrace(), &settings)
        .unwrap();
    let pipeline = Running::with(tenant, service).await;
    pipeline.batch("evt_panics", 2).await;
    pipeline.dead_letters(1).await;
    pipeline.queue_empties().await;
    let metrics = pipeline.service.metrics().await.unwrap();
    assert_figures(
        &metrics,
        &[
            ("events_received_total{}", 3),
            ("retries_total{stage=parser}", 2),
            ("dead_letters_total{reason=attempts_exhausted}", 1),
            ("events_failed_total{reason=attempts_exhausted}", 1),
            (
                "actor_restarts_total{actor=parser-0,cause=panic,pipeline=batches}",
                3,
            ),
            ("events_processed_total{}", 0),
            ("items_processed_total{}", 0),
            ("minio_connection_errors_total{}", 0),
        ],
    );

    let id = fresh_id();
    let path = pipeline
        .put(&format!("{id}.json"), crate::running::batch_of(&id, 1))
        .await;
    proxies.objects.order(millrace_stack::Order::Refuse);
    proxies.objects.cut();
    pipeline.publish(event(&id, &path).to_string()).await;
    wait_for_value(&pipeline, "minio_connection_errors_total", 1.0).await;
    wait_for("the fetcher to be seen down", PATIENCE, async || {
        let metrics = pipeline.service.metrics().await.ok()?;
        (metrics.sum("analytics_actor_up", &[("actor", "fetcher-0")]) == Some(0.0)).then_some(())
    })
    .await
    .unwrap();
    proxies.objects.order(millrace_stack::Order::Pass);
    pipeline.stored(&[id]).await;
    pipeline.queue_empties().await;
    let metrics = pipeline.service.metrics().await.unwrap();
    assert_eq!(
        value(&metrics, "minio_connection_errors_total", &[]),
        1.0,
        "one fetch failed"
    );
    assert!(
        value(
            &metrics,
            "actor_restarts_total",
            &[("actor", "fetcher-0"), ("cause", "outage")]
        ) >= 1.0
    );
    assert_eq!(
        value(&metrics, "retries_total", &[]),
        2.0,
        "an outage is no retry"
    );
    comes_to_rest(&pipeline.service).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn names_from_outside_make_no_series() {
    let pipeline = Running::shared("metrics-names", &[]).await;
    let ids: Vec<_> = (0..20).map(|_| fresh_id()).collect();
    for (n, id) in ids.iter().enumerate() {
        let item =
            format!(r#"[{{"meta":{{"id":"{id}","fetch_status":"error","error_code":"MADE_UP_{n}"}}}}]"#);
        let path = pipeline.put(&format!("{id}.json"), item).await;
        let mut event = event(id, &path);
        event["payload"]["platform"] = format!("Platform{n}").into();
        pipeline.publish(event.to_string()).await;
    }
    pipeline.stored(&ids).await;
    pipeline.queue_empties().await;
    let text = scrape(&pipeline.service).await;
    assert_bounded(&text);
    assert!(
        !text.contains("MADE_UP") && !text.to_lowercase().contains("platform1"),
        "{text}"
    );
    assert_figures(
        &Metrics::parse(&text),
        &[
            ("events_processed_total{platform=other}", 20),
            ("batches_processed_total{platform=other,status=error}", 20),
            ("items_processed_total{platform=other,status=error}", 20),
            ("errors_by_code_total{error_code=other,platform=other}", 20),
            ("errors_by_category_total{category=unknown}", 20),
            ("errors_by_platform_total{platform=other}", 20),
        ],
    );
    assert_eq!(pipeline.count("post_analytics", &[]).await, 0);
    assert_eq!(
        pipeline
            .count("crawl_errors WHERE platform LIKE 'platform%'", &[])
            .await,
        20
    );
}
