//! The tables, one file each.

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

use crate::{domain::Json, messages::ParsedBatch};

/// A table of this pipeline.
type Table<T> = millrace_postgres::Table<ParsedBatch, T>;

fn json(value: Option<&Json>) -> Option<&str> {
    value.map(Json::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;
    use millrace_postgres::Insert;

    #[test]
    fn the_ledger_keeps_the_first_row_and_says_which_events_are_new() {
        let sql = Insert::new(&INGESTED_BATCHES).sql().to_owned();
        assert!(
            sql.ends_with("ON CONFLICT (event_id) DO NOTHING RETURNING event_id"),
            "{sql}"
        );
    }

    #[test]
    fn the_latest_rejection_of_an_item_stands() {
        insta::assert_snapshot!(Insert::new(&REJECTED_ITEMS).sql());
    }
}
