//! Deliveries whose properties were not such as the client library can read. See `wire`.

use super::{copies, wire::Repair};
use crate::{Event, Refusal, events::PROPERTIES_REPAIRED, reasons};
use amqprs::BasicProperties;
use base64::prelude::{BASE64_STANDARD, Engine as _};

/// The properties with those that came, in Base64, so that each copy of the message keeps them.
pub(super) fn with_original(properties: BasicProperties, repair: Option<&Repair>) -> BasicProperties {
    match repair {
        Some(repair) if !repair.raw.is_empty() => {
            copies::with_raw_properties(properties, &BASE64_STANDARD.encode(&repair.raw))
        }
        _ => properties,
    }
}

/// An event whose message could be read only in part is a dead letter; one that only had to be cleaned goes its way.
pub(super) fn refuse<M>(
    decoded: Result<Event<M>, Refusal>,
    repair: Option<Repair>,
) -> Result<Event<M>, Refusal> {
    let Some(Repair { lost, .. }) = repair else {
        return decoded;
    };
    let Some(lost) = lost else {
        return decoded.map(|mut event| {
            event.notes.push(PROPERTIES_REPAIRED);
            event
        });
    };
    let event_id = match decoded {
        Ok(event) => Some(event.id),
        Err(refusal) => refusal.event_id,
    };
    Err(Refusal {
        reason: reasons::UNDECODABLE_MESSAGE,
        detail: format!("the properties of the message cannot be read: {lost}"),
        event_id,
    })
}
