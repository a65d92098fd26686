//! Settings that users already have and that nothing acts on yet. They are checked, so that a file that
//! is good today is good tomorrow, and the ones that ask for something say that it does not happen.

use super::numbers::Decimal;
use super::reader::Reader;
use super::rule::{Flag, Name, Text};
use super::setting::{Setting, settings};

settings! { "Not acted on yet";
    PUBLISH_ENABLED: Flag = Setting::new("PUBLISH_ENABLED", Flag, "false", "Publish a result for each stored batch.");
    PUBLISH_EXCHANGE: Name = Setting::new("PUBLISH_EXCHANGE", Name, "results.inbound", "Exchange of the results.");
    PUBLISH_ROUTING_KEY: Name = Setting::new("PUBLISH_ROUTING_KEY", Name, "analyze.result", "Routing key of the results.");
    ALERT_THRESHOLD: Decimal = Setting::new("ERROR_ALERT_THRESHOLD", Decimal::between(0.0, 100.0), "10", "Alert above this percentage of error items.");
    SPIKE_THRESHOLD: Decimal = Setting::new("ERROR_SPIKE_THRESHOLD", Decimal::between(1.0, 1_000_000.0), "5", "Alert when errors grow by this factor.");
    SLACK: Text = Setting::optional("ALERT_SLACK_WEBHOOK_URL", Text, "no alerts", "Slack webhook for alerts.").hidden();
    PAGERDUTY: Text = Setting::optional("ALERT_PAGERDUTY_ROUTING_KEY", Text, "no alerts", "PagerDuty key for alerts.").hidden();
}

/// Checks the group.
pub(super) fn read(reader: &mut Reader<'_>) {
    reader.get(&PUBLISH_EXCHANGE);
    reader.get(&PUBLISH_ROUTING_KEY);
    reader.get(&ALERT_THRESHOLD);
    reader.get(&SPIKE_THRESHOLD);
    let asked = [
        (
            "PUBLISH_ENABLED",
            reader.get(&PUBLISH_ENABLED),
            "results are not published",
        ),
        (
            "ALERT_SLACK_WEBHOOK_URL",
            reader.optional(&SLACK).is_some(),
            "alerts are not sent",
        ),
        (
            "ALERT_PAGERDUTY_ROUTING_KEY",
            reader.optional(&PAGERDUTY).is_some(),
            "alerts are not sent",
        ),
    ];
    for (name, _, effect) in asked.into_iter().filter(|(_, asked, _)| *asked) {
        reader.warn(format!("{name} is set, but {effect} by this version"));
    }
}
