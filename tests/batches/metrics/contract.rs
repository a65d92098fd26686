//! The metrics that dashboards and alerts rely on: names, types, units, labels and their values.

use millrace_oracle::ERROR_CODES;
use millrace_stack::{Metrics, Tool};
use std::{collections::BTreeSet, io::Write, process::Command, process::Stdio};

/// Name, type, labels.
type Promise = (&'static str, &'static str, &'static [&'static str]);

const PROMISED: &[Promise] = &[
    ("events_received_total", "counter", &[]),
    ("events_processed_total", "counter", &["platform"]),
    ("events_failed_total", "counter", &["reason"]),
    ("event_processing_duration_seconds", "histogram", &["platform"]),
    ("batches_fetched_total", "counter", &[]),
    ("batches_processed_total", "counter", &["platform", "status"]),
    ("batch_fetch_duration_seconds", "histogram", &[]),
    ("batch_parse_duration_seconds", "histogram", &[]),
    ("items_processed_total", "counter", &["platform", "status"]),
    ("items_success_total", "counter", &[]),
    ("items_error_total", "counter", &[]),
    ("success_rate", "gauge", &["platform"]),
    ("error_rate", "gauge", &["platform"]),
    ("errors_by_code_total", "counter", &["error_code", "platform"]),
    ("errors_by_category_total", "counter", &["category"]),
    ("errors_by_platform_total", "counter", &["platform"]),
    (
        "batch_size_mismatch_total",
        "counter",
        &["actual_size", "expected_size", "platform"],
    ),
    ("rabbitmq_connection_status", "gauge", &[]),
    ("minio_connection_errors_total", "counter", &[]),
    ("database_connection_pool_size", "gauge", &[]),
    ("actor_restarts_total", "counter", &["actor", "cause", "pipeline"]),
    ("actor_up", "gauge", &["actor", "pipeline"]),
    ("actor_mailbox_depth", "gauge", &["actor", "pipeline"]),
    ("inflight_events", "gauge", &[]),
    ("inflight_bytes", "gauge", &[]),
    ("inflight_limit_bytes", "gauge", &[]),
    ("inflight_limit_events", "gauge", &["pipeline"]),
    ("ready", "gauge", &["pipeline"]),
    ("dependency_up", "gauge", &["dependency", "pipeline"]),
    ("queue_messages", "gauge", &["pipeline", "queue"]),
    ("redeliveries_total", "counter", &[]),
    ("duplicates_total", "counter", &[]),
    ("fetches_spared_total", "counter", &[]),
    ("ledger_questions_total", "counter", &[]),
    ("retries_total", "counter", &["stage"]),
    ("dead_letters_total", "counter", &["reason"]),
    ("write_batch_rows", "histogram", &[]),
    ("write_duration_seconds", "histogram", &[]),
    ("rows_written_total", "counter", &["table"]),
    ("publish_errors_total", "counter", &[]),
    ("messages_renewed_total", "counter", &[]),
    ("job_id_unparsed_total", "counter", &[]),
];

/// What every Prometheus client library shows of its process.
const OF_PROCESS: [(&str, &str); 7] = [
    ("process_cpu_seconds_total", "counter"),
    ("process_resident_memory_bytes", "gauge"),
    ("process_virtual_memory_bytes", "gauge"),
    ("process_start_time_seconds", "gauge"),
    ("process_open_fds", "gauge"),
    ("process_max_fds", "gauge"),
    ("process_threads", "gauge"),
];

const REASONS: &str = "malformed_event unsupported_event_type bad_path bucket_not_allowed object_missing \
    object_too_large decompression_failed decompressed_too_large malformed_json too_deep too_many_items \
    row_refused attempts_exhausted killed_worker undecodable_message";

const PLATFORMS: &str = "tiktok youtube other";
const STAGES: &str = "none fetcher parser writer quarantine";
const CAUSES: &str = "outage panic hung broken";
const STATEMENTS: &str = "mark attempt give_back clear";
const TABLES: &str = "post_analytics authors comments crawl_errors rejected_items ingested_batches";
const REPAIRS: &str = "timestamp_missing timestamp_unreadable job_id_unparsed job_id_missing platform_missing \
    event_id_derived field_ignored text_cleaned";

/// Counters whose series are all there at the first scrape, those too that no corpus makes count: label and values.
const FROM_THE_START: &[(&str, &[(&str, &str)])] = &[
    ("retries_total", &[("stage", STAGES)]),
    ("events_failed_total", &[("reason", REASONS)]),
    ("dead_letters_total", &[("reason", REASONS)]),
    ("quarantine_statements_total", &[("statement", STATEMENTS)]),
    ("event_fields_repaired_total", &[("kind", REPAIRS)]),
    ("rows_written_total", &[("table", TABLES)]),
    ("events_processed_total", &[("platform", PLATFORMS)]),
    ("content_count_mismatch_total", &[("platform", PLATFORMS)]),
    ("errors_by_platform_total", &[("platform", PLATFORMS)]),
    (
        "items_processed_total",
        &[("platform", PLATFORMS), ("status", "success error rejected")],
    ),
    (
        "batches_processed_total",
        &[
            ("platform", PLATFORMS),
            ("status", "success partial error duplicate"),
        ],
    ),
    (
        "actor_restarts_total",
        &[
            ("actor", "ingress fetcher-0 parser-0 writer-0"),
            ("cause", CAUSES),
        ],
    ),
];

