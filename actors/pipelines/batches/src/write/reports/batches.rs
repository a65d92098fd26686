//! Stored batches: the list, searched by the beginning of an id, and one of them.

use super::{Question, Reports, all, count, parts};
use crate::reports::{BatchReport, Page, RejectedReport, StoredBatch, Unavailable};
use millrace_postgres::{
    Error, Row,
    types::{Json, Type},
};

/// So many rows that match a search are sorted by time.
const SORTED: usize = 1_000;
/// Where more match, so many of the newest rows are looked through for a page of them.
const LOOKED_THROUGH: usize = 20_000;

const NEWEST: &str = "\
    SELECT event_id, job_id, project_id, platform, item_count, error_count, rejected_count, committed_at, attempts \
    FROM ingested_batches WHERE (committed_at, event_id) < ($1, $2) \
    ORDER BY committed_at DESC, event_id DESC LIMIT $3";

/// Of the project, or of the job, with exactly this id.
const NEWEST_OF_PROJECT: &str = "\
    SELECT event_id, job_id, project_id, platform, item_count, error_count, rejected_count, committed_at, attempts \
    FROM ingested_batches WHERE project_id = $4 AND (committed_at, event_id) < ($1, $2) \
    ORDER BY committed_at DESC, event_id DESC LIMIT $3";
const NEWEST_OF_JOB: &str = "\
    SELECT event_id, job_id, project_id, platform, item_count, error_count, rejected_count, committed_at, attempts \
    FROM ingested_batches WHERE job_id = $4 AND (committed_at, event_id) < ($1, $2) \
    ORDER BY committed_at DESC, event_id DESC LIMIT $3";

const NEWEST_THAT_MATCH: &str = "\
    SELECT event_id, job_id, project_id, platform, item_count, error_count, rejected_count, committed_at, attempts \
    FROM (SELECT * FROM ingested_batches WHERE (committed_at, event_id) < ($1, $2) \
          ORDER BY committed_at DESC, event_id DESC LIMIT $5) AS newest \
    WHERE starts_with(event_id, $4) OR starts_with(job_id, $4) OR starts_with(project_id, $4) \
    ORDER BY committed_at DESC, event_id DESC LIMIT $3";

/// How many begin so, and whether the text is the whole id of a project or a job. The range operators are those of the indexes
/// on these columns, whatever the database's collation is; the rows themselves are not read.
const MATCHES: &str = "\
    SELECT (SELECT count(*) FROM (SELECT FROM ingested_batches \
            WHERE event_id ~>=~ $1 AND ($2::text IS NULL OR event_id ~<~ $2) LIMIT $3) AS event) \
         + (SELECT count(*) FROM (SELECT FROM ingested_batches \
            WHERE job_id ~>=~ $1 AND ($2::text IS NULL OR job_id ~<~ $2) LIMIT $3) AS job) \
         + (SELECT count(*) FROM (SELECT FROM ingested_batches \
            WHERE project_id ~>=~ $1 AND ($2::text IS NULL OR project_id ~<~ $2) LIMIT $3) AS project), \
           EXISTS (SELECT FROM ingested_batches WHERE project_id = $1), \
           EXISTS (SELECT FROM ingested_batches WHERE job_id = $1)";

const THESE: &str = "\
    SELECT event_id, job_id, project_id, platform, item_count, error_count, rejected_count, committed_at, attempts \
    FROM ingested_batches WHERE event_id IN ( \
        SELECT event_id FROM ingested_batches \
        WHERE event_id ~>=~ $4 AND ($5::text IS NULL OR event_id ~<~ $5) \
        UNION SELECT event_id FROM ingested_batches \
        WHERE job_id ~>=~ $4 AND ($5::text IS NULL OR job_id ~<~ $5) \
        UNION SELECT event_id FROM ingested_batches \
        WHERE project_id ~>=~ $4 AND ($5::text IS NULL OR project_id ~<~ $5)) \
      AND (committed_at, event_id) < ($1, $2) \
    ORDER BY committed_at DESC, event_id DESC LIMIT $3";

const BATCH: &str = "SELECT * FROM ingested_batches WHERE event_id = $1";

/// By the job, which has an index.
const REJECTED: &str = "\
    SELECT item_index, reason, detail FROM rejected_items \
    WHERE event_id = $1 AND job_id = (SELECT job_id FROM ingested_batches WHERE event_id = $1) \
    ORDER BY item_index LIMIT $2";

