//! Statements of the archive: short, and bounded in time.

use millrace_engine::Fault;
use millrace_postgres::{
    Database, Failure, Row,
    types::{ToSql, Type},
};

/// A value of a statement.
pub(super) type Value<'a> = (&'a (dyn ToSql + Sync), Type);

/// Runs one statement. Whatever keeps it from being answered is the database's fault.
pub(super) async fn rows(database: &Database, sql: &str, values: &[Value<'_>]) -> Result<Vec<Row>, Fault> {
    let asking = async {
        let lease = database.lease().await?;
        let rows = lease.query_typed(sql, values).await?;
        lease.give_back();
        Ok::<_, Failure>(rows)
    };
    in_time(database, asking).await
}

/// Bounds what is asked of the database.
pub(super) async fn in_time<T>(
    database: &Database,
    asking: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Fault> {
    let bound = database.limits().statement * 2;
    match tokio::time::timeout(bound, asking).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(failure)) => Err(outage(database, failure)),
        Err(_) => Err(database.outage(format!("the archive's tables do not answer within {bound:?}"))),
    }
}

fn outage(database: &Database, failure: Failure) -> Fault {
    match failure.of_database() {
        Fault::Outage { detail, .. } => database.outage(detail),
        fault => database.outage(fault.to_string()),
    }
}
