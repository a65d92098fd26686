//! A product under load, servers that fail by a seeded plan, and an oracle that counts every row afterwards.
//!
//! [`run()`] does it all: see `README.md` beside this crate for what a fault is and how to read the figures.

mod fault;
mod figures;
mod inflict;
mod load;
mod replica;
mod run;
mod schedule;
mod settled;
mod summary;
mod teller;
mod timeline;
mod verdict;
mod world;

pub use self::fault::{Fault, Kind, Target};
pub use self::figures::{Figures, Spread, Termination};
pub use self::run::{Outcome, Plan, run};
pub use self::schedule::Schedule;
pub use self::summary::Summary;
pub use self::verdict::Verdict;
