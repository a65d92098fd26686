//! Questions of the API. They are asked in a transaction that cannot write and does not wait for long,
//! on one connection each; who asks sees to it that there is one question at a time.

mod batches;
mod sums;

use crate::reports::{
    Answer, BatchReport, ErrorReport, ErrorsOf, JobReport, Page, Position, ProjectReport, RejectedReport,
    ReportQueries, StoredBatch, Sums, Unavailable,
};
use jiff::Timestamp;
use millrace_postgres::{
    Client, Database, Error, Row, reason_of,
    types::{ToSql, Type},
};
use std::time::Duration;

/// A [`ReportQueries`] in Postgres.
#[derive(Clone, Debug)]
pub struct Reports(Database);

/// A statement and its values.
struct Question {
    sql: &'static str,
    values: Vec<(Box<dyn ToSql + Send + Sync>, Type)>,
}

/// Bound on a statement: people who look wait no longer, and writers need the database more.
const PATIENCE: Duration = Duration::from_secs(2);
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
            Err(blame) => return Err(Unavailable(blame.of_database().to_string())),
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

async fn transact<const N: usize>(
    client: &Client,
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
    let read: Result<Vec<T>, Error> = rows.iter().map(read).collect();
    read.map_err(|error| Unavailable(format!("the schema does not fit this version: {error}")))
}
