//! Questions of the API. They are asked in a transaction that cannot write and does not wait for long,
//! on one connection each; who asks sees to it that there is one question at a time.

use super::{
    Database,
    blame::{Blame, reason_of},
};
use crate::reports::{
    Answer, BatchReport, CategoryCount, CodeCount, ErrorReport, ErrorsOf, JobReport, Page, Position,
    ProjectReport, RejectedReport, ReportBook, StoredBatch, Unavailable,
};
use deadpool_postgres::ClientWrapper;
use futures_util::FutureExt;
use jiff::Timestamp;
use std::time::Duration;
use tokio_postgres::{
    Error, Row,
    types::{Json, ToSql, Type},
};

/// A [`ReportBook`] in Postgres.
#[derive(Clone, Debug)]
pub struct Reports(Database);

/// A statement and its values.
struct Question {
    sql: &'static str,
    values: Vec<(Box<dyn ToSql + Send + Sync>, Type)>,
}

/// Bound on a statement: people who look wait no longer, and writers need the database more.
const PATIENCE: Duration = Duration::from_secs(2);
/// Codes that are listed; there are 21, and crawlers may invent more.
const MOST_CODES: i64 = 200;

const PROJECTS: &str = "\
    SELECT * FROM ( \
        SELECT project_id, count(DISTINCT job_id) AS jobs, sum(batches_done)::bigint AS batches_done, \
               CASE WHEN bool_and(batches_expected IS NOT NULL) THEN sum(batches_expected)::bigint END AS batches_expected, \
               CASE WHEN bool_and(coalesce(batches_expected, 0) > 0) \
                    THEN round(100.0 * sum(least(batches_done, batches_expected)) / sum(batches_expected), 2)::double precision \
               END AS percent, \
               sum(items)::bigint AS items, sum(successes)::bigint AS successes, sum(errors)::bigint AS errors, \
               sum(rejected)::bigint AS rejected, max(last_committed_at) AS last_committed_at \
        FROM project_progress GROUP BY project_id) AS project \
    WHERE $1::timestamptz IS NULL OR (last_committed_at, coalesce(project_id, '')) < ($1, $2) \
    ORDER BY last_committed_at DESC, coalesce(project_id, '') DESC LIMIT $3";

const JOBS: &str = "\
    SELECT job_id, platform, batches_done, batches_expected, percent, items, successes, errors, rejected, last_committed_at \
    FROM project_progress \
    WHERE project_id = $1 AND ($2::timestamptz IS NULL OR (last_committed_at, job_id, platform) < ($2, $3, $4)) \
    ORDER BY last_committed_at DESC, job_id DESC, platform DESC LIMIT $5";

/// A project's errors are those of its scope, which leads the key.
const CODES: &str = "\
    SELECT error_code, error_category, platform, sum(occurrences)::bigint AS errors FROM crawl_errors \
    WHERE ($1::text IS NULL OR (scope = $1 AND project_id = $1)) AND ($2::text IS NULL OR platform = $2) \
    GROUP BY error_code, error_category, platform ORDER BY errors DESC, error_code, platform LIMIT $3";

const CATEGORIES: &str = "\
    SELECT error_category, sum(occurrences)::bigint AS errors FROM crawl_errors \
    WHERE ($1::text IS NULL OR (scope = $1 AND project_id = $1)) AND ($2::text IS NULL OR platform = $2) \
    GROUP BY error_category ORDER BY errors DESC, error_category";

const BATCHES: &str = "\
    SELECT event_id, job_id, project_id, platform, item_count, error_count, rejected_count, committed_at, attempts \
    FROM ingested_batches \
    WHERE ($1::timestamptz IS NULL OR (committed_at, event_id) < ($1, $2)) \
      AND ($3::text IS NULL OR starts_with(event_id, $3) OR starts_with(job_id, $3) OR starts_with(project_id, $3)) \
    ORDER BY committed_at DESC, event_id DESC LIMIT $4";

