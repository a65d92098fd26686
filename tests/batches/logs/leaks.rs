//! A login in an address shows nowhere, whichever setting, event or panic brings it: not in the log, on no page, in no
//! dead letter, in nothing that Slack, PagerDuty or a collector of traces is sent.

use super::secrets::{WORD, assert_silent};
use crate::running::{DLQ, PATIENCE, Running, batch_of, event, fresh_id, millrace};
use futures_util::{StreamExt, stream};
use millrace_stack::{Collector, Receiver, Seen, Service, Stack, Tenant, wait_for};
use serde_json::{Value, json};

/// An address for a setting of each form. The first that a setting takes is tried; nothing answers at any of them.
const ADDRESSES: [&str; 9] = [
    "http://u:S3cr3tW0rd@127.0.0.1:9/p",
    "http://u:S3cr3tW0rd@127.0.0.1:9",
    "u:S3cr3tW0rd@127.0.0.1:9",
    "amqp://u:S3cr3tW0rd@127.0.0.1:9/v",
    "postgresql://u:S3cr3tW0rd@127.0.0.1:9/d",
    "http://127.0.0.1:9/services/S3cr3tW0rd",
    "http://127.0.0.1:9/p?token=S3cr3tW0rd",
    "service.name=http://u:S3cr3tW0rd@127.0.0.1:9,region=u:S3cr3tW0rd@h",
    "authorization=Bearer S3cr3tW0rd",
];

/// Where all that leaves the process goes, beside its log and its pages.
struct Ears {
    receiver: Receiver,
    collector: Collector,
}

// === impl Ears ===

impl Ears {
    async fn open() -> Self {
        Self {
            receiver: Receiver::start().await.unwrap(),
            collector: Collector::start().await.unwrap(),
        }
    }

    fn settings(&self) -> Vec<(&'static str, String)> {
        let settings = [
            ("ALERT_SLACK_WEBHOOK_URL", self.receiver.url("/slack")),
            (
                "ALERT_PAGERDUTY_ROUTING_KEY",
                "R0UT1NGKEY0123456789abcdef012345".to_owned(),
            ),
            ("ALERT_PAGERDUTY_URL", self.receiver.url("/pagerduty")),
            ("OTEL_EXPORTER_OTLP_ENDPOINT", self.collector.http_endpoint()),
        ];
        let how = [
            ("ALERT_INTERVAL_SECONDS", "0.1"),
            ("ALERT_HOLD_SECONDS", "0"),
            ("OTEL_BSP_SCHEDULE_DELAY", "50"),
            ("RABBITMQ_CONNECT_TIMEOUT_SECONDS", "2"),
            ("MINIO_REQUEST_ATTEMPTS", "1"),
            ("MAX_RETRY_ATTEMPTS", "1"),
            ("LOG_LEVEL", "trace"),
            ("LOG_FORMAT", "json"),
        ];
        settings
            .into_iter()
            .chain(how.map(|(name, value)| (name, value.to_owned())))
            .collect()
    }

    /// Nothing that was sent shows the secret.
    fn heard_nothing(&self, why: &str) {
        for post in self.receiver.posts() {
            assert_silent(&format!("{why}: an alert"), &format!("{post:?}"));
        }
        for span in self.collector.spans() {
            assert_silent(&format!("{why}: a span"), &format!("{span:?}"));
        }
    }
}

