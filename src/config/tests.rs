//! The settings as a whole: every rule at the surface, every problem at once, no secret shown.

mod env_file;
mod files;

use super::*;
use crate::pipelines::BatchesSettings;
use millrace_objects::StoreSettings;
use proptest::prelude::*;
use secrecy::ExposeSecret;
use std::io::Write;

const REQUIRED: [(&str, &str); 4] = [
    ("RABBITMQ_PASSWORD", "rabbit-secret"),
    ("MINIO_ACCESS_KEY", "minio-access"),
    ("MINIO_SECRET_KEY", "minio-secret"),
    ("DATABASE_URL", "postgresql://ana:db-secret@db:5432/analytics"),
];

/// The required settings, with these on top; an empty value takes one away.
fn load(changes: &[(&str, &str)]) -> Result<Config, ConfigError> {
    Config::load(&Source::from_variables(with(changes)))
}

fn with(changes: &[(&str, &str)]) -> Vec<(String, String)> {
    let mut variables: std::collections::BTreeMap<&str, &str> = REQUIRED.into_iter().collect();
    variables.extend(changes.iter().copied());
    variables
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

/// Names of the settings that were refused.
fn refused(changes: &[(&str, &str)]) -> Vec<String> {
    let error = load(changes).expect_err("should be refused");
    error.problems.into_iter().map(|problem| problem.name).collect()
}

fn value_of(config: &Config, name: &str) -> (Option<String>, Origin) {
    let entry = config.in_force.iter().find(|entry| entry.name == name).unwrap();
    (entry.value.clone(), entry.origin.clone())
}

fn password(config: &Config) -> String {
    let broker = batches(config).amqp.broker.last();
    broker.password.as_ref().unwrap().expose_secret().to_owned()
}

pub(super) fn batches(config: &Config) -> &BatchesSettings {
    config.of().expect("it runs where nothing else is said")
}

#[test]
fn defaults_are_those_of_the_service_it_replaces() {
    let config = load(&[]).unwrap();
    let (amqp, broker) = (&batches(&config).amqp, batches(&config).amqp.broker.last());
    assert_eq!(
        (broker.host.as_str(), broker.port, broker.user.as_str()),
        ("localhost", 5672, "analytics")
    );
    assert_eq!((broker.vhost.as_str(), broker.tls), ("/", false));
    assert_eq!(amqp.exchange, "smap.events");
    assert_eq!(amqp.queue, "analytics.data.collected");
    assert_eq!(amqp.routing_key, "data.collected");
    assert!(amqp.new_mode && amqp.legacy_queues.is_empty());
    assert_eq!(amqp.retry.max_attempts, 3);
    assert_eq!(amqp.retry.max_delay, Duration::from_secs(30));
    assert_eq!(batches(&config).fetcher.buckets, ["crawl-results"]);
    assert_eq!(batches(&config).fetcher.max_object_bytes, 64 << 20);
    assert_eq!(batches(&config).parser.limits, Default::default());
    assert!(
        batches(&config)
            .parser
            .error_policy
            .permanent
            .contains("CONTENT_REMOVED")
    );
    assert_eq!(batches(&config).postgres.pool_size, 30);
    assert_eq!(
        batches(&config).workers,
        WorkerCounts {
            fetchers: 5,
            parsers: 10,
            writers: 2
        }
    );
    assert_eq!(config.memory_budget, 256 << 20);
    assert_eq!(config.shutdown_grace, Duration::from_secs(25));
    assert_eq!(config.stage_deadline, Duration::from_secs(120));
    assert!(batches(&config).auto_migrate && config.http.enabled);
    assert_eq!(config.http.port, 9090);
    assert_eq!(config.warnings, Vec::<String>::new());
}

#[test]
fn every_problem_is_reported_at_once_and_by_name() {
    let names = refused(&[
        ("RABBITMQ_PASSWORD", ""),
        ("MINIO_SECRET_KEY", " "),
        ("DATABASE_URL", "mysql://x"),
        ("RABBITMQ_PORT", "http"),
        ("MAX_WORKERS", "0"),
        ("RETRY_INITIAL_DELAY", "60"),
        ("LOG_FORMAT", "xml"),
        ("METRICS_ENABLED", "perhaps"),
        ("NEW_MODE_ENABLED", "false"),
        ("PERMANENT_ERROR_CODES", "TIMEOUT"),
        ("MAX_DECOMPRESSED_MB", "32"),
        ("STAGE_DEADLINE_SECONDS", "100"), // an honest fetch and statement take as long
    ]);
    for name in [
        "RABBITMQ_PASSWORD",
        "MINIO_SECRET_KEY",
        "DATABASE_URL",
        "RABBITMQ_PORT",
        "MAX_WORKERS",
        "RETRY_INITIAL_DELAY",
        "LOG_FORMAT",
        "METRICS_ENABLED",
        "NEW_MODE_ENABLED and LEGACY_MODE_ENABLED",
        "PERMANENT_ERROR_CODES and TRANSIENT_ERROR_CODES",
        "MAX_DECOMPRESSED_MB",
        "STAGE_DEADLINE_SECONDS",
    ] {
        assert_eq!(
            names.iter().filter(|refused| *refused == name).count(),
            1,
            "{name} in {names:?}"
        );
    }
    assert_eq!(names.len(), 12, "{names:?}");
}

#[test]
fn nothing_set_names_everything_that_is_required() {
    let error = Config::load(&Source::default()).unwrap_err();
    let names: Vec<&str> = error
        .problems
        .iter()
        .map(|problem| problem.name.as_str())
        .collect();
    assert_eq!(
        names,
        [
            "RABBITMQ_PASSWORD",
            "MINIO_ACCESS_KEY",
            "MINIO_SECRET_KEY",
            "DATABASE_URL"
        ]
    );
}

#[test]
fn every_setting_of_the_table_is_read_and_shown_in_its_order() {
    let documented: Vec<&str> = table::all().map(|setting| setting.about().name).collect();
    let mut unread = documented.clone();
    for pipeline in crate::pipelines::all() {
        let config = load(&[("PIPELINES", pipeline.name())]).unwrap();
        let read: Vec<&str> = config.in_force.iter().map(|entry| entry.name).collect();
        let place = |name: &&str| documented.iter().position(|known| known == name).unwrap();
        // One reads its groups in an order of its own; what all read comes first, and a group stays together.
        assert!(read.iter().map(place).is_sorted() || pipeline.name() != crate::pipelines::DEFAULT);
        unread.retain(|name| !read.contains(name));
    }
    assert_eq!(unread, Vec::<&str>::new());
}

#[test]
fn a_url_wins_over_the_single_names() {
    let config = load(&[
        ("RABBITMQ_URL", "amqps://ana:p%40ss@mq.example/%2Fprod"),
        ("RABBITMQ_PASSWORD", ""),
        ("RABBITMQ_HOST", "elsewhere"),
    ])
    .unwrap();
    let amqp = batches(&config).amqp.broker.last();
    assert_eq!(
        (amqp.host.as_str(), amqp.port, amqp.tls),
        ("mq.example", 5671, true)
    );
    assert_eq!((amqp.user.as_str(), amqp.vhost.as_str()), ("ana", "/prod"));
    assert_eq!(password(&config), "p@ss");
    assert_eq!(
        config.warnings,
        ["RABBITMQ_HOST is not used: RABBITMQ_URL names another one"]
    );
    assert_eq!(
        value_of(&config, "RABBITMQ_PORT"),
        (Some("5671".to_owned()), Origin::Derived("RABBITMQ_USE_SSL"))
    );
}

#[test]
fn a_url_without_a_password_takes_the_single_one() {
    let config = load(&[("RABBITMQ_URL", "amqp://mq:5673")]).unwrap();
    assert_eq!(password(&config), "rabbit-secret");
    assert_eq!(
        (
            batches(&config).amqp.broker.last().port,
            batches(&config).amqp.broker.last().user.as_str()
        ),
        (5673, "analytics")
    );
    let url = ("RABBITMQ_URL", "amqp://mq:5673");
    assert_eq!(refused(&[url, ("RABBITMQ_PASSWORD", "")]), ["RABBITMQ_PASSWORD"]);
}

#[test]
fn a_password_of_digits_is_text() {
    let config = load(&[("RABBITMQ_PASSWORD", "0012345")]).unwrap();
    assert_eq!(password(&config), "0012345");
}

#[test]
fn a_service_link_of_kubernetes_is_no_port() {
    let config = load(&[
        ("RABBITMQ_PORT", "tcp://10.0.0.7:4369"),
        ("METRICS_PORT", "tcp://10.0.0.9:80"),
    ])
    .unwrap();
    assert_eq!(
        (batches(&config).amqp.broker.last().port, config.http.port),
        (5672, 9090)
    );
    assert_eq!(config.warnings, Vec::<String>::new());
}

#[test]
fn prefetch_is_sized_unless_it_is_set() {
    let config = load(&[]).unwrap();
    assert_eq!(batches(&config).amqp.prefetch, 34);
    assert_eq!(value_of(&config, "EVENT_PREFETCH_COUNT").0.as_deref(), Some("34"));
    assert_eq!(
        batches(&load(&[("EVENT_PREFETCH_COUNT", "1")]).unwrap())
            .amqp
            .prefetch,
        1
    );
    assert_eq!(
        refused(&[("EVENT_PREFETCH_COUNT", "0")]),
        ["EVENT_PREFETCH_COUNT"]
    );
}

#[test]
fn another_store_needs_no_minio_keys() {
    let file = [
        ("OBJECT_STORE_URL", "file:///data"),
        ("MINIO_ACCESS_KEY", ""),
        ("MINIO_SECRET_KEY", ""),
    ];
    let config = load(&[&file[..], &[("AWS_REGION", "eu"), ("HOME", "/root")]].concat()).unwrap();
    let StoreSettings::Url { url, options } = batches(&config).fetcher.store.clone() else {
        panic!("not a url")
    };
    assert_eq!(url, "file:///data");
    let [(name, value)] = options.as_slice() else {
        panic!("{options:?}")
    };
    assert_eq!((name.as_str(), value.expose_secret()), ("AWS_REGION", "eu"));
}

#[test]
fn both_modes_off_is_refused_and_legacy_alone_is_not() {
    let off = ("NEW_MODE_ENABLED", "false");
    assert_eq!(refused(&[off]), ["NEW_MODE_ENABLED and LEGACY_MODE_ENABLED"]);
    let config = load(&[off, ("LEGACY_MODE_ENABLED", "True")]).unwrap();
    assert!(!batches(&config).amqp.new_mode);
    assert_eq!(
        batches(&config).amqp.legacy_queues,
        ["tiktok_result_queue", "youtube_result_queue"]
    );
    let both = [
        ("LEGACY_MODE_ENABLED", "true"),
        ("LEGACY_QUEUES", "analytics.data.collected"),
    ];
    assert_eq!(refused(&both), ["EVENT_QUEUE"]);
    let none = [("LEGACY_MODE_ENABLED", "true"), ("LEGACY_QUEUES", "[]")];
    assert_eq!(refused(&none), ["LEGACY_QUEUES"]);
}

#[test]
fn limits_that_contradict_each_other_are_refused() {
    let pool = [("DATABASE_POOL_SIZE", "1"), ("DATABASE_MAX_OVERFLOW", "0")];
    assert_eq!(refused(&pool), ["DATABASE_POOL_SIZE and DATABASE_MAX_OVERFLOW"]);
    assert_eq!(refused(&[("RETRY_MAX_DELAY", "0.5")]), ["RETRY_INITIAL_DELAY"]);
    assert_eq!(refused(&[("MAX_OBJECT_MB", "512")]), ["MAX_DECOMPRESSED_MB"]);
    let scheme = [("MINIO_ENDPOINT", "http://minio:9000"), ("MINIO_USE_SSL", "true")];
    assert_eq!(refused(&scheme), ["MINIO_ENDPOINT"]);
}

#[test]
fn limits_that_only_look_odd_are_warned_about() {
    let config = load(&[("SHUTDOWN_GRACE_SECONDS", "5"), ("MEMORY_BUDGET_MB", "32")]).unwrap();
    assert_eq!(config.warnings.len(), 3, "{:?}", config.warnings);
}

#[test]
fn two_names_of_one_setting_must_agree() {
    let alias = ("EVENT_QUEUE_NAME", "q1");
    assert_eq!(batches(&load(&[alias]).unwrap()).amqp.queue, "q1");
    assert_eq!(
        batches(&load(&[alias, ("EVENT_QUEUE", "q1")]).unwrap())
            .amqp
            .queue,
        "q1"
    );
    assert_eq!(
        refused(&[alias, ("EVENT_QUEUE", "q2")]),
        ["EVENT_QUEUE and EVENT_QUEUE_NAME"]
    );
}

#[test]
fn a_comment_or_quotes_in_a_value_are_named_in_the_hint() {
    let hint = |value| {
        load(&[("MAX_WORKERS", value)]).unwrap_err().problems[0]
            .hint
            .clone()
    };
    assert!(hint("4  # threads").starts_with("remove the comment"));
    assert!(hint("\"4\"").starts_with("remove the quotes"));
}

#[test]
fn every_secret_has_a_file_variant() {
    for setting in table::all().filter(|setting| setting.about().secrecy != setting::Secrecy::Open) {
        let name = format!("{}_FILE", setting.about().name);
        let all: Vec<_> = crate::pipelines::all().map(|pipeline| pipeline.name()).collect();
        let all = ("PIPELINES", all.join(","));
        let error = load(&[
            (all.0, &all.1),
            (setting.about().name, ""),
            (&name, "/nowhere/secret"),
        ])
        .unwrap_err();
        assert!(
            error.problems.iter().any(|problem| problem.name == name),
            "{name}"
        );
    }
}

#[test]
fn migrate_needs_the_database_only() {
    let url = ("DATABASE_URL", "postgresql://db/analytics");
    assert!(Config::load_schemas(&Source::from_variables([url])).is_ok());
    let error = Config::load_schemas(&Source::default()).err().unwrap();
    assert_eq!(error.problems.len(), 1);
}

proptest! {
    /// Good, bad or contradictory: no secret is in anything that is printed.
    #[test]
    fn no_secret_is_ever_shown(secret in "[A-Z]{8}[a-z0-9@:/?#%'\" ]{0,8}", port in "[a-z0-9]{1,5}") {
        let url = format!("amqp://ana:{secret}@mq:{port}/v");
        let database = format!("postgresql://ana:{secret}@db/analytics?password={secret}");
        let slack = format!("https://hooks.example/{secret}");
        let variables = [
            ("RABBITMQ_URL", url.as_str()),
            ("RABBITMQ_PASSWORD", &secret),
            ("RABBITMQ_PASSWROD", &secret),
            ("MINIO_ACCESS_KEY", &secret),
            ("MINIO_SECRET_KEY", &secret),
            ("DATABASE_URL", &database),
            ("ALERT_SLACK_WEBHOOK_URL", &slack),
            ("AWS_SECRET_ACCESS_KEY", &secret),
            ("METRICS_PORT", &port),
        ];
        let printed = match load(&variables) {
            Ok(config) => format!("{config:?} {:?} {:?}", config.warnings, config.in_force),
            Err(error) => format!("{error} {error:?}"),
        };
        prop_assert!(!printed.contains(&secret[..8]), "{}", printed);
    }
}

#[test]
fn amqp_names_may_hold_what_amqp_allows() {
    let odd = "Smap.Events.DataCollected, Smap.Events_analytics";
    let config = load(&[
        ("EVENT_QUEUE", odd),
        ("EVENT_EXCHANGE", "smap/events"),
        ("EVENT_ROUTING_KEY", "data collected"),
        ("LEGACY_MODE_ENABLED", "true"),
        ("LEGACY_QUEUES", r#"["a, b", "smap/data+collected"]"#),
    ])
    .unwrap();
    assert_eq!(batches(&config).amqp.queue, odd);
    assert_eq!(batches(&config).amqp.exchange, "smap/events");
    assert_eq!(batches(&config).amqp.routing_key, "data collected");
    assert_eq!(
        batches(&config).amqp.legacy_queues,
        ["a, b", "smap/data+collected"]
    );
}

#[test]
fn a_name_that_is_too_long_with_what_is_appended_is_refused_at_start() {
    let fits = "q".repeat(255 - ".retry.30000ms".len());
    assert!(load(&[("EVENT_QUEUE", fits.as_str())]).is_ok());
    let long = format!("{fits}q");
    assert_eq!(refused(&[("EVENT_QUEUE", long.as_str())]), ["EVENT_QUEUE"]);
    let legacy = [("LEGACY_MODE_ENABLED", "true"), ("LEGACY_QUEUES", long.as_str())];
    assert_eq!(refused(&legacy), ["LEGACY_QUEUES"]);
    let vhost = "v".repeat(256);
    assert_eq!(refused(&[("RABBITMQ_VHOST", vhost.as_str())]), ["RABBITMQ_VHOST"]);
}

#[test]
fn pipelines_are_named_each_once_or_refused() {
    let named = |names| load(&[("PIPELINES", names)]).unwrap().pipelines.len();
    assert_eq!((named("batches"), named(" batches,batches ")), (1, 1));
    assert_eq!(refused(&[("PIPELINES", ",")]), ["PIPELINES"]);
    assert_eq!(refused(&[("PIPELINES", "batches,batch")]), ["PIPELINES"]);
}
