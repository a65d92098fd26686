//! The parts of the page that are the pipeline's own.

use crate::http::Panels;

/// For the `/` of a process in which the pipeline runs.
pub(crate) const PANELS: Panels = Panels {
    above: "",
    wide: include_str!("page/wide.html"),
    narrow: include_str!("page/narrow.html"),
    style: &[],
    script: &[include_str!("page/products.js")],
};
