//! What the crawlers of each platform do their own way, a folder each; `common` is what all may do.

mod common;
mod facebook;
mod tiktok;
mod youtube;

use super::{fields::Fields, scan::Marks, shape::Shape};
use crate::domain::Platform;

/// A platform whose crawlers we know: the shapes of their items.
#[derive(Clone, Copy, Debug)]
pub(super) struct Dialect {
    /// The platform's name, in lower case.
    pub(super) name: &'static str,
    /// Fields that items have and what stands in them has not: by these an item is found behind one whose
    /// brackets or quotes do not match.
    pub(super) marks: Marks,
    /// The shape of an item, seen from its uppermost fields.
    pub(super) shape: fn(&Fields<'_>) -> &'static Shape,
}

/// Every platform that has a folder, a line each.
pub(super) const ALL: &[Dialect] = &[
    // by name
    facebook::DIALECT,
    tiktok::DIALECT,
    youtube::DIALECT,
];

/// Of other platforms nothing is known: they are read by the common names.
const UNKNOWN: Dialect = Dialect {
    name: "",
    marks: common::MARKS,
    shape: |_| &common::SHAPE,
};

/// How items of that platform are read.
pub(super) fn dialect(platform: &Platform) -> Dialect {
    let name = platform.as_str();
    *ALL.iter().find(|known| known.name == name).unwrap_or(&UNKNOWN)
}
