//! Kafka: the brokers, the group and its pace.

use super::numbers::{Mebibytes, Whole};
use super::problem::Problem;
use super::reader::Reader;
use super::rule::{AmqpName, List, Parsed, Text};
use super::setting::{Setting, settings};
use super::tls::{FILE, File, identity};
use crate::pipeline::replica_name;
use millrace_access::tls::TlsFiles;
use millrace_kafka::{
    Access, Assignor, GroupProtocol, KafkaSettings, Login, OffsetReset, OnTruncated, Sasl, SaslMechanism,
    SecurityProtocol,
};
use std::time::Duration;

settings! { "Kafka";
    BROKERS: Parsed<Vec<String>> = Setting::new("KAFKA_BROKERS", Parsed::new("`host:port` between commas", brokers, Vec::new), "localhost:9092", "Brokers that tell of the others.");
    TOPICS: List = Setting::new("KAFKA_TOPICS", List, "ProductCreated,ProductUpdated,ProductDeleted,LowStockWarning", "Topics that are read; one that is missing is waited for, and none is made.");
    GROUP_ID: AmqpName = Setting::new("KAFKA_GROUP_ID", AmqpName, "analytics-group", "Consumer group. The positions in the database are kept by it: under another name everything is read again, and known by its ids.");
    CLIENT_ID: AmqpName = Setting::new("KAFKA_CLIENT_ID", AmqpName, "analytics-service", "How we call ourselves to the brokers; `-` and the name of the replica are appended.");
    SESSION_TIMEOUT: Whole<u32> = Setting::new("KAFKA_SESSION_TIMEOUT_MS", Whole::between(1_000, 3_600_000), "30000", "A replica that is silent for so long loses its partitions.");
    HEARTBEAT: Whole<u32> = Setting::new("KAFKA_HEARTBEAT_INTERVAL_MS", Whole::between(100, 600_000), "3000", "How often the group hears of a replica; at most a third of the session.");
    REBALANCE_TIMEOUT: Whole<u32> = Setting::new("KAFKA_REBALANCE_TIMEOUT_MS", Whole::between(1_000, 3_600_000), "60000", "How long a rebalance waits for the replicas; not less than the session.");
    MIN_BYTES: Whole<u32> = Setting::new("KAFKA_CONSUMER_MIN_BYTES", Whole::between(1, 100_000_000), "1", "A fetch is answered with so many bytes.");
    MAX_WAIT: Whole<u32> = Setting::new("KAFKA_CONSUMER_MAX_WAIT_MS", Whole::between(1, 300_000), "500", "Or after this time.");
    MAX_BYTES: Whole<u32> = Setting::new("KAFKA_CONSUMER_MAX_BYTES", Whole::between(1_024, 1_000_000_000), "52428800", "Most bytes of one answer.");
    PROTOCOL: Parsed<GroupProtocol> = Setting::new("KAFKA_GROUP_PROTOCOL", Parsed::new("`classic`, `consumer`", |text| word(GroupProtocol::ALL, GroupProtocol::as_str, text), || GroupProtocol::Classic), "classic", "Which protocol keeps the group; `consumer` needs brokers from 4.0.");
    ASSIGNOR: Parsed<Assignor> = Setting::new("KAFKA_ASSIGNOR", Parsed::new("`cooperative-sticky`, `range`", |text| word(Assignor::ALL, Assignor::as_str, text), || Assignor::CooperativeSticky), "cooperative-sticky", "How the classic protocol shares the partitions.");
    RESET: Parsed<OffsetReset> = Setting::new("KAFKA_AUTO_OFFSET_RESET", Parsed::new("`earliest`, `latest`, `stop`", |text| word(OffsetReset::ALL, OffsetReset::as_str, text), || OffsetReset::Earliest), "earliest", "Where a partition begins that has a position neither in the database nor in the group; with `stop` it waits for a person.");
    ON_TRUNCATED: Parsed<OnTruncated> = Setting::new("KAFKA_ON_TRUNCATED", Parsed::new("`stop`, `earliest`", |text| word(OnTruncated::ALL, OnTruncated::as_str, text), || OnTruncated::Stop), "stop", "What becomes of a partition whose topic was made anew or truncated: it waits for a person, or begins at its oldest record.");
    CHUNK_RECORDS: Whole<usize> = Setting::new("CHUNK_MAX_RECORDS", Whole::between(1, 100_000), "1000", "Most records of one transaction. A chunk takes what is there; it never waits to fill.");
    CHUNK_BYTES: Mebibytes = Setting::new("CHUNK_MAX_MB", Mebibytes::between(1, 1024), "8", "Most bytes of one transaction; one record that is larger goes alone.");
    DLQ_TOPIC: AmqpName = Setting::optional("KAFKA_DLQ_TOPIC", AmqpName, "none", "Topic that a copy of each rejected record is sent to; all of them are in `rejected_events` in any case.");
    SECURITY: Parsed<SecurityProtocol> = Setting::new("KAFKA_SECURITY_PROTOCOL", Parsed::new("`plaintext`, `ssl`, `sasl_plaintext`, `sasl_ssl`", |text| word(SecurityProtocol::ALL, SecurityProtocol::as_str, text), || SecurityProtocol::Plaintext), "plaintext", "How the connection to a broker is secured.");
    MECHANISM: Parsed<SaslMechanism> = Setting::optional("KAFKA_SASL_MECHANISM", Parsed::new("`PLAIN`, `SCRAM-SHA-256`, `SCRAM-SHA-512`, `OAUTHBEARER`", |text| word(SaslMechanism::ALL, SaslMechanism::as_str, text), || SaslMechanism::Plain), "required with `sasl_…`", "How we log in.");
    USERNAME: Text = Setting::optional("KAFKA_SASL_USERNAME", Text, "required with `sasl_…`", "Name for the login; with `OAUTHBEARER` the principal that the token is for.").hidden();
    PASSWORD: Text = Setting::optional("KAFKA_SASL_PASSWORD", Text, "required with `sasl_…`", "Password, or the token; read again from its file whenever the client is made anew.").hidden();
    CA_FILE: File = Setting::optional("KAFKA_CA_FILE", FILE, "the system's authorities", "Authorities (PEM) that the brokers' certificates are checked by.");
    CERT_FILE: File = Setting::optional("KAFKA_CERT_FILE", FILE, "none", "Our own certificate (PEM), for brokers that want one.");
    KEY_FILE: File = Setting::optional("KAFKA_KEY_FILE", FILE, "none", "Its private key (PEM).");
}

