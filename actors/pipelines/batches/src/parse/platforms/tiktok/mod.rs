//! TikTok: items say nothing that the common names do not.

mod shape;

use super::{Dialect, common};

/// How TikTok's items are read.
pub(super) const DIALECT: Dialect = Dialect {
    name: "tiktok",
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
            insta::assert_debug_snapshot!(testkit::parse(&body, Platform::Tiktok).unwrap().items);
        });
    }
}
