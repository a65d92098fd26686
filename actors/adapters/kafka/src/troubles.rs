//! What goes wrong with the brokers, sorted by what to do about it.

use rdkafka::{error::KafkaError, types::RDKafkaErrorCode as Code};

/// What to do about an error of the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Remedy {
    /// The client tries again on its own.
    Passes,
    /// A topic is not there: it is waited for.
    MissingTopic,
    /// The partition's position is not in the log any more: it is decided anew.
    OutOfRange,
    /// The client is made anew, with secrets that are read again. With words for people.
    Anew(&'static str),
}

/// What an error asks for.
pub(crate) fn remedy(error: &KafkaError) -> Remedy {
    if let KafkaError::MessageConsumptionFatal(_) = error {
        return Remedy::Anew("the client cannot go on");
    }
    match error.rdkafka_error_code() {
        Some(Code::UnknownTopicOrPartition | Code::UnknownTopic | Code::UnknownPartition) => {
            Remedy::MissingTopic
        }
        Some(Code::AutoOffsetReset | Code::OffsetOutOfRange) => Remedy::OutOfRange,
        Some(Code::Authentication | Code::SaslAuthenticationFailed) => {
            Remedy::Anew("the broker does not let us in; look at KAFKA_SASL_* and KAFKA_SECURITY_PROTOCOL")
        }
        Some(
            Code::TopicAuthorizationFailed
            | Code::GroupAuthorizationFailed
            | Code::ClusterAuthorizationFailed,
        ) => Remedy::Anew(
            "the broker does not allow it; grant READ and DESCRIBE on the topics, READ on the group",
        ),
        Some(Code::InconsistentGroupProtocol) => Remedy::Anew(
            "the group is kept by another protocol or client; stop the old consumers of KAFKA_GROUP_ID first",
        ),
        Some(Code::UnsupportedVersion | Code::UnsupportedFeature) => {
            Remedy::Anew("the broker does not know it; KAFKA_GROUP_PROTOCOL=consumer needs brokers from 4.0")
        }
        Some(Code::Fatal) => Remedy::Anew("the client cannot go on"),
        _ => Remedy::Passes,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_protocol_of_the_group_says_what_to_do() {
        let error = KafkaError::MessageConsumption(Code::InconsistentGroupProtocol);
        let Remedy::Anew(words) = remedy(&error) else {
            panic!("{error:?}")
        };
        assert!(words.contains("stop the old consumers"), "{words}");
    }

    #[test]
    fn a_lost_broker_is_left_to_the_client() {
        for code in [
            Code::AllBrokersDown,
            Code::BrokerTransportFailure,
            Code::OperationTimedOut,
        ] {
            assert_eq!(remedy(&KafkaError::Global(code)), Remedy::Passes);
        }
    }

    #[test]
    fn a_position_outside_of_the_log_is_decided_anew() {
        let error = KafkaError::MessageConsumption(Code::AutoOffsetReset);
        assert_eq!(remedy(&error), Remedy::OutOfRange);
    }
}
