//! Variables that look like ours and are not: most likely a typing error.

use super::likeness::{did_you_mean, distance};
use super::source::{Source, is_service_link};
use super::table;

/// Prefixes that no other program has a reason to use.
const OURS: [&str; 12] = [
    "RABBITMQ_",
    "EVENT_",
    "MINIO_",
    "DATABASE_",
    "MILLRACE_",
    "RETRY_",
    "METRICS_",
    "OBJECT_",
    "LEGACY_",
    "PUBLISH_",
    "ALERT_",
    "SHUTDOWN_",
];

/// What the images of the servers themselves read; an environment file is often shared with them.
const NEIGHBOURS: [&str; 12] = [
    "RABBITMQ_DEFAULT_",
    "RABBITMQ_ERLANG_COOKIE",
    "RABBITMQ_NODE",
    "RABBITMQ_MANAGEMENT_",
    "RABBITMQ_CONFIG_",
    "RABBITMQ_SERVER_",
    "RABBITMQ_USE_LONGNAME",
    "MINIO_ROOT_",
    "MINIO_SERVER_",
    "MINIO_BROWSER",
    "MINIO_VOLUMES",
    "MINIO_DOMAIN",
];

/// One sentence for each name that is not a setting but looks like one.
pub(super) fn warnings(source: &Source) -> Vec<String> {
    let known: Vec<String> = table::all()
        .flat_map(|setting| setting.about().variables())
        .collect();
    let mut warnings: Vec<String> = Vec::new();
    for layer in source.layers() {
        for (name, value) in layer.variables() {
            if known.iter().any(|known| known == name) || !looks_like_ours(name, value, &known) {
                continue;
            }
            let advice = did_you_mean(name, known.iter().map(String::as_str));
            let warning = format!("{name} is not a setting of millrace{advice}");
            if !warnings.contains(&warning) {
                warnings.push(warning);
            }
        }
    }
    warnings
}

/// A name under one of our prefixes, or one letter or two away from a setting's name. The prefixes that
/// any program may use, such as `MAX_` or `LOG_`, are taken for ours only for that.
fn looks_like_ours(name: &str, value: &str, known: &[String]) -> bool {
    let upper = name.to_ascii_uppercase();
    if is_from_kubernetes(&upper, value) || NEIGHBOURS.iter().any(|prefix| upper.starts_with(prefix)) {
        return false;
    }
    let near = || upper.len() >= 8 && known.iter().any(|candidate| distance(&upper, candidate) <= 2);
    OURS.iter().any(|prefix| upper.starts_with(prefix)) || near()
}

/// `X_SERVICE_HOST`, `X_SERVICE_PORT…`, `X_PORT=tcp://…`, `X_PORT_9000_TCP…`.
fn is_from_kubernetes(name: &str, value: &str) -> bool {
    let port = || {
        let (_, rest) = name.split_once("_PORT_")?;
        let protocol = rest.trim_start_matches(|c: char| c.is_ascii_digit());
        Some(protocol.len() < rest.len() && ["_TCP", "_UDP", "_SCTP"].iter().any(|p| protocol.starts_with(p)))
    };
    name.ends_with("_SERVICE_HOST")
        || name.ends_with("_SERVICE_PORT")
        || name.contains("_SERVICE_PORT_")
        || is_service_link(name, value)
        || port() == Some(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn warned(name: &str, value: &str) -> Vec<String> {
        warnings(&Source::from_variables([(name, value)]))
    }

    #[test]
    fn a_typing_error_is_met_with_a_suggestion() {
        for (typed, meant) in [
            ("RABBITMQ_HOTS", "RABBITMQ_HOST"),
            ("RABBITMQ_PASWORD", "RABBITMQ_PASSWORD"),
            ("rabbitmq_host", "RABBITMQ_HOST"),
            ("EVENT_PREFETCH", ""),
            ("MAX_WORKER", "MAX_WORKERS"),
            ("LOG_LEVL", "LOG_LEVEL"),
            ("DATABASE_URL_FIEL", "DATABASE_URL_FILE"),
        ] {
            let warnings = warned(typed, "SECRET");
            assert_eq!(warnings.len(), 1, "{typed}");
            assert!(
                warnings[0].starts_with(typed) && warnings[0].contains(meant),
                "{}",
                warnings[0]
            );
            assert!(!warnings[0].contains("SECRET"));
        }
    }

    #[test]
    fn what_is_ours_or_of_another_program_is_left_alone() {
        for (name, value) in [
            ("RABBITMQ_HOST", "mq"),
            ("EVENT_QUEUE_NAME", "q"),
            ("MINIO_SECRET_KEY_FILE", "/run/secrets/minio"),
            ("RABBITMQ_PORT", "tcp://10.0.0.7:5672"),
            ("RABBITMQ_SERVICE_HOST", "10.0.0.7"),
            ("RABBITMQ_SERVICE_PORT_AMQP", "5672"),
            ("RABBITMQ_PORT_5672_TCP_ADDR", "10.0.0.7"),
            ("MINIO_PORT_9000_TCP", "tcp://10.0.0.8:9000"),
            ("MILLRACE_SERVICE_PORT", "9090"),
            ("METRICS_PORT", "tcp://10.0.0.9:9090"),
            ("RABBITMQ_DEFAULT_USER", "guest"),
            ("MINIO_ROOT_PASSWORD", "x"),
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "x"),
            ("NEW_RELIC_LICENSE_KEY", "x"),
            ("MAX_OLD_SPACE", "1"),
            ("LOG_DIR", "/var/log"),
            ("PATH", "/bin"),
        ] {
            assert_eq!(warned(name, value), Vec::<String>::new(), "{name}");
        }
    }
}
