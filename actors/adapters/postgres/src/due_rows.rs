//! Due rows of a table in Postgres: claimed, prolonged and settled for the engine. The database's clock decides.

use super::{
    Database, Lease, TimeLimits,
    due_key::{DueKey, Parameter},
    due_table::{DueTable, Settling, Statements},
    failure::{Failure, ROW_LOCKED},
};
use millrace_engine::{Claim, DueRow, DueStore, Fault, Outcome, jitter};
use std::{collections::HashSet, time::Duration};
use tokio::time::timeout;
use tokio_postgres::{
    Row,
    types::{ToSql, Type},
};

/// [`DueStore`] in Postgres. Any number of processes may have one of the same table.
pub struct DueRowsOf<K: 'static, T: 'static> {
    database: Database,
    table: &'static DueTable<K, T>,
    statements: Statements,
    process: String,
}

/// Outcomes by what they ask for.
struct Sorted<K> {
    done: Vec<Settled<K>>,
    put_aside: Vec<Settled<K>>,
    charged: Vec<Settled<K>>,
    spared: Vec<Settled<K>>,
}

/// A row that is settled, and why so where it failed.
struct Settled<K> {
    claim: Claim<K>,
    reason: &'static str,
    detail: String,
}

/// What a statement is told of the rows beside their keys.
#[derive(Clone, Copy)]
enum Told {
    Nothing,
    Why,
    Again { charged: bool },
}

/// How much of a delay chance may take away, so that rows that failed together do not come back together.
const JITTER: f64 = 0.5;

// === impl DueRowsOf ===

impl<K: DueKey, T: Send + 'static> DueRowsOf<K, T> {
    /// The due rows of `table` in `database`, claimed by the process that is called so for its operators.
    ///
    /// # Panics
    /// When the table is described with another number of key columns than its key has.
    pub fn new(database: Database, table: &'static DueTable<K, T>, process: &str) -> Self {
        Self {
            database,
            statements: table.statements(),
            table,
            process: process.to_owned(),
        }
    }

    async fn lease(&self) -> Result<Lease, Fault> {
        let lease = self.database.lease().await;
        lease.map_err(|failure| self.outage(failure))
    }

    async fn run(&self, sql: &str, parameters: &[Parameter]) -> Result<Vec<Row>, Fault> {
        let lease = self.lease().await?;
        let bound = self.database.limits().statement;
        match timeout(bound, query(&lease, sql, parameters)).await {
            Ok(Ok(rows)) => {
                lease.give_back();
                Ok(rows)
            }
            Ok(Err(error)) => Err(self.outage(error.into())),
            Err(_) => {
                self.database.cancel(lease).await;
                Err(self.outage(Failure::slow(format!("no answer within {bound:?}"))))
            }
        }
    }

    /// Settles rows alike. Another that claims locks for a moment what it looks at, so what is locked is waited for; but
    /// not for long, because meanwhile the claims of all others are not prolonged.
    async fn settle_alike(&self, statement: &Settling, told: Told, rows: &[Settled<K>]) -> Result<(), Fault> {
        if rows.is_empty() {
            return Ok(());
        }
        let all: Vec<_> = rows.iter().collect();
        let found = self.run(&statement.at_once, &parameters(told, &all)).await?;
        if found.len() == rows.len() {
            return Ok(());
        }
        let found: HashSet<i64> = found.iter().map(|row| row.get(0)).collect();
        let left = (1..).zip(rows).filter(|(number, _)| !found.contains(number));
        let left: Vec<_> = left.map(|(_, row)| row).collect();
        self.settle_waiting(statement, told, &left).await
    }

    /// An outcome that is lost for a lock costs little: the lease ends, and the row is done again.
    async fn settle_waiting(
        &self,
        statement: &Settling,
        told: Told,
        rows: &[&Settled<K>],
    ) -> Result<(), Fault> {
        let lease = self.lease().await?;
        let bound = self.database.limits().statement;
        let waiting = async {
            lease.batch_execute(&TimeLimits::of(bound, true).begin()).await?;
            let found = query(&lease, &statement.waiting, &parameters(told, rows)).await?;
            lease.batch_execute("COMMIT").await?;
            Ok::<_, tokio_postgres::Error>(found.len())
        };
        let lost = match timeout(bound, waiting).await {
            Ok(Ok(found)) => {
                lease.give_back();
                tracing::debug!(
                    table = self.table.name,
                    rows.overtaken = rows.len() - found,
                    "outcomes of claims that others have taken over are not written"
                );
                return Ok(());
            }
            Ok(Err(error)) => Failure::from(error),
            Err(_) => {
                self.database.cancel(lease).await;
                Failure::slow(format!("no answer within {bound:?}"))
            }
        };
        match lost {
            Failure::Unclear {
                cause: ROW_LOCKED,
                detail,
            } => {
                tracing::warn!(
                    table = self.table.name,
                    rows.locked = rows.len(),
                    reason = detail,
                    "outcomes are not written, because another session has locked their rows; they are done again \
                     when their leases have ended"
                );
                Ok(())
            }
            failure => Err(self.outage(failure)),
        }
    }

    /// Whatever keeps the table from answering: no row of it is to blame for that.
    fn outage(&self, failure: Failure) -> Fault {
        let detail = match failure {
            Failure::Fault(Fault::Outage { detail, .. })
            | Failure::Collision(detail)
            | Failure::Unclear { detail, .. } => detail,
            Failure::Fault(fault) => fault.to_string(),
        };
        self.database
            .outage(format!("due rows of {}: {detail}", self.table.name))
    }

    fn due_row(&self, row: &Row) -> Result<DueRow<K, T>, tokio_postgres::Error> {
        let key_at = self.table.reads.len();
        let key = K::read(row, key_at)?;
        let epoch: i64 = row.try_get(key_at + K::COLUMNS)?;
        let attempts: i64 = row.try_get(key_at + K::COLUMNS + 1)?;
        let claim = Claim { key, epoch };
        let made = (self.table.read)(&claim, row)?;
        Ok(DueRow {
            subject: (self.table.subject)(&claim.key).into(),
            span: (self.table.span)(&claim, &made),
            row: made,
            // A claim that ended without an outcome may have been a crash.
            retried: attempts > 0 || epoch > 1,
            claim,
        })
    }
}

