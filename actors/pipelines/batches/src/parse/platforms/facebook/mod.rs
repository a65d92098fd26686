//! Facebook: a page is the author, reactions have kinds, media are attachments, and comments have replies.
//!
//! Items come in two shapes: `{meta, content, page, comments}` from crawlers, and flat records without `meta` from
//! data sets. Both become the same columns; the kinds of reactions and the attachments stay in `extra` as sent.

mod attachments;
mod crawled;
mod dataset;
mod reactions;
mod thread;

#[cfg(test)]
mod tests;

use super::Dialect;
use crate::parse::{fields::Fields, reader::Scalar, shape::Shape, spelling::Spelling};

/// How Facebook's items are read.
pub(super) const DIALECT: Dialect = Dialect {
    name: "facebook",
    // A comment may have a `post_id`; it has neither of these.
    marks: &["meta", "date_posted", "error_code"],
    shape,
};

/// A record of a data set has no `meta`, and its id or its error at the top.
fn shape(top: &Fields<'_>) -> &'static Shape {
    let is_object = |key: &str| {
        top.json(key)
            .is_some_and(|json| Scalar::of(json) == Scalar::Object)
    };
    let has = |key: &str| top.json(key).is_some_and(|json| Scalar::of(json) != Scalar::Null);
    if !has("meta") && ["post_id", "error_code", "error"].into_iter().any(has) {
        &dataset::SHAPE
    } else if is_object("page") && !is_object("author") {
        &crawled::BY_PAGE
    } else {
        &crawled::BY_AUTHOR
    }
}

/// The common names, and behind them Facebook's own.
const fn joined<const A: usize, const B: usize, const ALL: usize>(
    common: [Spelling; A],
    own: [Spelling; B],
) -> [Spelling; ALL] {
    assert!(ALL == A + B, "the joined list is as long as both");
    let mut all = [common[0]; ALL];
    let mut at = 0;
    while at < ALL {
        all[at] = if at < A { common[at] } else { own[at - A] };
        at += 1;
    }
    all
}
