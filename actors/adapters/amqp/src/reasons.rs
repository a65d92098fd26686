//! Why a message is dead-lettered, whatever it says: stable codes.

/// The message's properties cannot be read.
pub const UNDECODABLE_MESSAGE: &str = "undecodable_message";
/// Transient trouble outlasted the allowed attempts.
pub const ATTEMPTS_EXHAUSTED: &str = "attempts_exhausted";
/// The message killed the process that worked on it, again and again.
pub const KILLED_WORKER: &str = "killed_worker";