fn borrowed<'a>(settings: &'a [(&'static str, String)]) -> Vec<(&'a str, &'a str)> {
    settings
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect()
}

/// Every page and every route of the API that asks for nothing in particular, and these.
async fn pages_are_silent(why: &str, service: &Service, more: &[String]) {
    let (_, document) = service.get("/api/v1/openapi.json").await.unwrap();
    let document: Value = serde_json::from_str(&document).unwrap();
    let plain = document["paths"].as_object().into_iter().flatten();
    let plain = plain
        .map(|(path, _)| path.as_str())
        .filter(|path| !path.contains('{') && !path.ends_with("stream"));
    let mut pages: Vec<_> = plain.map(|path| format!("/api/v1{path}")).collect();
    pages.extend(["/", "/health", "/livez", "/readyz", "/metrics"].map(str::to_owned));
    pages.extend_from_slice(more);
    for page in pages {
        let (_, body) = service.get(&page).await.unwrap();
        assert_silent(&format!("{why}: {page}"), &body);
    }
}

/// The settings that take an address, by asking the program about each that it has.
async fn settings_with_addresses(tenant: &Tenant<'_>) -> Vec<(String, &'static str)> {
    let output = tenant
        .command(millrace(), &["config", "--json"], &[])
        .await
        .unwrap();
    let shown: Value = serde_json::from_slice(&output.stdout).unwrap();
    let names = shown["settings"].as_array().unwrap().iter();
    let names: Vec<_> = names
        .map(|setting| setting["name"].as_str().unwrap().to_owned())
        .collect();
    let asked = stream::iter(names.into_iter().map(async |name| {
        for address in ADDRESSES {
            // Elsewhere such a path is a path: the page links to it.
            if address.contains("/services/") && !name.starts_with("ALERT_") {
                continue;
            }
            let output = tenant
                .command(millrace(), &["config"], &[(&name, address)])
                .await
                .unwrap();
            if output.status.success() {
                return Some((name, address));
            }
        }
        None
    }));
    asked.buffered(4).filter_map(std::future::ready).collect().await
}

/// One service with this setting and, where an alert is to be sent about it, without an object store.
async fn shows_nothing(name: &str, address: &str, store: bool) {
    let why = format!("{name}={address}");
    let ears = Ears::open().await;
    let stack = Stack::shared().await;
    let tenant = stack.tenant("leaks").await.unwrap();
    let mut settings = ears.settings();
    if !store {
        settings.push(("MINIO_ENDPOINT", "127.0.0.1:1".to_owned()));
    }
    let mut settings = borrowed(&settings);
    settings.push((name, address));
    let service = tenant.service(millrace(), &settings).unwrap();
    // It gets as far as this setting lets it: it is ready, or says what is missing and tells people, or ends.
    let ended = wait_for("what becomes of the service", PATIENCE, async || {
        if service.wait_exit(std::time::Duration::ZERO).await.is_ok() {
            return Ok(true);
        }
        let (status, body) = service.get("/readyz").await.map_err(|error| error.to_string())?;
        // Of a receiver that is not there only the log tells.
        let told = match name.starts_with("ALERT_") {
            true => service.logs().iter().any(|log| log["alert.channel"].is_string()),
            false => !ears.receiver.taken("/slack").is_empty(),
        };
        if status == 200 || (told && !body.contains("not asked yet")) {
            Ok(false)
        } else {
            Err(format!("{status} {body}"))
        }
    })
    .await
    .unwrap_or_else(|error| panic!("{why}: {error:#}\n{}", service.lines().join("\n")));
    if !ended {
        pages_are_silent(&why, &service, &[]).await;
        service.terminate().await.unwrap();
    }
    assert_silent(&why, &service.lines().join("\n"));
    ears.heard_nothing(&why);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_setting_that_takes_an_address_shows_the_login_in_it() {
    let tenant = Stack::shared().await.tenant("leaks-settings").await.unwrap();
    let all = settings_with_addresses(&tenant).await;
    for known in [
        "RABBITMQ_URL",
        "RABBITMQ_VHOST",
        "EVENT_QUEUE",
        "DATABASE_URL",
        "OTEL_SERVICE_NAME",
        "OTEL_RESOURCE_ATTRIBUTES",
        "OTEL_EXPORTER_OTLP_ENDPOINT",
        "ALERT_SLACK_WEBHOOK_URL",
        "ALERT_PAGERDUTY_URL",
    ] {
        assert!(
            all.iter().any(|(name, _)| name == known),
            "{known} takes no address: {all:?}"
        );
    }
    let cases = all
        .iter()
        .flat_map(|(name, address)| [true, false].map(|store| (name, address, store)));
    stream::iter(cases)
        .for_each_concurrent(4, async |(name, address, store)| {
            shows_nothing(name, address, store).await
        })
        .await;
}

/// What became of one event, as a collector of traces is told.
async fn told_of(collector: &Collector, event_id: &str) -> Seen {
    wait_for("the span of an event", PATIENCE, async || {
        let spans = collector.spans().into_iter();
        let mut of_it =
            spans.filter(|span| span.attribute("millrace.event_id") == event_id && span.kind == "CONSUMER");
        of_it.next().ok_or("none")
    })
    .await
    .unwrap()
}

/// A library's panic may repeat the address that it could not reach.
async fn a_panic_that_says(format: &str, words: &str) {
    let ears = Ears::open().await;
    let mut settings = ears.settings();
    let faults = format!("fetch.begin=1*return(say {words})->1*off->1*return(say {words})");
    settings.extend([("LOG_FORMAT", format.to_owned()), ("FAILPOINTS", faults)]);
    let pipeline = Running::shared("leaks-panic", &borrowed(&settings)).await;
    let ids = [fresh_id(), fresh_id(), fresh_id()];
    for id in &ids {
        pipeline.batch(id, 1).await;
    }
    for letter in pipeline.dead_letters(2).await {
        assert_eq!(
            letter.header("x-millrace-reason").as_deref(),
            Some("attempts_exhausted")
        );
        assert_silent("a dead letter", &format!("{letter:?}"));
    }
    for id in &ids {
        told_of(&ears.collector, id).await;
    }
    let log = pipeline.service.lines().join("\n");
    assert!(log.contains("panic: ") && log.contains("store is away"), "{log}");
    let stories = ids.map(|id| format!("/api/v1/events/{id}"));
    pages_are_silent("a panic", &pipeline.service, &stories).await;
    assert_eq!(pipeline.service.terminate().await.unwrap(), Some(0));
    assert_silent("the log", &pipeline.service.lines().join("\n"));
    let marks: Vec<_> = ears
        .collector
        .spans()
        .into_iter()
        .flat_map(|span| span.events)
        .collect();
    assert!(
        marks.iter().any(|mark| mark.contains("store is away")),
        "{marks:?}"
    );
    ears.heard_nothing("a panic");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_that_repeats_an_address_shows_no_login() {
    for (format, words) in [
        (
            "json",
            "http://u:S3cr3tW0rd@h:9000/b?sig=S3cr3tW0rd: store is away",
        ),
        (
            "pretty",
            "store is away: host=h password=S3cr3tW0rd, u:S3cr3tW0rd@h",
        ),
    ] {
        a_panic_that_says(format, words).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_names_an_address_shows_no_login() {
    let ears = Ears::open().await;
    let settings = ears.settings();
    let pipeline = Running::shared("leaks-event", &borrowed(&settings)).await;
    let paths = [
        "http://u:S3cr3tW0rd@elsewhere:9000/b/k.json",
        "u:S3cr3tW0rd@elsewhere/k.json",
        "s3://u:S3cr3tW0rd@elsewhere/k.json?X-Amz-Signature=S3cr3tW0rd",
    ];
    let mut ids = Vec::new();
    for path in paths {
        let id = fresh_id();
        pipeline.announce(&id, path).await;
        ids.push(id);
    }
    // What is no id may be an address too: an item's fields go to tables only, an event's to the log and the spans.
    let odd = fresh_id();
    let path = pipeline.put("tiktok/odd.json", batch_of("odd", 1)).await;
    let mut body = event(&odd, &path);
    for field in ["platform", "task_type", "keyword", "brand_name", "user_id"] {
        body["payload"][field] = json!(format!("http://u:{WORD}@h/"));
    }
    pipeline.publish(body.to_string()).await;
    pipeline.stored(std::slice::from_ref(&odd)).await;
    ids.push(odd);
    for letter in pipeline.dead_letters(paths.len()).await {
        let headers: Vec<_> = ["reason", "detail"]
            .map(|name| letter.header(&format!("x-millrace-{name}")))
            .into();
        assert_silent("the headers of a dead letter", &format!("{headers:?}"));
    }
    for id in &ids {
        told_of(&ears.collector, id).await;
    }
    assert_eq!(pipeline.tenant.peek(DLQ, 9).await.unwrap().len(), paths.len());
    let stories: Vec<_> = ids.iter().map(|id| format!("/api/v1/events/{id}")).collect();
    pages_are_silent("an event", &pipeline.service, &stories).await;
    assert_eq!(pipeline.service.terminate().await.unwrap(), Some(0));
    assert_silent("the log", &pipeline.service.lines().join("\n"));
    ears.heard_nothing("an event");
}
