//! YouTube: a video has a `video_id` and a channel. The channel is the author's key where the author
//! has no name of their own; `category_id`, `definition` and `caption` have no column and are kept as sent.

mod shape;

use super::{Dialect, common};

/// How YouTube's items are read.
pub(super) const DIALECT: Dialect = Dialect {
    name: "youtube",
    marks: common::MARKS,
    shape: |_| &shape::SHAPE,
};

#[cfg(test)]
mod tests {
    use crate::{domain::Platform, parse::testkit};

    #[test]
    fn every_fixture_reads_as_its_snapshot() {
        insta::glob!("fixtures/*.json", |path| {
            let body = std::fs::read(path).unwrap();
            insta::assert_debug_snapshot!(testkit::parse(&body, Platform::Youtube).unwrap().items);
        });
    }
}
