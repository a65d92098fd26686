//! What the crawlers of each platform do their own way, a folder each.

mod tiktok;
mod youtube;

use crate::domain::Platform;

/// What a platform's crawler does its own way.
#[derive(Clone, Copy, Debug)]
pub(super) struct Dialect {
    /// What `content` calls the platform's id, besides `external_id`.
    pub(super) own_id: Option<&'static str>,
}

pub(super) fn dialect(platform: &Platform) -> Dialect {
    match platform {
        Platform::Youtube => youtube::DIALECT,
        // Of other platforms nothing is known: they are read by the common names.
        Platform::Tiktok | Platform::Other(_) => tiktok::DIALECT,
    }
}
