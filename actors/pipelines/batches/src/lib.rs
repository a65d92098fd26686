//! The actors of millrace and the messages between them.
//!
//! [`supervision`] is the engine and knows no business; [`domain`] holds the words; the rooms
//! [`ingress`], [`fetcher`], [`parser`] and [`writer`] each know the engine, the domain and the
//! [`messages`], and never each other. [`crashes`] is what one asks of another, [`recent`] is what they
//! note for whoever looks on, [`mask`] keeps secrets out of what is shown. [`tls`] and [`renewable`] are how they get in. [`failpoints`] is for tests.

pub mod domain;
pub mod event;
pub mod failpoints;
pub mod fetch;
pub mod messages;
pub mod parse;
pub mod recent;
pub mod reports;
pub mod write;
