//! A product under load, servers that fail by a seeded plan, and an oracle that counts every row afterwards.
//!
//! [`run()`] does it all: see `README.md` beside this crate for what a fault is and how to read the figures.

mod fault;
mod figures;
mod findings;
mod inflict;
mod load;
mod replica;
mod reporter;
mod run;
mod schedule;
mod settled;
mod summary;
mod timeline;
mod world;

pub use self::fault::{Fault, Kind, Target};
pub use self::figures::{Figures, Spread, Termination};
pub use self::findings::Findings;
pub use self::run::{Outcome, Plan, run};
pub use self::schedule::Schedule;
pub use self::summary::Summary;
