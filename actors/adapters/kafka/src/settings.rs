//! What the source and the producer need to know.

use millrace_access::{renewable::Renewable, tls::TlsFiles};
use secrecy::{ExposeSecret, SecretString};
use std::time::Duration;

/// The brokers, the group and its pace. Words of settings are the `as_str` of the values here.
#[derive(Clone, Debug)]
pub struct KafkaSettings {
    /// `host:port` of brokers that tell of the others.
    pub brokers: Vec<String>,
    /// What is read. A topic that is missing is waited for.
    pub topics: Vec<String>,
    /// The consumer group.
    pub group: String,
    /// How this replica calls itself: the configured name, `-`, and the replica's.
    pub client: String,
    /// A consumer that is silent for so long loses its partitions.
    pub session_timeout: Duration,
    /// How often it is heard of.
    pub heartbeat: Duration,
    /// How long a rebalance waits for the consumers of the group; not less than `session_timeout`.
    pub rebalance_timeout: Duration,
    /// A fetch is answered with so many bytes, or after `fetch_max_wait`.
    pub fetch_min_bytes: u32,
    /// See `fetch_min_bytes`.
    pub fetch_max_wait: Duration,
    /// Most bytes of an answer.
    pub fetch_max_bytes: u32,
    /// How the group is kept.
    pub protocol: GroupProtocol,
    /// How partitions are shared.
    pub assignor: Assignor,
    /// Where to begin without any position.
    pub reset: OffsetReset,
    /// What to do about a topic that is not the one that was read.
    pub on_truncated: OnTruncated,
    /// Most records of a chunk.
    pub chunk_records: usize,
    /// Most bytes of a chunk; one record that is larger goes alone.
    pub chunk_bytes: usize,
    /// How to get in.
    pub access: Access,
}

/// How a connection to a broker is secured.
#[derive(Clone, Debug)]
pub struct Access {
    /// TLS, a login, both or none.
    pub protocol: SecurityProtocol,
    /// The login, where the protocol has one.
    pub sasl: Option<Sasl>,
    /// Files for TLS.
    pub tls: TlsFiles,
}

/// Who logs in, and how.
#[derive(Clone, Debug)]
pub struct Sasl {
    /// How.
    pub mechanism: SaslMechanism,
    /// Who. Read again whenever the client is made anew, so also after the broker has refused it.
    pub login: Renewable<Login>,
}

/// A name and its secret.
#[derive(Clone, Debug)]
pub struct Login {
    /// The name; with [`SaslMechanism::OauthBearer`] whom the token is for.
    pub username: String,
    /// The password, or the token.
    pub password: SecretString,
}

/// Declares an enum whose values are words of settings.
macro_rules! words {
    ($(#[$about:meta])* $name:ident { $($(#[$doc:meta])* $value:ident = $word:literal),+ $(,)? }) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $name { $($(#[$doc])* $value),+ }

        impl $name {
            /// Every value.
            pub const ALL: &'static [Self] = &[$(Self::$value),+];

            /// The word for it.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$value => $word),+ }
            }
        }
    };
}

words!(
    /// Which protocol keeps the group.
    GroupProtocol {
        /// That of every broker.
        Classic = "classic",
        /// That of brokers from 4.0, which assign partitions themselves.
        Consumer = "consumer",
    }
);

words!(
    /// How partitions are shared among the consumers of a group.
    Assignor {
        /// A rebalance only stops the partitions that move.
        CooperativeSticky = "cooperative-sticky",
        /// Neighbouring partitions to each.
        Range = "range",
    }
);

words!(
    /// Where to begin in a partition without any position.
    OffsetReset {
        /// At the oldest record.
        Earliest = "earliest",
        /// With the next record that comes.
        Latest = "latest",
        /// Nowhere: the partition waits for a person.
        Stop = "stop",
    }
);

words!(
    /// What to do when a topic was made anew or truncated.
    OnTruncated {
        /// The partition waits for a person.
        Stop = "stop",
        /// It is read from its oldest record.
        Earliest = "earliest",
    }
);

words!(
    /// As Kafka calls it.
    SecurityProtocol {
        /// Neither encrypted nor logged in.
        Plaintext = "PLAINTEXT",
        /// TLS.
        Ssl = "SSL",
        /// A login.
        SaslPlaintext = "SASL_PLAINTEXT",
        /// A login over TLS.
        SaslSsl = "SASL_SSL",
    }
);

words!(
    /// As Kafka calls it.
    SaslMechanism {
        /// The password itself.
        Plain = "PLAIN",
        /// A proof of the password.
        ScramSha256 = "SCRAM-SHA-256",
        /// A longer proof of the password.
        ScramSha512 = "SCRAM-SHA-512",
        /// A token.
        OauthBearer = "OAUTHBEARER",
    }
);

// === impl Login ===

impl PartialEq for Login {
    fn eq(&self, other: &Self) -> bool {
        let all = |login: &Self| (login.username.clone(), login.password.expose_secret().to_owned());
        all(self) == all(other)
    }
}

// === impl Access ===

impl Default for Access {
    fn default() -> Self {
        Self {
            protocol: SecurityProtocol::Plaintext,
            sasl: None,
            tls: TlsFiles::default(),
        }
    }
}

// === impl KafkaSettings ===

impl Default for KafkaSettings {
    fn default() -> Self {
        let texts = |all: &[&str]| all.iter().map(|text| (*text).to_owned()).collect();
        Self {
            brokers: texts(&["localhost:9092"]),
            topics: texts(&[
                "ProductCreated",
                "ProductUpdated",
                "ProductDeleted",
                "LowStockWarning",
            ]),
            group: "analytics-group".to_owned(),
            client: "analytics-service".to_owned(),
            session_timeout: Duration::from_secs(30),
            heartbeat: Duration::from_secs(3),
            rebalance_timeout: Duration::from_secs(60),
            fetch_min_bytes: 1,
            fetch_max_wait: Duration::from_millis(500),
            fetch_max_bytes: 50 << 20,
            protocol: GroupProtocol::Classic,
            assignor: Assignor::CooperativeSticky,
            reset: OffsetReset::Earliest,
            on_truncated: OnTruncated::Stop,
            chunk_records: 1_000,
            chunk_bytes: 8 << 20,
            access: Access::default(),
        }
    }
}
