//! Masks what is secret by its shape, wherever it stands: in settings, log lines, answers, traces. A name says that a
//! setting is secret; an address does not say that a password was written into it.

use regex::{Captures, Regex};
use std::{borrow::Cow, sync::LazyLock};

const HIDDEN: &str = "***";

/// A login in a URL, up to the last `@`: a password may hold one that is not escaped, and slashes.
static LOGIN: LazyLock<Regex> =
    LazyLock::new(|| expression(r#"([A-Za-z][A-Za-z0-9+.\-]*://)([^\s"'<>`]*)@"#));

/// `user:password@host` without a scheme.
static BARE_LOGIN: LazyLock<Regex> = LazyLock::new(|| {
    expression(r#"([^\s"'<>`:/@,(\[{=]+):((?:[^\s"'<>`/]|/[^\s"'<>`/])[^\s"'<>`]*)@([\w\[])"#)
});

/// `name=value`, as a parameter of a URL or on its own, where the name says what it is.
static PARAMETER: LazyLock<Regex> = LazyLock::new(|| {
    expression(
        r#"(?i)((?:^|[^\w.\-])[\w.\-]*(?:password|passwd|passphrase|secret|token|signature|credential|api[_\-]?key|access[_\-]?key(?:id)?)|(?:^|[^\w.\-])(?:sig|pwd|pass|auth|authorization))=('(?:[^'\\]|\\.)*'|[^\s&;"'<>,)]+)"#,
    )
});

/// Webhooks: who knows the path may write.
static HOOK: LazyLock<Regex> = LazyLock::new(|| {
    expression(r#"(?i)(hooks\.slack\.com/|/services/|/webhookb2/|/webhooks?/|/integration/)([^\s"'<>?]+)"#)
});

static BEARER: LazyLock<Regex> = LazyLock::new(|| expression(r"(?i)\b(bearer)(?:\s+|%20)[\w\-.~+/=%]+"));

/// The text without what is secret in it.
pub fn masked(text: &str) -> Cow<'_, str> {
    let mut text = Cow::Borrowed(text);
    if text.contains('@') {
        replace(&mut text, &LOGIN, |found| {
            format!("{}{}@", &found[1], login(&found[2]))
        });
        replace(&mut text, &BARE_LOGIN, |found| {
            format!("{}:{HIDDEN}@{}", &found[1], &found[3])
        });
    }
    if text.contains('=') {
        replace(&mut text, &PARAMETER, |found| format!("{}={HIDDEN}", &found[1]));
    }
    if text.contains('/') {
        replace(&mut text, &HOOK, |found| format!("{}{HIDDEN}", &found[1]));
    }
    if text.contains("earer") || text.contains("EARER") {
        replace(&mut text, &BEARER, |found| format!("{} {HIDDEN}", &found[1]));
    }
    text
}

/// The same in place.
pub fn mask(text: &mut String) {
    if let Cow::Owned(masked) = masked(text) {
        *text = masked;
    }
}

/// The user may help to find out what is wrong; a login without a password is a token.
fn login(text: &str) -> String {
    match text.split_once(':') {
        Some((user, _)) => format!("{user}:{HIDDEN}"),
        None => HIDDEN.to_owned(),
    }
}

fn replace(text: &mut Cow<'_, str>, what: &Regex, by: impl Fn(&Captures<'_>) -> String) {
    if let Cow::Owned(masked) = what.replace_all(text, |found: &Captures<'_>| by(found)) {
        *text = Cow::Owned(masked);
    }
}

fn expression(text: &str) -> Regex {
    Regex::new(text).expect("a test reads all of them")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_helps_stays_and_what_is_secret_goes() {
        for (text, expected) in [
            ("amqp://u:hush@mq:5672/v", "amqp://u:***@mq:5672/v"),
            ("amqp://u:hu/s@h@mq", "amqp://u:***@mq"),
            ("https://hush@collector/v1", "https://***@collector/v1"),
            (
                "cannot reach \"http://u:hush@h\": refused",
                "cannot reach \"http://u:***@h\": refused",
            ),
            ("u:hush@mq", "u:***@mq"),
            ("u:hush@mq:5672/v is down", "u:***@mq:5672/v is down"),
            (
                "host=db user=me password=hush dbname=x",
                "host=db user=me password=*** dbname=x",
            ),
            (r"password='it\'s hush' host=db", "password=*** host=db"),
            (
                "https://h/b/k?X-Amz-Credential=hush&X-Amz-Signature=hush&x=1",
                "https://h/b/k?X-Amz-Credential=***&X-Amz-Signature=***&x=1",
            ),
            (
                "https://a.blob.core/c/k?sv=1&sig=hush%3D&se=2",
                "https://a.blob.core/c/k?sv=1&sig=***&se=2",
            ),
            ("?access_token=hush", "?access_token=***"),
            (
                "https://hooks.slack.com/services/T0/B0/hush",
                "https://hooks.slack.com/***",
            ),
            (
                "http://127.0.0.1:9/services/hush",
                "http://127.0.0.1:9/services/***",
            ),
            ("authorization: Bearer hush", "authorization: Bearer ***"),
        ] {
            assert_eq!(masked(text), expected);
            assert_eq!(masked(&masked(text)), expected, "twice is as once");
        }
        for plain in [
            "stored 3 items of tiktok/a=b.json",
            "12:30:01 me@example.com",
            "crawl-results/tiktok/2026/01/b.json",
            "monkey=1 design=2 compass=3",
            "postgresql://db/analytics?sslmode=require",
            "http://[::1]:9000",
        ] {
            assert_eq!(masked(plain), plain);
        }
    }

    proptest! {
        #[test]
        fn a_password_in_an_address_never_shows(
            before in "([a-z ]{0,10} )?",
            scheme in "(amqps?://|postgresql://|https?://|)",
            password in "[a-z@/:?#%&=+.~!$*,;-]{0,4}HUSH[a-z@/:?#%&=+.~!$*,;-]{0,4}",
            after in "(:1|/x)?( [a-z ]{0,10})?",
        ) {
            // Two slashes after the colon would be a scheme.
            prop_assume!(!scheme.is_empty() || !password.starts_with("//"));
            let text = format!("{before}{scheme}user:{password}@host{after}");
            prop_assert!(!masked(&text).contains("HUSH"), "{}", masked(&text));
        }

        #[test]
        fn a_named_secret_never_shows(
            name in "(password|sslpassword|sig|X-Amz-Signature|access_token|client_secret|api_key)",
            value in "[A-Za-z0-9%+/=._~-]{0,6}HUSH[A-Za-z0-9%+/=._~-]{0,6}",
            before in "(https://h/p\\?(a=1&)?|host=h |\\()",
        ) {
            let text = format!("{before}{name}={value}");
            prop_assert!(!masked(&text).contains("HUSH"), "{}", masked(&text));
        }

        #[test]
        fn any_text_can_be_masked(text in "\\PC{0,60}") {
            let once = masked(&text).into_owned();
            prop_assert_eq!(masked(&once), once.as_str());
        }
    }
}