impl<K: DueKey, T: Send + 'static> DueStore for DueRowsOf<K, T> {
    type Row = T;
    type Key = K;

    async fn claim(&mut self, most: usize, lease: Duration) -> Result<Vec<DueRow<K, T>>, Fault> {
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        let mut parameters: Vec<Parameter> = vec![(Box::new(most), Type::INT8), millis(lease)];
        if self.table.owner.is_some() {
            parameters.push((Box::new(self.process.clone()), Type::TEXT));
        }
        let rows = self.run(&self.statements.claim, &parameters).await?;
        let claimed = rows.iter().map(|row| self.due_row(row));
        let claimed: Result<Vec<_>, _> = claimed.collect();
        claimed.map_err(|error| self.outage(error.into()))
    }

    async fn prolong(&mut self, claims: &[Claim<K>], lease: Duration) -> Result<(), Fault> {
        let mut parameters = vec![millis(lease)];
        parameters.extend(held(claims.iter()));
        self.run(&self.statements.prolong, &parameters).await.map(drop)
    }

    async fn settle(&mut self, settled: Vec<(Claim<K>, Outcome)>) -> Result<(), Fault> {
        let Sorted {
            done,
            put_aside,
            charged,
            spared,
        } = Sorted::from(settled);
        let statements = &self.statements;
        self.settle_alike(&statements.done, Told::Nothing, &done).await?;
        self.settle_alike(&statements.put_aside, Told::Why, &put_aside)
            .await?;
        if let Some(give_up) = &statements.give_up {
            self.settle_alike(give_up, Told::Why, &charged).await?;
        }
        let (is, is_not) = (Told::Again { charged: true }, Told::Again { charged: false });
        self.settle_alike(&statements.again, is, &charged).await?;
        self.settle_alike(&statements.again, is_not, &spared).await
    }
}

// === impl Sorted ===

impl<K> From<Vec<(Claim<K>, Outcome)>> for Sorted<K> {
    fn from(settled: Vec<(Claim<K>, Outcome)>) -> Self {
        let (mut done, mut put_aside) = (Vec::new(), Vec::new());
        let (mut charged, mut spared) = (Vec::new(), Vec::new());
        for (claim, outcome) in settled {
            let (sort, reason, detail) = match outcome {
                Outcome::Done => (&mut done, "", String::new()),
                Outcome::DeadLetter { reason, detail } => (&mut put_aside, reason, detail),
                Outcome::Retry {
                    charged: true,
                    cause,
                    detail,
                    ..
                } => (&mut charged, cause, detail),
                Outcome::Retry { cause, detail, .. } => (&mut spared, cause, detail),
            };
            sort.push(Settled {
                claim,
                reason,
                detail,
            });
        }
        Self {
            done,
            put_aside,
            charged,
            spared,
        }
    }
}

async fn query(
    lease: &Lease,
    sql: &str,
    parameters: &[Parameter],
) -> Result<Vec<Row>, tokio_postgres::Error> {
    let values: Vec<(&(dyn ToSql + Sync), Type)> = parameters
        .iter()
        .map(|(value, kind)| (&**value as &(dyn ToSql + Sync), kind.clone()))
        .collect();
    lease.query_typed(sql, &values).await
}

fn parameters<K: DueKey>(told: Told, rows: &[&Settled<K>]) -> Vec<Parameter> {
    let mut parameters = held(rows.iter().map(|row| &row.claim));
    match told {
        Told::Nothing => {}
        Told::Why => {
            let reasons: Vec<_> = rows.iter().map(|row| row.reason).collect();
            // Text of a table cannot hold it, and a detail repeats what others sent.
            let details: Vec<_> = rows.iter().map(|row| row.detail.replace('\0', "")).collect();
            parameters.push((Box::new(reasons), Type::TEXT_ARRAY));
            parameters.push((Box::new(details), Type::TEXT_ARRAY));
        }
        Told::Again { charged } => {
            let shares: Vec<f64> = rows.iter().map(|_| jitter(JITTER)).collect();
            let charged = vec![i64::from(charged); rows.len()];
            parameters.push((Box::new(charged), Type::INT8_ARRAY));
            parameters.push((Box::new(shares), Type::FLOAT8_ARRAY));
        }
    }
    parameters
}

/// Epochs and keys.
fn held<'a, K: DueKey>(claims: impl Iterator<Item = &'a Claim<K>>) -> Vec<Parameter> {
    let (epochs, keys): (Vec<i64>, Vec<K>) = claims.map(|claim| (claim.epoch, claim.key.clone())).unzip();
    let mut parameters: Vec<Parameter> = vec![(Box::new(epochs), Type::INT8_ARRAY)];
    parameters.extend(K::columns(&keys));
    parameters
}

fn millis(time: Duration) -> Parameter {
    let millis = i64::try_from(time.as_millis()).unwrap_or(i64::MAX);
    (Box::new(millis as f64), Type::FLOAT8)
}
