//! The tables, one file each, in the order in which every transaction writes them.

mod authors;
mod comments;
mod crawl_errors;
mod ingested_batches;
mod post_analytics;
mod rejected_items;

pub(super) use authors::AUTHORS;
pub(super) use comments::COMMENTS;
pub(super) use crawl_errors::CRAWL_ERRORS;
pub(super) use ingested_batches::INGESTED_BATCHES;
pub(super) use post_analytics::POST_ANALYTICS;
pub(super) use rejected_items::REJECTED_ITEMS;

use crate::domain::Json;

/// The names of all tables, as metric labels.
pub(in crate::writer) fn names() -> [&'static str; 6] {
    [
        INGESTED_BATCHES.name,
        POST_ANALYTICS.name,
        AUTHORS.name,
        COMMENTS.name,
        CRAWL_ERRORS.name,
        REJECTED_ITEMS.name,
    ]
}

fn json(value: Option<&Json>) -> Option<&str> {
    value.map(Json::as_str)
}
