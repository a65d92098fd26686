//! What the ingress needs to know.

use millrace_access::renewable::Renewable;
use millrace_access::tls::TlsFiles;
use secrecy::{ExposeSecret, SecretString};
use std::time::Duration;

/// The broker, the names on it, and how failures are retried.
#[derive(Clone, Debug)]
pub struct AmqpSettings {
    /// Where the broker is, and how to get in.
    pub broker: Renewable<Broker>,
    /// Files for `amqps`.
    pub tls: TlsFiles,
    /// Topic exchange that producers publish to.
    pub exchange: String,
    /// Queue of events. Its dead letters go to `<queue>.dlq`, its delayed retries through `<queue>.retry…`.
    pub queue: String,
    /// Binding between the two.
    pub routing_key: String,
    /// Consume the event queue.
    pub new_mode: bool,
    /// Queues of legacy messages to consume; empty when legacy mode is off.
    pub legacy_queues: Vec<String>,
    /// Unsettled deliveries at once: the one number that bounds every mailbox.
    pub prefetch: u16,
    /// Bound on the whole set-up of a connection.
    pub connect_timeout: Duration,
    /// Heartbeat; a black hole shows after twice that.
    pub heartbeat: Duration,
    /// How events are retried.
    pub retry: RetrySettings,
    /// How long a drain may take before what is unfinished is left unacknowledged.
    pub shutdown_grace: Duration,
}

/// Where the broker is, and how to get in.
#[derive(Clone, Debug)]
pub struct Broker {
    /// Host name or address.
    pub host: String,
    /// Port; 5672, or 5671 with TLS.
    pub port: u16,
    /// User.
    pub user: String,
    /// Password; without one our certificate says who we are (the mechanism EXTERNAL).
    pub password: Option<SecretString>,
    /// Virtual host.
    pub vhost: String,
    /// `amqps`.
    pub tls: bool,
}

// === impl Broker ===

impl PartialEq for Broker {
    fn eq(&self, other: &Self) -> bool {
        let all = |broker: &Self| {
            let Self {
                host,
                port,
                user,
                password,
                vhost,
                tls,
            } = broker.clone();
            let password = password.map(|password| password.expose_secret().to_owned());
            (host, port, user, password, vhost, tls)
        };
        all(self) == all(other)
    }
}

/// An event that is tried again waits at least this long: without a pause it would go round as fast as the broker can.
pub(crate) const LEAST_DELAY: Duration = Duration::from_millis(100);

/// Delays between attempts at one event.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RetrySettings {
    /// Attempts before the event is dead-lettered as `attempts_exhausted`.
    pub max_attempts: u32,
    /// Delay before the second attempt.
    pub initial_delay: Duration,
    /// Longest delay.
    pub max_delay: Duration,
    /// Factor from one delay to the next.
    pub multiplier: f64,
}

// === impl RetrySettings ===

impl RetrySettings {
    /// The names of queues that are made of a work queue's: of its dead letters, and the longest of its retries.
    pub fn names_of(&self, queue: &str) -> [String; 2] {
        // Dead letters that are put off wait a second at least.
        let longest = self.max_delay.max(Duration::from_secs(1));
        [
            format!("{queue}.dlq"),
            format!("{queue}.retry.{}ms", longest.as_millis()),
        ]
    }
}
