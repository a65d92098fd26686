//! Alerts, and where they go.

use super::numbers::Seconds;
use super::reader::Reader;
use super::rule::Parsed;
use super::setting::{Setting, settings};
use crate::alerts::Severity;
use secrecy::SecretString;
use std::time::Duration;
use url::{Host, Url};

settings! { "Alerts";
    SLACK: Parsed<String> = Setting::optional("ALERT_SLACK_WEBHOOK_URL", Parsed::new("`https://…`", webhook, String::new), "nothing goes to Slack", "Incoming webhook of Slack; every alert goes there.").hidden();
    ROUTING_KEY: Parsed<String> = Setting::optional("ALERT_PAGERDUTY_ROUTING_KEY", Parsed::new("the integration key of an Events API v2 integration", routing_key, String::new), "nothing goes to PagerDuty", "Integration key of PagerDuty.").hidden();
    PAGERDUTY_URL: Parsed<String> = Setting::new("ALERT_PAGERDUTY_URL", Parsed::new("`https://…`", webhook, String::new), "https://events.pagerduty.com/v2/enqueue", "Where PagerDuty takes events; `https://events.eu.pagerduty.com/v2/enqueue` in its European region.");
    PAGERDUTY_SEVERITY: Parsed<Severity> = Setting::new("ALERT_PAGERDUTY_SEVERITY", Parsed::new("`critical`, `warning`", severity, || Severity::Critical), "critical", "Least severity that goes to PagerDuty.");
    INTERVAL: Seconds = Setting::new("ALERT_INTERVAL_SECONDS", Seconds::between(0.1, 300.0), "5", "Pause between two looks at how things are.");
    HOLD: Seconds = Setting::new("ALERT_HOLD_SECONDS", Seconds::between(0.0, 3600.0), "30", "How long something must be so before an alert starts, and be over before it ends.");
}

/// When to alert, and which receivers.
#[derive(Clone, Debug)]
pub struct AlertSettings {
    /// Pause between two looks.
    pub interval: Duration,
    /// How long something must last before it counts, either way.
    pub hold: Duration,
    /// Slack's webhook: to know it is to be allowed to write.
    pub slack: Option<SecretString>,
    /// PagerDuty.
    pub pagerduty: Option<PagerDutySettings>,
}

/// How to reach PagerDuty.
#[derive(Clone, Debug)]
pub struct PagerDutySettings {
    /// To know it is to be allowed to raise and close incidents.
    pub routing_key: SecretString,
    /// Where it takes events.
    pub url: String,
    /// What is less severe does not go there.
    pub least: Severity,
}

/// Reads the group.
pub(super) fn read(reader: &mut Reader<'_>) -> AlertSettings {
    let settings = AlertSettings {
        slack: reader.optional(&SLACK).map(SecretString::from),
        pagerduty: pagerduty(reader),
        interval: reader.get(&INTERVAL),
        hold: reader.get(&HOLD),
    };
    warn_of_gaps(reader, &settings);
    settings
}

fn pagerduty(reader: &mut Reader<'_>) -> Option<PagerDutySettings> {
    let routing_key = reader.optional(&ROUTING_KEY).map(SecretString::from);
    let (url, least) = (reader.get(&PAGERDUTY_URL), reader.get(&PAGERDUTY_SEVERITY));
    Some(PagerDutySettings {
        routing_key: routing_key?,
        url,
        least,
    })
}

/// Alerts that an operator may believe to be sent, and that are not.
fn warn_of_gaps(reader: &mut Reader<'_>, settings: &AlertSettings) {
    let to_none = [
        (PAGERDUTY_URL.name(), reader.is_set(&PAGERDUTY_URL)),
        (PAGERDUTY_SEVERITY.name(), reader.is_set(&PAGERDUTY_SEVERITY)),
    ];
    // A key that is there and bad was reported as a problem.
    if settings.pagerduty.is_none() && !reader.is_set(&ROUTING_KEY) {
        for (name, _) in to_none.into_iter().filter(|(_, set)| *set) {
            let key = ROUTING_KEY.name();
            reader.warn(format!(
                "{name} is set, but {key} is not: nothing goes to PagerDuty"
            ));
        }
    }
    let critical_only = settings
        .pagerduty
        .as_ref()
        .is_some_and(|pagerduty| pagerduty.least == Severity::Critical);
    if critical_only && settings.slack.is_none() && !reader.is_set(&SLACK) {
        let (slack, severity) = (SLACK.name(), PAGERDUTY_SEVERITY.name());
        reader.warn(format!(
            "PagerDuty gets critical alerts only, and the others go nowhere: set {slack}, or {severity}=warning"
        ));
    }
}

