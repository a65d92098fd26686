//! Slack's incoming webhooks: one message, an attachment for each notice in it.

use super::{
    channel::{Form, Request},
    notice::{Kind, Notice},
    outbox::Waiting,
    rule::{Rule, Severity},
};
use jiff::SignedDuration;
use serde_json::{Value, json};
use std::sync::Arc;

/// Writes for Slack.
#[derive(Debug)]
pub(super) struct Slack {
    replica: Arc<str>,
}

// === impl Slack ===

impl Slack {
    /// `replica` is what speaks.
    pub(super) fn new(replica: Arc<str>) -> Self {
        Self { replica }
    }

    fn attachment(&self, notice: &Notice) -> Value {
        let (replica, about) = (&self.replica, &notice.about);
        let color = match (notice.kind, notice.rule.severity) {
            (Kind::Over, _) => "good",
            (_, Severity::Critical) => "danger",
            (_, Severity::Warning) => "warning",
        };
        let seconds = i64::try_from(notice.lasted.as_secs()).unwrap_or(i64::MAX);
        let lasted = format!("{:#}", SignedDuration::from_secs(seconds));
        let mut fields = vec![
            field("since", &notice.since.strftime("%F %T UTC").to_string()),
            field("for", &lasted),
        ];
        fields.extend(notice.value.map(|value| field("value", &rounded(value))));
        fields.extend(
            notice
                .threshold
                .map(|threshold| field("threshold", &rounded(threshold))),
        );
        json!({
            "color": color,
            "fallback": escaped(&format!("{}: {}", title(notice), notice.summary)),
            "title": title(notice),
            "text": escaped(&notice.summary),
            "fields": fields,
            "footer": escaped(&format!("{replica} at {about}, {}", notice.runbook())),
            "ts": notice.at.as_second(),
        })
    }
}

impl Form for Slack {
    fn name(&self) -> &'static str {
        "slack"
    }

    fn wants(&self, _rule: Rule) -> bool {
        true
    }

    fn write(&self, waiting: &[Waiting]) -> Vec<Request> {
        let titles: Vec<String> = waiting.iter().map(|waiting| title(&waiting.notice)).collect();
        let attachments: Vec<Value> = waiting
            .iter()
            .map(|waiting| self.attachment(&waiting.notice))
            .collect();
        vec![Request {
            body: json!({"text": titles.join("\n"), "attachments": attachments}),
            numbers: waiting.iter().map(|waiting| waiting.number).collect(),
        }]
    }
}

fn title(notice: &Notice) -> String {
    let title = notice.rule.title;
    let severity = notice.rule.severity.as_str().to_uppercase();
    match notice.kind {
        Kind::Started => format!("[{severity}] {title}"),
        Kind::Still => format!("[{severity}] {title}, still"),
        Kind::Over => format!("[RESOLVED] {title}"),
    }
}

fn field(title: &str, value: &str) -> Value {
    json!({"title": title, "value": value, "short": true})
}

/// Two decimals at most.
fn rounded(value: f64) -> String {
    ((value * 100.0).round() / 100.0).to_string()
}

/// The three characters that Slack gives a meaning; `<!channel>` in an error must not call a whole channel.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alerts::tests::{BROKER_LOST, DATABASE_LOST, ERROR_RATE, REPLICA, notice, waiting};

    #[test]
    fn a_message_holds_all_that_waits() {
        let mut started = notice(ERROR_RATE, Kind::Started);
        started.value = Some(23.14159);
        started.threshold = Some(10.0);
        let three = [
            started,
            notice(BROKER_LOST, Kind::Still),
            notice(DATABASE_LOST, Kind::Over),
        ];
        let [request] = Slack::new(REPLICA.into())
            .write(&waiting(three))
            .try_into()
            .unwrap();
        assert_eq!(request.numbers, [1, 2, 3]);
        insta::assert_json_snapshot!(request.body);
    }

    #[test]
    fn words_of_others_call_no_channel() {
        let mut notice = notice(BROKER_LOST, Kind::Started);
        notice.summary = "<!channel> & <https://evil|click>".to_owned();
        let requests = Slack::new(REPLICA.into()).write(&waiting([notice]));
        let text = requests[0].body.to_string();
        assert!(!text.contains('<') && !text.contains('>'), "{text}");
    }
}
