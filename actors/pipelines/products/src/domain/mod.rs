//! What product events are, and what they make of a product.
//!
//! The state of a product is a function of the set of its events, whatever the order in which they arrive. Events compare
//! by (`at`, [`EventType`], `id` as bytes).
//!
//! | column | is |
//! |---|---|
//! | `name` `price` `stock` `category` `seller_id` `threshold` | of the last event that says it; a null says nothing |
//! | `status` | `deleted` from a deletion until a later creation; else `created` or `updated`, as the last of these two says; of a product that was only ever warned of: `updated` |
//! | `deleted_at` | the time of the last deletion while `status` is `deleted`, else null |
//! | `low_stock` | there is a warning, and the last stock of all is that of the last warning, or of an earlier event, or is not above what that warning warns of |
//! | `first_seen_at` | the earliest time of an event |
//! | `last_event_at`, `last_event_id` | of the last event |

mod event;
mod event_type;
mod reason;

pub use event::{Change, Event, ProductValues, Rejected};
pub use event_type::EventType;
pub use reason::Reason;