/// Never quotes the text: a webhook is a secret.
fn webhook(text: &str) -> Result<String, String> {
    let url = Url::parse(text).map_err(|error| format!("is not a URL ({error})"))?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err("holds a user, which no webhook has".to_owned());
    }
    match url.scheme() {
        "https" => Ok(text.to_owned()),
        "http" if is_loopback(&url) => Ok(text.to_owned()),
        "http" => Err("is http, which would send secrets in the clear".to_owned()),
        _ => Err("has another scheme than https".to_owned()),
    }
}

/// Whether a URL leads to this machine, where nothing listens on the way.
pub(crate) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

fn routing_key(text: &str) -> Result<String, String> {
    match text.chars().all(|c| c.is_ascii_alphanumeric()) {
        true => Ok(text.to_owned()),
        false => Err("holds more than letters and digits".to_owned()),
    }
}

fn severity(text: &str) -> Result<Severity, String> {
    match text.to_ascii_lowercase().as_str() {
        "critical" => Ok(Severity::Critical),
        "warning" => Ok(Severity::Warning),
        _ => Err("is neither critical nor warning".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Source;

    #[test]
    fn a_webhook_is_https_or_stays_on_this_machine() {
        for good in [
            "https://hooks.slack.com/services/T0/B0/x",
            "http://127.0.0.1:8080/hook",
            "http://localhost/hook",
            "http://[::1]:1/hook",
        ] {
            assert_eq!(webhook(good), Ok(good.to_owned()));
        }
        for bad in [
            "http://hooks.slack.com/services/SECRET",
            "http://127.0.0.1.example/SECRET",
            "https://SECRET@hooks.slack.com/services",
            "https://u:SECRET@hooks.slack.com/services",
            "ftp://hooks.slack.com/SECRET",
            "hooks.slack.com/SECRET",
            "https://:SECRET",
        ] {
            let why = webhook(bad).unwrap_err();
            assert!(!why.contains("SECRET"), "{bad}: {why}");
        }
    }

    /// The settings with these variables, and the warnings.
    fn load(variables: &[(&str, &str)]) -> (AlertSettings, Vec<String>) {
        let source = Source::from_variables(variables.iter().copied());
        let mut reader = Reader::new(&source);
        let settings = read(&mut reader);
        let (_, warnings) = reader.finish().unwrap();
        (settings, warnings)
    }

    const KEY: (&str, &str) = ("ALERT_PAGERDUTY_ROUTING_KEY", "R0SECRET");
    const SLACK_URL: (&str, &str) = ("ALERT_SLACK_WEBHOOK_URL", "https://hooks.slack.com/SECRET");

    #[test]
    fn nothing_is_sent_unless_it_is_asked_for_and_everything_has_a_default() {
        let (settings, warnings) = load(&[]);
        assert!(settings.slack.is_none() && settings.pagerduty.is_none());
        assert_eq!(warnings, Vec::<String>::new());
        let (settings, warnings) = load(&[KEY, SLACK_URL]);
        let pagerduty = settings.pagerduty.as_ref().unwrap();
        assert_eq!(pagerduty.url, "https://events.pagerduty.com/v2/enqueue");
        assert_eq!(pagerduty.least, Severity::Critical);
        assert_eq!(warnings, Vec::<String>::new());
        assert!(!format!("{settings:?}").contains("SECRET"));
    }

    #[test]
    fn alerts_that_would_go_nowhere_are_warned_about() {
        let url = (
            "ALERT_PAGERDUTY_URL",
            "https://events.eu.pagerduty.com/v2/enqueue",
        );
        let all = ("ALERT_PAGERDUTY_SEVERITY", "Warning");
        for (variables, warnings) in [
            (vec![url], 1),
            (vec![url, all, SLACK_URL], 2),
            (vec![KEY], 1),
            (vec![KEY, all], 0),
            (vec![KEY, url, SLACK_URL], 0),
            (vec![SLACK_URL], 0),
        ] {
            let said = load(&variables).1;
            assert_eq!(said.len(), warnings, "{said:?}");
        }
    }

    #[test]
    fn a_routing_key_has_no_decoration() {
        assert!(routing_key("R0ABCDEF0123456789abcdef01234567").is_ok());
        for bad in ["a b", "key=abc", "https://x"] {
            assert!(routing_key(bad).is_err(), "{bad}");
        }
    }
}
