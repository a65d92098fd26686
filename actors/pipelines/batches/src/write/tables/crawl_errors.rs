//! `crawl_errors`: one row an item and code; a recurrence counts.

use super::Table;
use super::json;
use crate::domain::CrawlError;
use millrace_postgres::{Get::*, clock, earliest, key, sum, value, version};

pub(in crate::write) static CRAWL_ERRORS: Table<CrawlError> = Table {
    name: "crawl_errors",
    touched: None,
    columns: &[
        key("scope", Text(|batch, _| Some(batch.event.scope()))),
        key("platform", Text(|batch, _| Some(batch.event.platform.as_str()))),
        key("content_id", Text(|_, error| Some(&error.content_id))),
        key("error_code", Text(|_, error| Some(error.error_code.as_str()))),
        version("project_id", Text(|batch, _| batch.event.project_id())),
        version("job_id", Text(|batch, _| Some(&batch.event.job_id))),
        version(
            "error_category",
            Text(|_, error| Some(error.error_code.category().as_str())),
        ),
        value("error_message", Text(|_, error| error.error_message.as_deref())),
        value(
            "error_details",
            Json(|_, error| json(error.error_details.as_ref())),
        ),
        value("permalink", Text(|_, error| error.permalink.as_deref())),
        value("retryable", Bool(|_, error| error.retryable)),
        earliest("created_at", Time(|_, error| Some(error.crawled_at))),
        clock("last_seen_at", Time(|_, error| Some(error.crawled_at))),
        sum("occurrences", BigInt(|_, _| Some(1))),
        value("extra", Json(|_, error| json(error.extra.as_ref()))),
    ],
};