/// Reads the group; also the topic of copies, where there is one.
pub fn read(reader: &mut Reader<'_>) -> (KafkaSettings, Option<String>) {
    let millis = |of: u32| Duration::from_millis(of.into());
    let topics = reader.get(&TOPICS);
    let copies = reader.optional(&DLQ_TOPIC);
    if copies.as_ref().is_some_and(|topic| topics.contains(topic)) {
        let what = "is one of KAFKA_TOPICS, so that its copies would be read again".to_owned();
        reader.problem(Problem::new("KAFKA_DLQ_TOPIC", what, "name another topic"));
    }
    let settings = KafkaSettings {
        brokers: reader.get(&BROKERS),
        topics,
        group: reader.get(&GROUP_ID),
        client: format!("{}-{}", reader.get(&CLIENT_ID), replica_name()),
        session_timeout: millis(reader.get(&SESSION_TIMEOUT)),
        heartbeat: millis(reader.get(&HEARTBEAT)),
        rebalance_timeout: millis(reader.get(&REBALANCE_TIMEOUT)),
        fetch_min_bytes: reader.get(&MIN_BYTES),
        fetch_max_wait: millis(reader.get(&MAX_WAIT)),
        fetch_max_bytes: reader.get(&MAX_BYTES),
        protocol: reader.get(&PROTOCOL),
        assignor: reader.get(&ASSIGNOR),
        reset: reader.get(&RESET),
        on_truncated: reader.get(&ON_TRUNCATED),
        chunk_records: reader.get(&CHUNK_RECORDS),
        chunk_bytes: usize::try_from(reader.get(&CHUNK_BYTES)).unwrap_or(usize::MAX),
        access: access(reader),
    };
    agree(&settings, reader);
    (settings, copies)
}

