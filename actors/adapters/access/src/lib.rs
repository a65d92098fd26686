//! How connections are secured: which authorities a client trusts, its own identity, and secrets that may be rotated meanwhile.

pub mod renewable;
pub mod tls;
