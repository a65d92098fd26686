//! Rules and dashboards speak of what there is: every metric, label and value that they name, against a live scrape.

use super::{contract::is_bounded, scrape};
use crate::running::{PATIENCE, Running, batch_of, event, fresh_id};
use millrace_stack::{Metrics, Receiver, wait_for};
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

/// Labels that Prometheus adds to every sample of a target.
const OF_THE_TARGET: [&str; 3] = ["namespace", "job", "instance"];

/// What expressions use: metrics with the labels they must have, and values of labels.
#[derive(Debug, Default, PartialEq)]
struct Uses {
    labels: BTreeMap<String, BTreeSet<String>>,
    values: BTreeSet<(String, String)>,
}

// === impl Uses ===

impl Uses {
    /// What an expression of PromQL uses of ours; recorded series have a colon and are not ours.
    ///
    /// A whole parser would bring two dozen crates for this one test. Aggregations are read where the labels come
    /// first, as they do in all our expressions: `sum by (label) (expression)`.
    fn of(expression: &str) -> Self {
        let mut uses = Self::default();
        let mut rest = expression;
        while let Some(first) = rest.chars().next() {
            if first == '"' {
                (_, rest) = string(rest);
            } else if first.is_ascii_alphabetic() || first == '_' {
                let (word, after) = word(rest);
                rest = match word {
                    "by" => uses.aggregation(after),
                    "on" | "ignoring" => uses.matching(after),
                    _ if word.starts_with("analytics_") => uses.selector(word, after),
                    _ => after,
                };
            } else {
                rest = &rest[first.len_utf8()..];
            }
        }
        uses
    }

    /// `name{label="value"}`
    fn selector<'a>(&mut self, name: &str, after: &'a str) -> &'a str {
        let labels = self.labels.entry(name.to_owned()).or_default();
        let Some(mut rest) = after.strip_prefix('{') else {
            return after;
        };
        while !rest.starts_with('}') {
            let (label, after) = word(rest.trim_start_matches([' ', ',']));
            let (value, after) = string(after.trim_start_matches(['=', '!', '~']));
            assert!(!label.is_empty(), "no matcher: {rest}");
            labels.insert(label.to_owned());
            // What a reader of the dashboard chooses is not ours to check.
            let known = |value: &&str| !value.contains(['$', '.', '*']);
            let values = value.split('|').filter(known);
            self.values
                .extend(values.map(|value| (label.to_owned(), value.to_owned())));
            rest = after;
        }
        &rest[1..]
    }

    /// `by (label, label) (expression)`: every metric inside has these labels, or is given them there.
    fn aggregation<'a>(&mut self, after: &'a str) -> &'a str {
        let (labels, after) = parenthesis(after);
        let (inner, after) = parenthesis(after);
        let mut uses = Self::of(inner);
        for label in labels.split(',').map(str::trim) {
            // `label_replace` names in quotes what it adds.
            if !inner.contains(&format!("\"{label}\"")) {
                for of_metric in uses.labels.values_mut() {
                    of_metric.insert(label.to_owned());
                }
            }
        }
        self.merge(uses);
        after
    }

    /// `on (label)`: both sides are aggregated, so only labels of the target are sure to be left.
    fn matching<'a>(&mut self, after: &'a str) -> &'a str {
        let (labels, after) = parenthesis(after);
        for label in labels.split(',').map(str::trim) {
            assert!(OF_THE_TARGET.contains(&label), "on ({labels})");
        }
        after
    }

    fn merge(&mut self, other: Self) {
        for (name, labels) in other.labels {
            self.labels.entry(name).or_default().extend(labels);
        }
        self.values.extend(other.values);
    }
}

/// The word that a text begins with, and what follows.
fn word(text: &str) -> (&str, &str) {
    let end = text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != ':');
    text.split_at(end.unwrap_or(text.len()))
}

/// What is between the quotes that a text begins with, and what follows.
fn string(text: &str) -> (&str, &str) {
    let inner = text
        .strip_prefix('"')
        .unwrap_or_else(|| panic!("no string: {text}"));
    inner.split_once('"').unwrap_or_else(|| panic!("no end: {text}"))
}

/// What is within the parenthesis that a text begins with, and what follows.
fn parenthesis(text: &str) -> (&str, &str) {
    let inner = text
        .trim_start()
        .strip_prefix('(')
        .unwrap_or_else(|| panic!("no parenthesis: {text}"));
    let (mut depth, mut quoted) = (1, false);
    for (at, c) in inner.char_indices() {
        match c {
            '"' => quoted = !quoted,
            '(' if !quoted => depth += 1,
            ')' if !quoted => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return (&inner[..at], &inner[at + 1..]);
        }
    }
    panic!("no end: {text}")
}