fn access(reader: &mut Reader<'_>) -> Access {
    let protocol = reader.get(&SECURITY);
    let tls = TlsFiles {
        authorities: reader.optional(&CA_FILE),
        identity: identity(reader, &CERT_FILE, &KEY_FILE),
    };
    let mechanism = reader.optional(&MECHANISM);
    let (name, password) = (reader.optional(&USERNAME), reader.optional(&PASSWORD));
    let logs_in = matches!(
        protocol,
        SecurityProtocol::SaslPlaintext | SecurityProtocol::SaslSsl
    );
    if !logs_in {
        let unused = mechanism.is_some() || name.is_some() || password.is_some();
        if unused {
            reader.warn("KAFKA_SASL_… is not used: KAFKA_SECURITY_PROTOCOL logs in with sasl_plaintext or sasl_ssl only".to_owned());
        }
        return Access {
            protocol,
            sasl: None,
            tls,
        };
    }
    let why = ", which KAFKA_SECURITY_PROTOCOL asks for";
    if mechanism.is_none() {
        reader.missing(&MECHANISM, why);
    }
    if name.is_none() {
        reader.missing(&USERNAME, why);
    }
    if password.is_none() {
        reader.missing(&PASSWORD, why);
    }
    let first = login(reader);
    let sasl = Sasl {
        mechanism: mechanism.unwrap_or(SaslMechanism::Plain),
        login: reader.renewable("login of Kafka", first, login),
    };
    Access {
        protocol,
        sasl: Some(sasl),
        tls,
    }
}

fn login(reader: &mut Reader<'_>) -> Login {
    Login {
        username: reader.optional(&USERNAME).unwrap_or_default(),
        password: reader.optional(&PASSWORD).unwrap_or_default().into(),
    }
}

/// Whether the times of the group agree with each other.
fn agree(settings: &KafkaSettings, reader: &mut Reader<'_>) {
    if settings.heartbeat * 3 > settings.session_timeout {
        let what = "is more than a third of KAFKA_SESSION_TIMEOUT_MS".to_owned();
        let hint = "lower it, so that two lost heartbeats cost no partition";
        reader.problem(Problem::new("KAFKA_HEARTBEAT_INTERVAL_MS", what, hint));
    }
    if settings.rebalance_timeout < settings.session_timeout {
        let what = "is less than KAFKA_SESSION_TIMEOUT_MS".to_owned();
        let hint = "raise it: the client refuses this";
        reader.problem(Problem::new("KAFKA_REBALANCE_TIMEOUT_MS", what, hint));
    }
    if settings.topics.is_empty() {
        let what = "names no topic".to_owned();
        reader.problem(Problem::new("KAFKA_TOPICS", what, "name the topics to read"));
    }
}

/// One of the words of an enum, in any case.
fn word<T: Copy>(all: &[T], as_str: fn(T) -> &'static str, text: &str) -> Result<T, String> {
    let found = all.iter().find(|one| as_str(**one).eq_ignore_ascii_case(text));
    found.copied().ok_or_else(|| "is none of the words".to_owned())
}

fn brokers(text: &str) -> Result<Vec<String>, String> {
    let all: Vec<_> = text
        .split(',')
        .map(str::trim)
        .filter(|one| !one.is_empty())
        .collect();
    for one in &all {
        let port = one.rsplit_once(':').filter(|(host, _)| !host.is_empty());
        if port.is_none_or(|(_, port)| port.parse::<u16>().is_err()) {
            return Err(format!("has an entry {one:?} that is no host:port"));
        }
    }
    match all.is_empty() {
        true => Err("names no broker".to_owned()),
        false => Ok(all.into_iter().map(str::to_owned).collect()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_read_in_any_case() {
        let read = |text| word(SecurityProtocol::ALL, SecurityProtocol::as_str, text);
        assert_eq!(read("sasl_ssl"), Ok(SecurityProtocol::SaslSsl));
        assert_eq!(read("PLAINTEXT"), Ok(SecurityProtocol::Plaintext));
        assert!(read("tls").is_err());
    }

    #[test]
    fn brokers_have_ports() {
        assert_eq!(
            brokers("a:1, [::1]:2"),
            Ok(vec!["a:1".to_owned(), "[::1]:2".to_owned()])
        );
        for bad in ["a", "a:b", ":1", "", "a:70000"] {
            assert!(brokers(bad).is_err(), "{bad}");
        }
    }
}
