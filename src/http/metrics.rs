//! `/metrics`, in OpenMetrics for those who ask for it and in the older Prometheus text for the rest.

use super::HttpState;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use prometheus_client::encoding::text::encode;

const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
const PROMETHEUS: &str = "text/plain; version=0.0.4; charset=utf-8";

pub(super) async fn metrics(State(state): State<HttpState>, headers: HeaderMap) -> Response {
    let mut text = String::new();
    if let Err(error) = encode(&mut text, &state.registry) {
        tracing::error!(%error, "cannot encode the metrics");
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    }
    let accept = headers
        .get(header::ACCEPT)
        .and_then(|accept| accept.to_str().ok());
    if accept.is_some_and(|accept| accept.contains("application/openmetrics-text")) {
        return ([(header::CONTENT_TYPE, OPENMETRICS)], text).into_response();
    }
    ([(header::CONTENT_TYPE, PROMETHEUS)], to_prometheus(&text)).into_response()
}

/// The samples are the same in both; the older text names counters with their `_total`, and has neither
/// units nor an end marker.
fn to_prometheus(text: &str) -> String {
    let mut counters: Vec<&str> = Vec::new();
    for line in text.lines() {
        if let Some(name) = line
            .strip_prefix("# TYPE ")
            .and_then(|rest| rest.strip_suffix(" counter"))
        {
            counters.push(name);
        }
    }
    let mut converted = String::with_capacity(text.len());
    for line in text.lines() {
        let mut words = line.splitn(4, ' ');
        match (words.next(), words.next(), words.next(), words.next()) {
            (Some("#"), Some("EOF" | "UNIT"), ..) => continue,
            (Some("#"), Some(kind @ ("HELP" | "TYPE")), Some(name), Some(rest)) => {
                let total = if counters.contains(&name) { "_total" } else { "" };
                let rest = if kind == "TYPE" && rest == "unknown" {
                    "untyped"
                } else {
                    rest
                };
                converted += &format!("# {kind} {name}{total} {rest}");
            }
            _ => converted += line,
        }
        converted.push('\n');
    }
    converted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_keep_their_total_in_the_older_text() {
        let open = "# HELP a_events Events.\n# TYPE a_events counter\na_events_total 3\n\
                    # HELP a_depth Depth of it.\n# TYPE a_depth gauge\n# UNIT a_depth rows\na_depth{x=\"a b c d\"} 1\n# EOF\n";
        let older = "# HELP a_events_total Events.\n# TYPE a_events_total counter\na_events_total 3\n\
                     # HELP a_depth Depth of it.\n# TYPE a_depth gauge\na_depth{x=\"a b c d\"} 1\n";
        assert_eq!(to_prometheus(open), older);
    }
}
