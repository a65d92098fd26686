//! The broker and the names on it.

use super::amqp_url::AmqpUrl;
use super::numbers::{Decimal, Seconds, Whole};
use super::problem::Problem;
use super::processing::Processing;
use super::reader::Reader;
use super::rule::{AmqpName, AmqpNames, Flag, LONGEST_AMQP_NAME, Name, Parsed, Rule, Text};
use super::setting::{Setting, settings};
use super::tls::{FILE, File, identity};
use millrace_access::tls::TlsFiles;
use millrace_amqp::{AmqpSettings, Broker, RetrySettings};
use secrecy::SecretString;

settings! { "RabbitMQ";
    URL: Parsed<Option<AmqpUrl>> = Setting::optional(
        "RABBITMQ_URL",
        Parsed::new("`amqp://user:password@host:port/vhost`, `amqps://…`", |text| AmqpUrl::parse(text).map(Some), || None),
        "the parts below",
        "Broker; what it names wins over the single names below, and what is special in it is percent-encoded.",
    ).hidden_in_url();
    HOST: Parsed<String> = Setting::new("RABBITMQ_HOST", Parsed::new("name or address", host, String::new), "localhost", "Host name or address of the broker.");
    PORT: Whole<u16> = Setting::optional("RABBITMQ_PORT", Whole::between(1, 65_535), "5672, or 5671 with TLS", "Port of the broker.");
    USER: Text = Setting::new("RABBITMQ_USER", Text, "analytics", "User.");
    PASSWORD: Text = Setting::optional("RABBITMQ_PASSWORD", Text, "required unless `RABBITMQ_URL` holds it, or a certificate says who we are", "Password; without one, `RABBITMQ_CERT_FILE` logs in (the mechanism EXTERNAL).").hidden();
    VHOST: Text = Setting::new("RABBITMQ_VHOST", Text, "/", "Virtual host.");
    USE_SSL: Flag = Setting::new("RABBITMQ_USE_SSL", Flag, "false", "TLS to the broker; `amqps://` says the same.");
    CA_FILE: File = Setting::optional("RABBITMQ_CA_FILE", FILE, "the public authorities", "Authorities (PEM) that the broker's certificate is checked by; read at each connection.");
    CERT_FILE: File = Setting::optional("RABBITMQ_CERT_FILE", FILE, "none", "Our own certificate (PEM), for a broker that wants one; read at each connection.");
    KEY_FILE: File = Setting::optional("RABBITMQ_KEY_FILE", FILE, "none", "Its private key (PEM).");
    CONNECT_TIMEOUT: Seconds = Setting::new("RABBITMQ_CONNECT_TIMEOUT_SECONDS", Seconds::between(0.1, 300.0), "10", "Bound on the whole set-up of a connection.");
    HEARTBEAT: Seconds = Setting::new("RABBITMQ_HEARTBEAT_SECONDS", Seconds::between(2.0, 600.0), "8", "Heartbeat; a connection that went silent is noticed after twice that.");
    EXCHANGE: AmqpName = Setting::new("EVENT_EXCHANGE", AmqpName, "smap.events", "Topic exchange that crawlers publish to.");
    QUEUE: AmqpName = Setting::new("EVENT_QUEUE", AmqpName, "analytics.data.collected", "Queue of events; `.dlq` and `.retry.<delay>ms` are appended for its dead letters and delayed retries, and fit into the 255 bytes too.").alias(&["EVENT_QUEUE_NAME"]);
    ROUTING_KEY: AmqpName = Setting::new("EVENT_ROUTING_KEY", AmqpName, "data.collected", "Routing key that binds the queue.");
    PREFETCH: Whole<u16> = Setting::optional("EVENT_PREFETCH_COUNT", Whole::between(1, 10_000), "sized from the worker counts and `MEMORY_BUDGET_MB`", "Events in flight at once; a set value is obeyed, 1 included.");
    NEW_MODE: Flag = Setting::new("NEW_MODE_ENABLED", Flag, "true", "Consume the event queue.");
    LEGACY_MODE: Flag = Setting::new("LEGACY_MODE_ENABLED", Flag, "false", "Consume the queues of legacy messages.");
    LEGACY_QUEUES: AmqpNames = Setting::new("LEGACY_QUEUES", AmqpNames, "tiktok_result_queue,youtube_result_queue", "Those queues.");
    MAX_ATTEMPTS: Whole<u32> = Setting::new("MAX_RETRY_ATTEMPTS", Whole::between(1, 1000), "3", "Attempts at an event before it is dead-lettered; an outage is not charged.");
    INITIAL_DELAY: Seconds = Setting::new("RETRY_INITIAL_DELAY", Seconds::between(0.0, 86_400.0), "1.0", "Delay before the second attempt; less than 0.1 counts as 0.1, so that no event goes round without a pause.");
    MAX_DELAY: Seconds = Setting::new("RETRY_MAX_DELAY", Seconds::between(0.0, 86_400.0), "30.0", "Longest delay; less than 0.1 counts as 0.1.");
    MULTIPLIER: Decimal = Setting::new("RETRY_BACKOFF_MULTIPLIER", Decimal::between(1.0, 100.0), "2.0", "Factor from one delay to the next.");
}

