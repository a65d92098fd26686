//! What is remembered beyond the death of the process: which events were worked on alone when it died.

use crate::supervision::Fault;
use futures_util::future::BoxFuture;
use std::fmt::Debug;

/// A durable count of strikes for each event. The ingress strikes a suspect before it is worked on
/// alone and acquits it afterwards; a strike that nobody took back is a death.
pub trait StrikeBook: Debug + Send + Sync {
    /// Notes one more strike. Done when it is durable.
    fn strike(&self, event_id: String) -> BoxFuture<'static, Result<Strike, Fault>>;

    /// Forgets the strikes of an event.
    fn acquit(&self, event_id: String) -> BoxFuture<'static, Result<(), Fault>>;
}

/// What is known of an event once it is struck.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Strike {
    /// Strikes that it has now.
    pub strikes: u32,
    /// Whether its rows are stored: whatever died after that, the event has done its work.
    pub stored: bool,
}
