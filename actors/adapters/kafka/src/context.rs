//! What librdkafka tells: it becomes events of one channel, in the order in which it was told. Nothing is done in a
//! callback, so none can block or fail.

use crate::{Sasl, SaslMechanism, TopicPartition};
use rdkafka::{
    ClientContext, Statistics, TopicPartitionList,
    client::OAuthToken,
    config::RDKafkaLogLevel,
    consumer::{BaseConsumer, Consumer, ConsumerContext, RebalanceProtocol},
    error::{KafkaError, KafkaResult},
    types::RDKafkaRespErr,
};
use secrecy::ExposeSecret;
use std::{error::Error, sync::Arc, time::Duration};
use tokio::sync::mpsc::UnboundedSender;
use tracing::{debug, error, info, warn};

/// A token is read again so often, before it may have run out.
const TOKEN_LIFE: Duration = Duration::from_secs(60);

/// What librdkafka told.
pub(crate) enum Told {
    /// The group gives these partitions. They are to be assigned.
    Assigned(Vec<TopicPartition>),
    /// The group takes these back. They are to be unassigned.
    Revoked(Vec<TopicPartition>),
    /// How the client is.
    Statistics(Box<Statistics>),
    /// What goes wrong, and what was said about it.
    Trouble(KafkaError, String),
    /// What became of a commit.
    Committed(KafkaResult<()>),
}

/// The listener of a consumer or a producer.
pub(crate) struct Listener {
    told: UnboundedSender<Told>,
    sasl: Option<Sasl>,
}

// === impl Listener ===

impl Listener {
    pub(crate) fn new(told: UnboundedSender<Told>, sasl: Option<Sasl>) -> Self {
        Self { told, sasl }
    }
}

impl ClientContext for Listener {
    const ENABLE_REFRESH_OAUTH_TOKEN: bool = true;

    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        match level {
            RDKafkaLogLevel::Emerg
            | RDKafkaLogLevel::Alert
            | RDKafkaLogLevel::Critical
            | RDKafkaLogLevel::Error => error!(kafka.facility = facility, "librdkafka: {message}"),
            RDKafkaLogLevel::Warning => warn!(kafka.facility = facility, "librdkafka: {message}"),
            RDKafkaLogLevel::Notice => info!(kafka.facility = facility, "librdkafka: {message}"),
            RDKafkaLogLevel::Info | RDKafkaLogLevel::Debug => {
                debug!(kafka.facility = facility, "librdkafka: {message}");
            }
        }
    }

    fn stats(&self, statistics: Statistics) {
        let _ = self.told.send(Told::Statistics(Box::new(statistics)));
    }

    fn error(&self, error: KafkaError, reason: &str) {
        let _ = self.told.send(Told::Trouble(error, reason.to_owned()));
    }

    fn generate_oauth_token(&self, _: Option<&str>) -> Result<OAuthToken, Box<dyn Error>> {
        let sasl = self.sasl.as_ref();
        let sasl = sasl.filter(|sasl| sasl.mechanism == SaslMechanism::OauthBearer);
        let login = sasl.ok_or("there is no token")?.login.renew();
        let now = jiff::Timestamp::now().as_millisecond();
        Ok(OAuthToken {
            token: login.password.expose_secret().to_owned(),
            principal_name: login.username.clone(),
            lifetime_ms: now + i64::try_from(TOKEN_LIFE.as_millis())?,
        })
    }
}

impl ConsumerContext for Listener {
    fn rebalance(
        &self,
        consumer: &BaseConsumer<Self>,
        kind: RDKafkaRespErr,
        partitions: &mut TopicPartitionList,
    ) {
        let given = kind == RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS;
        let list = listed(partitions);
        let told = if given {
            Told::Assigned(list)
        } else {
            Told::Revoked(list)
        };
        if self.told.send(told).is_ok() {
            return;
        }
        // The source is gone, and the consumer about to be.
        let done = match (given, is_cooperative(consumer)) {
            (true, true) => consumer.incremental_assign(&TopicPartitionList::new()),
            (false, true) => consumer.incremental_unassign(partitions),
            (_, false) => consumer.unassign(),
        };
        if let Err(error) = done {
            debug!(%error, "a rebalance of a consumer that ends");
        }
    }

    fn commit_callback(&self, result: KafkaResult<()>, _: &TopicPartitionList) {
        let _ = self.told.send(Told::Committed(result));
    }
}

/// Whether partitions are given and taken one by one.
pub(crate) fn is_cooperative<C: ConsumerContext>(consumer: &BaseConsumer<C>) -> bool {
    matches!(consumer.rebalance_protocol(), RebalanceProtocol::Cooperative)
}

fn listed(partitions: &TopicPartitionList) -> Vec<TopicPartition> {
    let one = |element: &rdkafka::topic_partition_list::TopicPartitionListElem<'_>| TopicPartition {
        topic: Arc::from(element.topic()),
        partition: element.partition(),
    };
    partitions.elements().iter().map(one).collect()
}