/// Reads the group.
pub fn read(reader: &mut Reader<'_>, processing: &Processing) -> AmqpSettings {
    let tls = TlsFiles {
        authorities: reader.optional(&CA_FILE),
        identity: identity(reader, &CERT_FILE, &KEY_FILE),
    };
    let broker = broker(reader);
    let unused = !broker.tls && tls != TlsFiles::default();
    if unused {
        reader.warn(
            "RABBITMQ_CA_FILE and RABBITMQ_CERT_FILE are not used: the connection is not encrypted; write amqps://, or set RABBITMQ_USE_SSL"
                .to_owned(),
        );
    }
    let (new_mode, legacy_queues) = modes(reader);
    let queue = reader.get(&QUEUE);
    if let Some(shared) = legacy_queues.iter().find(|name| **name == queue) {
        let what = format!("is also listed in LEGACY_QUEUES ({shared})");
        reader
            .problem(Problem::new("EVENT_QUEUE", what, "consume a queue in one way only").with_value(&queue));
    }
    let retry = retry(reader);
    let all = new_mode.then_some(&queue).into_iter().chain(&legacy_queues);
    for name in all {
        check_derived_names(reader, name, &queue, &retry);
    }
    AmqpSettings {
        broker: reader.renewable("address and credentials of RabbitMQ", broker, self::broker),
        tls,
        exchange: reader.get(&EXCHANGE),
        queue,
        routing_key: reader.get(&ROUTING_KEY),
        new_mode,
        legacy_queues,
        prefetch: prefetch(reader, processing),
        connect_timeout: reader.get(&CONNECT_TIMEOUT),
        heartbeat: reader.get(&HEARTBEAT),
        retry,
        shutdown_grace: processing.shutdown_grace,
    }
}

/// The single names, overlaid with what the URL names.
fn broker(reader: &mut Reader<'_>) -> Broker {
    let url = reader.optional(&URL).flatten();
    let url_was_read = url.is_some();
    let url_is_bad = !url_was_read && reader.is_set(&URL);
    let mut host = reader.get(&HOST);
    let port = reader.optional(&PORT);
    let mut user = reader.get(&USER);
    let password = reader.optional(&PASSWORD);
    let mut vhost = reader.get(&VHOST);
    let mut tls = reader.get(&USE_SSL);
    let mut url_port = None;
    let mut url_password = None;
    if let Some(url) = url {
        overlay(reader, &HOST, &mut host, Some(url.host));
        overlay(reader, &USER, &mut user, url.user);
        overlay(reader, &VHOST, &mut vhost, url.vhost);
        reader.decided_by(&USE_SSL, &url.tls.to_string(), URL_NAME);
        tls = url.tls;
        url_port = url.port;
        url_password = url.password;
        if !url.parameters.is_empty() {
            let names = url.parameters.join(", ");
            reader.warn(format!("RABBITMQ_URL has parameters that are not read: {names}"));
        }
    }
    let certificate = tls && reader.is_set(&CERT_FILE);
    if password.is_none() && url_password.is_none() && !url_is_bad && !certificate {
        let otherwise = if url_was_read {
            "; RABBITMQ_URL holds none"
        } else {
            ", or RABBITMQ_URL with it inside"
        };
        reader.missing(&PASSWORD, otherwise);
    }
    let by_scheme = if tls { 5671 } else { 5672 };
    let chosen = url_port.or(port).unwrap_or(by_scheme);
    if url_port.is_some() || port.is_none() && !reader.is_set(&PORT) {
        let by = if url_port.is_some() {
            URL_NAME
        } else {
            "RABBITMQ_USE_SSL"
        };
        reader.decided_by(&PORT, &chosen.to_string(), by);
    }
    if url_password.is_some() {
        reader.decided_by(&PASSWORD, "", URL_NAME);
    }
    let password = url_password.or(password).map(SecretString::from);
    if vhost.len() > LONGEST_AMQP_NAME {
        let what = format!(
            "is {} bytes long, more than AMQP's {LONGEST_AMQP_NAME}",
            vhost.len()
        );
        reader.problem(Problem::new(
            "RABBITMQ_VHOST",
            what,
            "name the virtual host that there is",
        ));
    }
    Broker {
        host,
        port: chosen,
        user,
        password,
        vhost,
        tls,
    }
}