/// The category of a code as it is stored; `None` for a code that the list does not have.
pub(super) fn category(code: &str) -> Option<&'static str> {
    let has = |(_, codes): &&(&str, &str)| codes.split(' ').any(|known| known == code);
    ERROR_CODES.iter().find(has).map(|(category, _)| *category)
}

/// Every promised metric is there, of its type and with its labels.
pub(super) fn assert_as_promised(text: &str) {
    let metrics = Metrics::parse(text);
    let types: BTreeSet<&str> = text
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE "))
        .collect();
    for (name, kind) in OF_PROCESS {
        assert!(
            types.contains(format!("{name} {kind}").as_str()),
            "no {name}:\n{text}"
        );
        assert!(metrics.sum(name, &[]) > Some(0.0), "{name}");
    }
    for (name, kind, labels) in PROMISED {
        let name = format!("analytics_{name}");
        assert!(
            types.contains(format!("{name} {kind}").as_str()),
            "{name} is no {kind}:\n{text}"
        );
        let sample = match *kind {
            "histogram" => format!("{name}_count"),
            _ => name.clone(),
        };
        for sample in metrics.samples(&sample, &[]) {
            let found: Vec<_> = sample.labels.keys().map(String::as_str).collect();
            assert_eq!(found, *labels, "labels of {name}");
        }
    }
}

/// A failure that comes seldom is seen by `rate` only if its series was there before.
pub(super) fn assert_there_from_the_start(text: &str) {
    let metrics = Metrics::parse(text);
    let is_there = |name: &str, labels: &[(&str, &str)]| {
        let found = metrics.sum(&format!("analytics_{name}"), labels);
        assert!(found.is_some(), "no {name} {labels:?} at the start");
    };
    for (name, labels) in FROM_THE_START {
        let combinations = labels.iter().fold(vec![vec![]], |made, (label, values)| {
            let longer = |(begun, value): (&Vec<_>, _)| [&begun[..], &[(*label, value)]].concat();
            let values: Vec<_> = values.split_whitespace().collect();
            made.iter()
                .flat_map(|begun| values.iter().map(move |value| (begun, *value)))
                .map(longer)
                .collect()
        });
        for labels in combinations {
            is_there(name, &labels);
        }
    }
    for (category, codes) in ERROR_CODES {
        is_there("errors_by_category_total", &[("category", category)]);
        for code in codes.split(' ').chain(["other"]) {
            for platform in PLATFORMS.split(' ') {
                let labels = [("error_code", code), ("platform", platform)];
                is_there("errors_by_code_total", &labels);
            }
        }
    }
}

/// No label has a value that came from outside.
pub(super) fn assert_bounded(text: &str) {
    for sample in Metrics::parse(text).all() {
        for (label, value) in &sample.labels {
            assert!(is_bounded(label, value), "{} has {label}={value:?}", sample.name);
        }
    }
}

/// Whether the label's values are a closed set that this value belongs to.
pub(super) fn is_bounded(label: &str, value: &str) -> bool {
    let one_of = |words: &str| words.split(' ').any(|word| word == value);
    match label {
        "pipeline" => one_of("batches"),
        "platform" => one_of("tiktok youtube other unknown"),
        "status" => one_of("success error rejected partial duplicate"),
        "reason" => REASONS.split_whitespace().any(|reason| reason == value),
        "error_code" => value == "other" || category(value).is_some(),
        "category" => value == "unknown" || ERROR_CODES.iter().any(|(category, _)| *category == value),
        "stage" => one_of(STAGES),
        "cause" => one_of(CAUSES),
        "rule" => millrace::pipelines::batches_alert_rules()
            .iter()
            .any(|rule| rule.name == value),
        "channel" => one_of("slack pagerduty"),
        "outcome" => one_of("exported failed dropped") || one_of("sent failed refused replaced unsent"),
        "statement" => one_of(STATEMENTS),
        "table" => one_of(TABLES),
        "dependency" => one_of("rabbitmq object_store database"),
        "queue" => one_of("work dead_letters"),
        "expected_size" => one_of("50 20"),
        "actual_size" => value == "more" || value.parse::<u32>().is_ok_and(|size| size <= 50),
        "actor" => {
            value == "ingress"
                || value.split_once('-').is_some_and(|(stage, number)| {
                    ["fetcher", "parser", "writer"].contains(&stage)
                        && number.parse::<u32>().is_ok_and(|n| n < 64)
                })
        }
        "le" => value == "+Inf" || value.parse::<f64>().is_ok(),
        // Fixed sets of ours.
        "kind" => {
            value.len() < 40
                && value
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        }
        _ => false,
    }
}

/// `promtool check metrics` has nothing to say.
pub(super) fn assert_promtool_is_content(text: &str) {
    let promtool = Tool::PROMTOOL.find().unwrap_or_else(|error| panic!("{error:#}"));
    let mut child = Command::new(promtool)
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let said = child.wait_with_output().unwrap();
    let words = [said.stdout, said.stderr].concat();
    assert!(
        said.status.success() && words.is_empty(),
        "{}: {}\n{text}",
        said.status,
        String::from_utf8_lossy(&words)
    );
}
