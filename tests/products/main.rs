//! Product events end to end: a real broker, a real Postgres, the program as it is shipped, and an oracle that shares no
//! code with it.

#![cfg(feature = "kafka")]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod archive;
mod asked;
mod mix;
mod outages;
mod recovery;
mod rejected;
mod replicas;
mod trial;
mod whole;
