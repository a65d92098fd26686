//! The archive: each event of the journal in one object of its UTC hour, for good.
//!
//! `planner` gathers events that wait into files, each event into one, in one transaction a file. A planned file is a due
//! row (`files`); `writer` reads its members from the journal, renders them (`render`, `layout`) and puts objects where
//! none are. `closing` notes the hours of which nothing is missing any more. `check` says how it stands, reads it back,
//! and removes what no row knows. Whatever is repeated ends in the same objects.

mod check;
mod closing;
mod files;
mod journal;
mod keeper;
mod layout;
mod metrics;
mod planner;
mod query;
mod render;
mod settings;
mod store;
mod writer;

pub use check::{Archive, Healed, HourStatus, Status, Trouble, TroubleKind, Verified};
pub use closing::{Closer, Ends, LogEnds};
pub use files::{FilesToWrite, PlannedFile, files_to_write};
pub use keeper::Keeper;
pub use layout::encoded;
pub use metrics::ArchiveMetrics;
pub use planner::{Planner, Round};
pub use settings::{ArchiveSettings, Layout};
pub use store::ArchiveStore;
pub use writer::FileWriter;
