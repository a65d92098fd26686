//! How connections get in: whom a client trusts and who it is, and secrets that somebody may rotate meanwhile.

pub mod renewable;
pub mod tls;
