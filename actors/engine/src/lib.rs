//! The engine: it moves envelopes, contains failures and settles deliveries. It names no room.
//!
//! A room implements one of three verbs, [`Source`], [`Stage`] or [`Sink`]. [`Supervision`] starts an
//! actor around it. The guarantees are listed in `actors/README.md`, each with the test that shows it.

mod announce;
mod backlog;
mod breaker;
mod busy;
mod byte_budget;
mod child;
mod circuits;
pub mod crashes;
mod delivery;
mod drain;
mod envelope;
pub mod failpoints;
mod fault;
mod handle;
mod head;
mod job;
mod lifecycle;
mod pool;
mod port;
mod report;
mod roster;
mod settlement;
mod spans;
mod supervisor;
pub mod trace;
mod traceparent;
mod verbs;
mod worker;

pub use breaker::{Breaker, Suspension};
pub use busy::Busy;
pub use byte_budget::{ByteBudget, Reservation};
pub use delivery::Delivery;
pub use drain::Drain;
pub use envelope::Envelope;
pub use fault::Fault;
pub use handle::Supervision;
pub use lifecycle::RestartPolicy;
pub use pool::Member;
pub use port::{Depth, Port};
pub use report::{Affected, Cause, Fate, Rebuild, Report};
pub use roster::{Entry, Roster, State};
pub use settlement::{Desk, Receipt, Settlement, Verdict};
pub use supervisor::Exit;
pub use verbs::{Intake, Load, Sink, Source, Stage};
pub use worker::{Build, Limits};
