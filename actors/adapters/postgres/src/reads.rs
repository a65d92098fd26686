//! Questions of people: asked in a transaction that cannot write and does not wait for long, on one connection each. Who
//! asks sees to it that there are not many at a time.

use crate::{Client, Database, Error, Row, reason_of, types::ToSql, types::Type};
use std::time::Duration;

/// A statement and its values.
pub struct Question {
    sql: &'static str,
    values: Vec<(Box<dyn ToSql + Send + Sync>, Type)>,
}

/// There is no answer, and why.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unanswered(pub String);

/// Bound on a statement: people who look wait no longer, and writers need the database more.
const PATIENCE: Duration = Duration::from_secs(2);

// === impl Question ===

impl Question {
    /// A statement without values.
    pub fn new(sql: &'static str) -> Self {
        let values = Vec::new();
        Self { sql, values }
    }

    /// With its next value.
    #[must_use]
    pub fn with(mut self, value: impl ToSql + Send + Sync + 'static, of: Type) -> Self {
        self.values.push((Box::new(value), of));
        self
    }
}

// === impl Database ===

impl Database {
    /// The rows of each question; all of them see the same state of the tables.
    ///
    /// # Errors
    /// It does not answer, or not in time.
    pub async fn answers<const N: usize>(
        &self,
        questions: [Question; N],
    ) -> Result<[Vec<Row>; N], Unanswered> {
        // The server bounds each statement, and this bounds a server that is not there any more.
        let patience = self.limits().connect + PATIENCE * 2;
        match tokio::time::timeout(patience, self.answer_patiently(&questions)).await {
            Ok(answer) => answer,
            Err(_) => Err(Unanswered(format!("no answer within {patience:?}"))),
        }
    }

    async fn answer_patiently<const N: usize>(
        &self,
        questions: &[Question; N],
    ) -> Result<[Vec<Row>; N], Unanswered> {
        let lease = match self.lease().await {
            Ok(lease) => lease,
            Err(blame) => return Err(Unanswered(blame.of_database().to_string())),
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
                Err(Unanswered(why))
            }
        }
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

/// What is read of rows.
///
/// # Errors
/// A column is missing or of another kind: the schema is of another version.
pub fn all<T>(rows: &[Row], read: impl Fn(&Row) -> Result<T, Error>) -> Result<Vec<T>, Unanswered> {
    let read: Result<Vec<T>, Error> = rows.iter().map(read).collect();
    read.map_err(|error| Unanswered(format!("the schema does not fit this version: {error}")))
}
