//! The engine: it moves envelopes, contains failures and settles deliveries. It names no stage.
//!
//! A stage implements one of three verbs, [`Source`], [`Stage`] (in its general form [`Transform`]) or [`Sink`].
//! [`Supervision`] starts an actor around it. The guarantees are listed in `actors/README.md`, each with the test that
//! shows it.

mod actor_id;
mod announce;
mod backlog;
mod backoff;
mod breaker;
mod byte_budget;
mod child;
mod circuits;
pub mod crashes;
mod delivery;
mod drain;
mod due_rows;
mod envelope;
pub mod failpoints;
mod fault;
mod handle;
mod head;
mod job;
mod lifecycle;
mod messages;
mod pool;
mod port;
mod positions;
mod registry;
mod report;
mod settlement;
mod spans;
mod split;
mod supervisor;
pub mod trace;
mod traceparent;
mod verbs;
mod watchdog;
mod worker;

pub use actor_id::ActorId;
pub use backoff::{Backoff, jitter};
pub use breaker::{Breaker, Suspension};
pub use byte_budget::{ByteBudget, Reservation};
pub use delivery::Delivery;
pub use drain::Drain;
pub use due_rows::{Claim, Claimed, DuePace, DueRow, DueRows, DueStore};
pub use envelope::Envelope;
pub use fault::Fault;
pub use handle::Supervision;
pub use lifecycle::RestartPolicy;
pub use messages::Messages;
pub use pool::Member;
pub use port::{Depth, Port};
pub use positions::{Position, Positions};
pub use registry::{ActorRegistry, Entry, State};
pub use report::Cause;
pub use settlement::{Acks, DeliveryHandle, Outcome, Settlement};
pub use supervisor::Exit;
pub use verbs::{Intake, Load, Sink, Source, Stage, Transform};
pub use worker::{Build, Limits};

use report::{Affected, Fate, Rebuild, Report};
use watchdog::Watchdog;
