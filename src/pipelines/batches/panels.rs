//! The parts of the page that are the pipeline's own.

use crate::http::Panels;

/// For the `/` of a process in which the pipeline runs.
pub(crate) const PANELS: Panels = Panels {
    above: include_str!("page/above.html"),
    wide: include_str!("page/wide.html"),
    narrow: include_str!("page/narrow.html"),
    style: &[include_str!("page/pipeline.css"), include_str!("page/panels.css")],
    script: &[
        include_str!("page/lately.js"),
        include_str!("page/figures.js"),
        include_str!("page/plots.js"),
        include_str!("page/panels.js"),
        include_str!("page/batches.js"),
        include_str!("page/story.js"),
        include_str!("page/pipeline.js"),
    ],
};