const BATCH: &str = "SELECT * FROM ingested_batches WHERE event_id = $1";

/// By the job, which has an index.
const REJECTED: &str = "\
    SELECT item_index, reason, detail FROM rejected_items \
    WHERE event_id = $1 AND job_id = (SELECT job_id FROM ingested_batches WHERE event_id = $1) \
    ORDER BY item_index LIMIT $2";

// === impl Reports ===

impl Reports {
    /// Answers from this database.
    pub fn new(database: Database) -> Self {
        Self(database)
    }

    async fn ask<const N: usize>(self, questions: [Question; N]) -> Result<[Vec<Row>; N], Unavailable> {
        // The server bounds each statement, and this bounds a server that is not there any more.
        let patience = self.0.limits().connect + PATIENCE * 2;
        match tokio::time::timeout(patience, self.ask_patiently(&questions)).await {
            Ok(answer) => answer,
            Err(_) => Err(Unavailable(format!("no answer within {patience:?}"))),
        }
    }

    async fn ask_patiently<const N: usize>(
        &self,
        questions: &[Question; N],
    ) -> Result<[Vec<Row>; N], Unavailable> {
        let lease = match self.0.lease().await {
            Ok(lease) => lease,
            Err(Blame::Fault(fault)) => return Err(Unavailable(fault.to_string())),
            Err(Blame::Collision(detail)) => return Err(Unavailable(detail)),
        };
        match transact(&lease, questions).await {
            Ok(rows) => {
                lease.give_back();
                Ok(rows)
            }
            Err(error) => {
                let why = reason_of(&error);
                // A question that was too slow leaves a connection that is as good as before.
                if error.as_db_error().is_some() && lease.batch_execute("ROLLBACK").await.is_ok() {
                    lease.give_back();
                }
                Err(Unavailable(why))
            }
        }
    }
}

impl ReportBook for Reports {
    fn projects(&self, page: Page) -> Answer<Vec<ProjectReport>> {
        let (at, name, _) = parts(page.after);
        let question = Question::new(PROJECTS)
            .with(at, Type::TIMESTAMPTZ)
            .with(name, Type::TEXT)
            .with(count(page.limit), Type::INT8);
        let asked = self.clone().ask([question]);
        async move { all(&asked.await?[0], project) }.boxed()
    }

    fn jobs(&self, project_id: String, page: Page) -> Answer<Vec<JobReport>> {
        let (at, name, part) = parts(page.after);
        let question = Question::new(JOBS)
            .with(project_id, Type::TEXT)
            .with(at, Type::TIMESTAMPTZ)
            .with(name, Type::TEXT)
            .with(part, Type::TEXT)
            .with(count(page.limit), Type::INT8);
        let asked = self.clone().ask([question]);
        async move { all(&asked.await?[0], job) }.boxed()
    }

    fn errors(&self, of: ErrorsOf) -> Answer<ErrorReport> {
        let filtered = |sql| {
            Question::new(sql)
                .with(of.project_id.clone(), Type::TEXT)
                .with(of.platform.clone(), Type::TEXT)
        };
        let codes = filtered(CODES).with(MOST_CODES, Type::INT8);
        let asked = self.clone().ask([codes, filtered(CATEGORIES)]);
        async move {
            let [codes, categories] = asked.await?;
            Ok(ErrorReport {
                codes: all(&codes, code)?,
                categories: all(&categories, category)?,
            })
        }
        .boxed()
    }

    fn batches(&self, prefix: Option<String>, page: Page) -> Answer<Vec<BatchReport>> {
        let (at, name, _) = parts(page.after);
        let question = Question::new(BATCHES)
            .with(at, Type::TIMESTAMPTZ)
            .with(name, Type::TEXT)
            .with(prefix, Type::TEXT)
            .with(count(page.limit), Type::INT8);
        let asked = self.clone().ask([question]);
        async move { all(&asked.await?[0], batch) }.boxed()
    }

