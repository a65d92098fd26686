//! What is remembered beyond the death of the process: which events were worked on alone when it died.

use crate::supervision::Fault;
use futures_util::future::BoxFuture;
use std::fmt::Debug;

/// A durable count of strikes for each event. The ingress strikes a suspect before it is worked on
/// alone and acquits it afterwards; a strike that nobody took back is a death.
pub trait StrikeBook: Debug + Send + Sync {
    /// Notes one more strike and returns how many there are now. Done when it is durable.
    fn strike(&self, event_id: String) -> BoxFuture<'static, Result<u32, Fault>>;

    /// Forgets the strikes of an event.
    fn acquit(&self, event_id: String) -> BoxFuture<'static, Result<(), Fault>>;
}