/// The expressions of a file of rules, which are on the line of `expr:` or indented below it.
fn of_rules(yaml: &str) -> Vec<String> {
    let indent = |line: &str| line.len() - line.trim_start().len();
    let mut lines = yaml.lines().peekable();
    let mut expressions = Vec::new();
    while let Some(line) = lines.next() {
        let Some(inline) = line.trim_start().strip_prefix("expr:") else {
            continue;
        };
        let mut expression = inline.trim().trim_start_matches('|').to_owned();
        while let Some(below) = lines.next_if(|below| indent(below) > indent(line)) {
            expression.push('\n');
            expression += below;
        }
        expressions.push(expression);
    }
    let rules = yaml.matches("- alert:").count() + yaml.matches("- record:").count();
    assert_eq!(expressions.len(), rules, "a rule without expression");
    expressions
}

/// The expressions of a dashboard: of its panels and of its variables.
fn of_dashboard(value: &Value, expressions: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            for (name, field) in fields {
                match field.as_str() {
                    Some(text) if ["expr", "query"].contains(&name.as_str()) => {
                        expressions.push(text.to_owned());
                    }
                    _ => of_dashboard(field, expressions),
                }
            }
        }
        Value::Array(values) => values.iter().for_each(|value| of_dashboard(value, expressions)),
        _ => {}
    }
}

fn files(folder: &str, extension: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let files: Vec<_> = entries
        .filter(|path| path.extension().is_some_and(|found| found == extension))
        .collect();
    assert!(!files.is_empty(), "no {extension}");
    files
}

fn all_uses() -> Uses {
    let mut expressions = Vec::new();
    // What belongs to another pipeline is not there.
    let rules = files("deploy/prometheus/rules", "yml").into_iter();
    for path in rules.filter(|path| !path.ends_with("millrace-products.yml")) {
        expressions.extend(of_rules(&fs::read_to_string(path).unwrap()));
    }
    for path in files("deploy/grafana", "json") {
        let dashboard = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
        of_dashboard(&dashboard, &mut expressions);
    }
    let mut uses = Uses::default();
    for expression in expressions {
        uses.merge(Uses::of(&expression));
    }
    uses
}

/// Makes every metric show a sample: those of failures show none before the first.
async fn show_everything(pipeline: &Running<'_>) {
    let id = fresh_id();
    let path = pipeline.put(&format!("{id}.json"), batch_of(&id, 3)).await;
    let mut event = event(&id, &path);
    // Not the last of its job, so its size is wrong; and its time cannot be read.
    event["payload"]["total_batches"] = 9.into();
    event["timestamp"] = "yesterday".into();
    pipeline.publish(event.to_string()).await;
    pipeline.stored(&[id]).await;
    pipeline.batch("evt_panics", 1).await;
    pipeline.dead_letters(1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rules_and_dashboards_name_only_what_there_is() {
    let receiver = Receiver::start().await.unwrap();
    let slack = receiver.url("/services/hook");
    let settings = [
        ("ALERT_SLACK_WEBHOOK_URL", slack.as_str()),
        // Nothing listens there; what becomes of spans is counted all the same.
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9"),
        ("FAILPOINTS", "parse.begin=return(panic evt_panics)"),
        ("RETRY_INITIAL_DELAY", "0.1"),
        ("MAX_RETRY_ATTEMPTS", "2"),
    ];
    let pipeline = Running::shared("metrics-dashboards", &settings).await;
    show_everything(&pipeline).await;
    let uses = all_uses();
    assert!(uses.labels.len() > 30, "{uses:?}");
    wait_for(
        "every metric that rules and dashboards name",
        PATIENCE,
        async || {
            let metrics = Metrics::parse(&scrape(&pipeline.service).await);
            let missing = uses
                .labels
                .keys()
                .find(|name| metrics.samples(name, &[]).is_empty());
            missing.map_or(Ok(()), |name| Err(format!("no {name}")))
        },
    )
    .await
    .unwrap();

    let metrics = Metrics::parse(&scrape(&pipeline.service).await);
    for (name, labels) in &uses.labels {
        for label in labels
            .iter()
            .filter(|label| !OF_THE_TARGET.contains(&label.as_str()))
        {
            for sample in metrics.samples(name, &[]) {
                assert!(sample.labels.contains_key(label), "{sample:?} has no {label}");
            }
        }
    }
    for (label, value) in &uses.values {
        assert!(is_bounded(label, value), "{label} is never {value:?}");
    }
}

#[test]
fn what_an_expression_uses_is_seen() {
    let uses = Uses::of(
        "topk(3, sum by (stage, le) (label_replace(analytics_a{job=~\"$job\", x!=\"y|z\"}, \"stage\", \"$1\", \"actor\", \"(.)\"))) \
         > on (job) group_left () job:analytics_b:rate5m unless analytics_c[5m]",
    );
    let labels = |labels: &[&str]| labels.iter().map(|label| (*label).to_owned()).collect();
    let pair = |label: &str, value: &str| (label.to_owned(), value.to_owned());
    let wanted = Uses {
        labels: BTreeMap::from([
            ("analytics_a".to_owned(), labels(&["job", "x", "le"])),
            ("analytics_c".to_owned(), labels(&[])),
        ]),
        values: BTreeSet::from([pair("x", "y"), pair("x", "z")]),
    };
    assert_eq!(uses, wanted);
}