    fn batch(
        &self,
        event_id: String,
        most_rejected: usize,
    ) -> Answer<Option<(StoredBatch, Vec<RejectedReport>)>> {
        let ledger = Question::new(BATCH).with(event_id.clone(), Type::TEXT);
        let items = Question::new(REJECTED)
            .with(event_id, Type::TEXT)
            .with(count(most_rejected), Type::INT8);
        let asked = self.clone().ask([ledger, items]);
        async move {
            let [ledger, items] = asked.await?;
            let Some(stored) = all(&ledger, stored)?.pop() else {
                return Ok(None);
            };
            Ok(Some((stored, all(&items, rejected)?)))
        }
        .boxed()
    }
}

async fn transact<const N: usize>(
    client: &ClientWrapper,
    questions: &[Question; N],
) -> Result<[Vec<Row>; N], Error> {
    // All statements of an answer see the same rows.
    let begin = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL statement_timeout";
    let patience = PATIENCE.as_millis();
    client.batch_execute(&format!("{begin} = {patience}")).await?;
    let mut answers = [const { Vec::new() }; N];
    for (question, answer) in questions.iter().zip(&mut answers) {
        let values = question.values.iter();
        let values: Vec<_> = values
            .map(|(value, of)| (value.as_ref() as &(dyn ToSql + Sync), of.clone()))
            .collect();
        // Not prepared: a pooler may give each transaction another connection.
        *answer = client.query_typed(question.sql, &values).await?;
    }
    client.batch_execute("COMMIT").await?;
    Ok(answers)
}

// === impl Question ===

impl Question {
    fn new(sql: &'static str) -> Self {
        let values = Vec::new();
        Self { sql, values }
    }

    fn with(mut self, value: impl ToSql + Send + Sync + 'static, of: Type) -> Self {
        self.values.push((Box::new(value), of));
        self
    }
}

fn parts(after: Option<Position>) -> (Option<Timestamp>, Option<String>, Option<String>) {
    match after {
        Some(Position(at, name, part)) => (Some(at), Some(name), Some(part)),
        None => (None, None, None),
    }
}

fn count(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

fn all<T>(rows: &[Row], read: fn(&Row) -> Result<T, Error>) -> Result<Vec<T>, Unavailable> {
    let read: Result<Vec<T>, Error> = rows.iter().map(read).collect();
    read.map_err(|error| Unavailable(format!("the schema does not fit this version: {error}")))
}

fn project(row: &Row) -> Result<ProjectReport, Error> {
    Ok(ProjectReport {
        project_id: row.try_get("project_id")?,
        jobs: row.try_get("jobs")?,
        batches_done: row.try_get("batches_done")?,
        batches_expected: row.try_get("batches_expected")?,
        percent: row.try_get("percent")?,
        items: row.try_get("items")?,
        successes: row.try_get("successes")?,
        errors: row.try_get("errors")?,
        rejected: row.try_get("rejected")?,
        last_committed_at: row.try_get("last_committed_at")?,
    })
}

fn job(row: &Row) -> Result<JobReport, Error> {
    Ok(JobReport {
        job_id: row.try_get("job_id")?,
        platform: row.try_get("platform")?,
        batches_done: row.try_get("batches_done")?,
        batches_expected: row.try_get("batches_expected")?,
        percent: row.try_get("percent")?,
        items: row.try_get("items")?,
        successes: row.try_get("successes")?,
        errors: row.try_get("errors")?,
        rejected: row.try_get("rejected")?,
        last_committed_at: row.try_get("last_committed_at")?,
    })
}

fn code(row: &Row) -> Result<CodeCount, Error> {
    Ok(CodeCount {
        error_code: row.try_get("error_code")?,
        category: row.try_get("error_category")?,
        platform: row.try_get("platform")?,
        errors: row.try_get("errors")?,
    })
}

fn category(row: &Row) -> Result<CategoryCount, Error> {
    Ok(CategoryCount {
        category: row.try_get("error_category")?,
        errors: row.try_get("errors")?,
    })
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