/// Where no more than [`SORTED`] batches have an id that begins so, these; else those of exactly this project or job; else
/// the newest, if there is a page of them among the newest of all. None where it would take too long to find them.
pub(super) async fn list(
    reports: Reports,
    prefix: Option<String>,
    page: Page,
) -> Result<Option<Vec<BatchReport>>, Unavailable> {
    let (at, name, _) = parts(page.after);
    let part = |sql| {
        Question::new(sql)
            .with(at, Type::TIMESTAMPTZ)
            .with(name.clone(), Type::TEXT)
            .with(count(page.limit), Type::INT8)
    };
    let Some(prefix) = prefix else {
        return all(&reports.ask([part(NEWEST)]).await?[0], batch).map(Some);
    };
    let end = end_of_range(&prefix);
    let matches = Question::new(MATCHES)
        .with(prefix.clone(), Type::TEXT)
        .with(end.clone(), Type::TEXT)
        .with(count(SORTED + 1), Type::INT8);
    let matches: Vec<(i64, bool, bool)> = all(&reports.clone().ask([matches]).await?[0], |row| {
        Ok((row.try_get(0)?, row.try_get(1)?, row.try_get(2)?))
    })?;
    let about = |sql| part(sql).with(prefix, Type::TEXT);
    let (question, may_miss_some) = match matches.first() {
        Some((matches, ..)) if *matches <= count(SORTED) => (about(THESE).with(end, Type::TEXT), false),
        Some((_, true, _)) => (about(NEWEST_OF_PROJECT), false),
        Some((.., true)) => (about(NEWEST_OF_JOB), false),
        _ => (
            about(NEWEST_THAT_MATCH).with(count(LOOKED_THROUGH), Type::INT8),
            true,
        ),
    };
    let found = all(&reports.ask([question]).await?[0], batch)?;
    let full = found.len() >= page.limit;
    Ok((full || !may_miss_some).then_some(found))
}

pub(super) async fn one(
    reports: Reports,
    event_id: String,
    most_rejected: usize,
) -> Result<Option<(StoredBatch, Vec<RejectedReport>)>, Unavailable> {
    let ledger = Question::new(BATCH).with(event_id.clone(), Type::TEXT);
    let items = Question::new(REJECTED)
        .with(event_id, Type::TEXT)
        .with(count(most_rejected), Type::INT8);
    let [ledger, items] = reports.ask([ledger, items]).await?;
    let Some(stored) = all(&ledger, stored)?.pop() else {
        return Ok(None);
    };
    Ok(Some((stored, all(&items, rejected)?)))
}

/// The first text, byte by byte, that comes after all texts that begin so; none where there is no such text.
fn end_of_range(prefix: &str) -> Option<String> {
    let mut chars: Vec<char> = prefix.chars().collect();
    while let Some(last) = chars.pop() {
        // The order of code points is that of UTF-8 bytes; a range of chars skips the surrogates.
        if let Some(next) = (last..=char::MAX).nth(1) {
            chars.push(next);
            return Some(chars.into_iter().collect());
        }
    }
    None
}

fn batch(row: &Row) -> Result<BatchReport, Error> {
    Ok(BatchReport {
        event_id: row.try_get("event_id")?,
        job_id: row.try_get("job_id")?,
        project_id: row.try_get("project_id")?,
        platform: row.try_get("platform")?,
        items: row.try_get("item_count")?,
        errors: row.try_get("error_count")?,
        rejected: row.try_get("rejected_count")?,
        committed_at: row.try_get("committed_at")?,
        attempts: row.try_get("attempts")?,
    })
}

fn stored(row: &Row) -> Result<StoredBatch, Error> {
    let Json(error_distribution) = row.try_get("error_distribution")?;
    Ok(StoredBatch {
        event_id: row.try_get("event_id")?,
        object_path: row.try_get("object_path")?,
        object_etag: row.try_get("object_etag")?,
        project_id: row.try_get("project_id")?,
        job_id: row.try_get("job_id")?,
        platform: row.try_get("platform")?,
        batch_index: row.try_get("batch_index")?,
        total_batches: row.try_get("total_batches")?,
        content_count: row.try_get("content_count")?,
        item_count: row.try_get("item_count")?,
        success_count: row.try_get("success_count")?,
        error_count: row.try_get("error_count")?,
        rejected_count: row.try_get("rejected_count")?,
        error_distribution,
        event_at: row.try_get("event_at")?,
        received_at: row.try_get("received_at")?,
        committed_at: row.try_get("committed_at")?,
        attempts: row.try_get("attempts")?,
        trace_id: row.try_get("trace_id")?,
    })
}

fn rejected(row: &Row) -> Result<RejectedReport, Error> {
    Ok(RejectedReport {
        item_index: row.try_get("item_index")?,
        reason: row.try_get("reason")?,
        detail: row.try_get("detail")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_range_holds_what_begins_so_and_nothing_else(prefix in "\\PC{1,3}", other in "\\PC{0,4}") {
            let end = end_of_range(&prefix);
            let within = |text: &str| text >= prefix.as_str() && end.as_deref().is_none_or(|end| text < end);
            let longer = format!("{prefix}{other}");
            prop_assert!(within(&longer));
            prop_assert_eq!(within(&other), other.starts_with(&prefix));
        }
    }

    #[test]
    fn the_last_character_has_none_after_it() {
        assert_eq!(end_of_range("a\u{10FFFF}").as_deref(), Some("b"));
        assert_eq!(end_of_range("\u{10FFFF}"), None);
        assert_eq!(end_of_range("\u{D7FF}").as_deref(), Some("\u{E000}"));
    }
}
