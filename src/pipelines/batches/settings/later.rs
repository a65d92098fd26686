//! Settings that users already have and that nothing acts on yet. They are checked, so that a file that
//! is good today is good tomorrow, and the ones that ask for something say that it does not happen.

use crate::config::{AmqpName, Flag, Reader, Setting, settings};

settings! { "Not acted on yet";
    PUBLISH_ENABLED: Flag = Setting::new("PUBLISH_ENABLED", Flag, "false", "Publish a result for each stored batch.");
    PUBLISH_EXCHANGE: AmqpName = Setting::new("PUBLISH_EXCHANGE", AmqpName, "results.inbound", "Exchange of the results.");
    PUBLISH_ROUTING_KEY: AmqpName = Setting::new("PUBLISH_ROUTING_KEY", AmqpName, "analyze.result", "Routing key of the results.");
}

/// Checks the group.
pub(super) fn read(reader: &mut Reader<'_>) {
    reader.get(&PUBLISH_EXCHANGE);
    reader.get(&PUBLISH_ROUTING_KEY);
    if reader.get(&PUBLISH_ENABLED) {
        reader.warn("PUBLISH_ENABLED is set, but results are not published by this version".to_owned());
    }
}