/// It is readable without a token at `/readyz`.
fn host(text: &str) -> Result<String, String> {
    if text.contains("://") {
        return Err("is a URL, which belongs in RABBITMQ_URL".to_owned());
    }
    if text.contains('@') {
        return Err("holds a login, which belongs in RABBITMQ_USER and RABBITMQ_PASSWORD, or all of it in RABBITMQ_URL".to_owned());
    }
    Name.parse(text)
}

const URL_NAME: &str = "RABBITMQ_URL";

fn overlay<R: Rule>(
    reader: &mut Reader<'_>,
    setting: &'static Setting<R>,
    value: &mut String,
    named: Option<String>,
) {
    let Some(named) = named else { return };
    if *value != named && reader.is_set(setting) {
        let name = setting.name();
        reader.warn(format!("{name} is not used: RABBITMQ_URL names another one"));
    }
    reader.decided_by(setting, &named, URL_NAME);
    *value = named;
}

fn modes(reader: &mut Reader<'_>) -> (bool, Vec<String>) {
    let new_mode = reader.get(&NEW_MODE);
    let legacy_mode = reader.get(&LEGACY_MODE);
    let legacy_queues = reader.get(&LEGACY_QUEUES);
    if !new_mode && !legacy_mode {
        let what = "are both off, so there is nothing to consume".to_owned();
        reader.problem(Problem::new(
            "NEW_MODE_ENABLED and LEGACY_MODE_ENABLED",
            what,
            "turn one of them on",
        ));
    }
    if legacy_mode && legacy_queues.is_empty() {
        let what = "is empty while LEGACY_MODE_ENABLED is true".to_owned();
        reader.problem(Problem::new(
            "LEGACY_QUEUES",
            what,
            "name a queue, or turn legacy mode off",
        ));
    }
    (new_mode, if legacy_mode { legacy_queues } else { Vec::new() })
}

fn prefetch(reader: &mut Reader<'_>, processing: &Processing) -> u16 {
    if let Some(chosen) = reader.optional(&PREFETCH) {
        return chosen;
    }
    let sized = processing.prefetch();
    if !reader.is_set(&PREFETCH) {
        reader.decided_by(
            &PREFETCH,
            &sized.to_string(),
            "worker counts and MEMORY_BUDGET_MB",
        );
    }
    sized
}

/// The names that we make of a queue's travel as it does, and the client library panics at one that is too long.
fn check_derived_names(reader: &mut Reader<'_>, name: &str, queue: &str, retry: &RetrySettings) {
    let [.., longest] = retry.names_of(name);
    if longest.len() > LONGEST_AMQP_NAME {
        let setting = if name == queue {
            "EVENT_QUEUE"
        } else {
            "LEGACY_QUEUES"
        };
        let what = format!(
            "makes the queue name {longest} of {} bytes, more than AMQP's {LONGEST_AMQP_NAME}",
            longest.len()
        );
        reader.problem(Problem::new(setting, what, "use a queue with a shorter name"));
    }
}

fn retry(reader: &mut Reader<'_>) -> RetrySettings {
    let retry = RetrySettings {
        max_attempts: reader.get(&MAX_ATTEMPTS),
        initial_delay: reader.get(&INITIAL_DELAY),
        max_delay: reader.get(&MAX_DELAY),
        multiplier: reader.get(&MULTIPLIER),
    };
    if retry.initial_delay > retry.max_delay {
        let what = format!(
            "is {} s, more than RETRY_MAX_DELAY ({} s)",
            retry.initial_delay.as_secs_f64(),
            retry.max_delay.as_secs_f64()
        );
        reader.problem(Problem::new(
            "RETRY_INITIAL_DELAY",
            what,
            "lower it, or raise RETRY_MAX_DELAY",
        ));
    }
    retry
}
