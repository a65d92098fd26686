//! Settings in the words of librdkafka.

use crate::{Access, GroupProtocol, KafkaSettings, SaslMechanism};
use rdkafka::config::{ClientConfig, RDKafkaLogLevel};
use secrecy::ExposeSecret;
use std::{path::Path, time::Duration};

/// How often the client tells how it is.
const STATISTICS: Duration = Duration::from_secs(1);
/// How often topics are looked for: those that are missing, and those that have grown.
const METADATA: Duration = Duration::from_secs(5);
/// Delays between connections that fail grow up to this.
const LONGEST_RECONNECT: Duration = Duration::from_secs(5);
/// A broker that does not answer for so long is lost.
const SILENCE: Duration = Duration::from_secs(30);
/// Least and most that waits, fetched, for one partition.
const PREFETCH_KIB: std::ops::RangeInclusive<u64> = 64..=8 << 10;

/// The consumer's. `budget` is what may be fetched in all, in bytes, and `partitions` how many the topics have.
pub(crate) fn consumer(settings: &KafkaSettings, budget: u64, partitions: usize) -> ClientConfig {
    let mut config = access(&settings.brokers, &settings.access);
    let prefetch = prefetch_kib(budget, partitions);
    let fetch_bytes = u64::from(settings.fetch_max_bytes);
    let of_partition = (prefetch << 10).min(1 << 20).min(fetch_bytes);
    config
        .set("client.id", &settings.client)
        .set("group.id", &settings.group)
        .set("enable.auto.commit", "false")
        .set("enable.auto.offset.store", "false")
        // Where to begin is decided here, by what is stored; what is out of range is an error that asks again.
        .set("auto.offset.reset", "error")
        .set("isolation.level", "read_committed")
        .set("enable.partition.eof", "true")
        .set("allow.auto.create.topics", "false")
        .set("max.poll.interval.ms", millis(settings.rebalance_timeout))
        .set("fetch.min.bytes", settings.fetch_min_bytes.to_string())
        .set("fetch.wait.max.ms", millis(settings.fetch_max_wait))
        .set("fetch.max.bytes", fetch_bytes.to_string())
        .set("fetch.message.max.bytes", of_partition.to_string())
        .set("queued.max.messages.kbytes", prefetch.to_string())
        .set("topic.metadata.refresh.interval.ms", millis(METADATA))
        .set("statistics.interval.ms", millis(STATISTICS));
    match settings.protocol {
        GroupProtocol::Classic => {
            config
                .set("session.timeout.ms", millis(settings.session_timeout))
                .set("heartbeat.interval.ms", millis(settings.heartbeat))
                .set("partition.assignment.strategy", settings.assignor.as_str());
        }
        // There the broker decides about sessions and assignments.
        GroupProtocol::Consumer => {
            config.set("group.protocol", "consumer");
        }
    }
    config
}

/// Of a client that only looks: it joins no group, and sees what a consumer of committed records does.
pub(crate) fn onlooker(settings: &KafkaSettings) -> ClientConfig {
    let mut config = access(&settings.brokers, &settings.access);
    config
        .set("client.id", &settings.client)
        .set("isolation.level", "read_committed")
        .set("allow.auto.create.topics", "false");
    config
}

/// The producer's: each copy is written once, and told when it is safe.
pub(crate) fn producer(brokers: &[String], client: &str, by: &Access) -> ClientConfig {
    let mut config = access(brokers, by);
    config
        .set("client.id", client)
        .set("enable.idempotence", "true")
        .set("acks", "all")
        .set("linger.ms", "5")
        .set("allow.auto.create.topics", "false");
    config
}

fn access(brokers: &[String], access: &Access) -> ClientConfig {
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", brokers.join(","))
        .set("security.protocol", access.protocol.as_str())
        .set("socket.timeout.ms", millis(SILENCE))
        .set("socket.keepalive.enable", "true")
        .set("reconnect.backoff.ms", "100")
        .set("reconnect.backoff.max.ms", millis(LONGEST_RECONNECT))
        .set_log_level(RDKafkaLogLevel::Info);
    if let Some(sasl) = &access.sasl {
        let login = sasl.login.renew();
        config.set("sasl.mechanism", sasl.mechanism.as_str());
        if sasl.mechanism != SaslMechanism::OauthBearer {
            config
                .set("sasl.username", &login.username)
                .set("sasl.password", login.password.expose_secret());
        }
    }
    let mut file = |name: &str, path: Option<&Path>| {
        if let Some(path) = path {
            config.set(name, path.to_string_lossy());
        }
    };
    file("ssl.ca.location", access.tls.authorities.as_deref());
    let identity = access.tls.identity.as_ref();
    file(
        "ssl.certificate.location",
        identity.map(|own| own.certificate.as_path()),
    );
    file("ssl.key.location", identity.map(|own| own.key.as_path()));
    config
}

/// A quarter of the budget waits in the client's queues, shared among the partitions; chunks take the rest.
fn prefetch_kib(budget: u64, partitions: usize) -> u64 {
    let share = budget / 4 / u64::try_from(partitions.max(1)).unwrap_or(1) / 1024;
    share.clamp(*PREFETCH_KIB.start(), *PREFETCH_KIB.end())
}

fn millis(time: Duration) -> String {
    time.as_millis().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Assignor, Login, Sasl, SecurityProtocol};
    use millrace_access::renewable::Renewable;
    use rdkafka::consumer::BaseConsumer;

    #[test]
    fn librdkafka_takes_every_configuration() {
        for protocol in GroupProtocol::ALL {
            for assignor in Assignor::ALL {
                for mechanism in SaslMechanism::ALL {
                    let login = Login {
                        username: "user".to_owned(),
                        password: "secret".into(),
                    };
                    let settings = KafkaSettings {
                        protocol: *protocol,
                        assignor: *assignor,
                        access: Access {
                            protocol: SecurityProtocol::SaslSsl,
                            sasl: Some(Sasl {
                                mechanism: *mechanism,
                                login: Renewable::fixed(login),
                            }),
                            ..Access::default()
                        },
                        ..KafkaSettings::default()
                    };
                    let made = consumer(&settings, 512 << 20, 12).create::<BaseConsumer>();
                    assert!(
                        made.is_ok(),
                        "{protocol:?} {assignor:?} {mechanism:?}: {:?}",
                        made.err()
                    );
                }
            }
        }
    }

    #[test]
    fn what_waits_in_the_client_is_a_part_of_the_budget() {
        assert_eq!(prefetch_kib(512 << 20, 16), 8 << 10);
        assert_eq!(prefetch_kib(512 << 20, 128), 1 << 10);
        assert_eq!(
            prefetch_kib(64 << 20, 1_000),
            64,
            "a batch of records needs its place"
        );
        assert_eq!(prefetch_kib(64 << 20, 0), 8 << 10);
    }
}
