//! Questions of the API; who asks sees to it that there is one at a time.

mod batches;
mod sums;

use crate::reports::{
    Answer, BatchReport, ErrorReport, ErrorsOf, JobReport, Page, Position, ProjectReport, RejectedReport,
    ReportQueries, StoredBatch, Sums, Unavailable,
};
use jiff::Timestamp;
use millrace_postgres::{Database, Error, Question, Row, Unanswered};

/// A [`ReportQueries`] in Postgres.
#[derive(Clone, Debug)]
pub struct Reports(Database);

// === impl Reports ===

impl Reports {
    /// Answers from this database.
    pub fn new(database: Database) -> Self {
        Self(database)
    }

    async fn ask<const N: usize>(self, questions: [Question; N]) -> Result<[Vec<Row>; N], Unavailable> {
        self.0.answers(questions).await.map_err(Unavailable::from)
    }
}

impl ReportQueries for Reports {
    fn projects(&self, page: Page) -> Answer<Sums<Vec<ProjectReport>>> {
        Box::pin(sums::projects(self.clone(), page))
    }

    fn jobs(&self, project_id: String, page: Page) -> Answer<Sums<Vec<JobReport>>> {
        Box::pin(sums::jobs(self.clone(), project_id, page))
    }

    fn errors(&self, of: ErrorsOf) -> Answer<Sums<ErrorReport>> {
        Box::pin(sums::errors(self.clone(), of))
    }

    fn batches(&self, prefix: Option<String>, page: Page) -> Answer<Option<Vec<BatchReport>>> {
        Box::pin(batches::list(self.clone(), prefix, page))
    }

    fn batch(
        &self,
        event_id: String,
        most_rejected: usize,
    ) -> Answer<Option<(StoredBatch, Vec<RejectedReport>)>> {
        Box::pin(batches::one(self.clone(), event_id, most_rejected))
    }
}

/// Where a part of a list begins: after this row, in a list that is sorted by time, all descending. A comparison
/// with a time in the far future is true of every row, and the index serves it like any other.
fn parts(after: Option<Position>) -> (Timestamp, String, String) {
    match after {
        Some(Position(at, name, part)) => (at, name, part),
        None => (Timestamp::MAX, String::new(), String::new()),
    }
}

fn count(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

fn all<T>(rows: &[Row], read: fn(&Row) -> Result<T, Error>) -> Result<Vec<T>, Unavailable> {
    Ok(millrace_postgres::all(rows, read)?)
}

impl From<Unanswered> for Unavailable {
    fn from(Unanswered(why): Unanswered) -> Self {
        Self(why)
    }
}
