//! Who is to blame for a database error. Every SQLSTATE that a write can meet is sorted here.

use crate::reasons;
use deadpool_postgres::PoolError;
use millrace_engine::Fault;
use std::{error::Error, io};
use tokio_postgres::error::SqlState;

/// What the engine calls the database.
pub(crate) const DATABASE: &str = "database";

/// A lock was not got in time.
pub(crate) const ROW_LOCKED: &str = "row_locked";

/// What to do about an error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// Two transactions met: the same transaction may well succeed at once.
    Collision(String),
    /// It may be the database or what was written; the database has to be asked.
    Unclear {
        /// Short name of the trouble.
        cause: &'static str,
        /// What the server said.
        detail: String,
    },
    /// Final, for this attempt.
    Fault(Fault),
}

// === impl Failure ===

impl Failure {
    /// The transaction is over and the connection may be used again, if it still answers.
    pub(crate) fn leaves_connection_usable(&self) -> bool {
        matches!(
            self,
            Self::Collision(_) | Self::Unclear { .. } | Self::Fault(Fault::Poison { .. })
        )
    }

    /// Where no event is written, whatever keeps the database from answering is its own.
    pub fn of_database(self) -> Fault {
        match self {
            Self::Fault(fault) => fault,
            Self::Collision(detail) | Self::Unclear { detail, .. } => Fault::outage(DATABASE, detail),
        }
    }

    /// It took too long.
    pub(crate) fn slow(detail: impl Into<String>) -> Self {
        Self::unclear("write_too_slow", detail)
    }

    fn unclear(cause: &'static str, detail: impl Into<String>) -> Self {
        Self::Unclear {
            cause,
            detail: detail.into(),
        }
    }

    fn outage(detail: impl Into<String>) -> Self {
        Self::Fault(Fault::outage(DATABASE, detail))
    }

    fn of_state(state: &SqlState, detail: String) -> Self {
        match state.code() {
            // Deadlock, serialization failure; a prepared statement that a pooler put out of reach, which the
            // next try does without.
            "40P01" | "40001" | "26000" | "42P05" => Self::Collision(detail),
            // A lock was not got in time: another open transaction, or a table that cannot be written.
            "55P03" => Self::unclear(ROW_LOCKED, detail),
            // The statement had its time, or it was cancelled.
            "57014" => Self::slow(detail),
            // No disk, no connections: a small write may well pass, and yet it is no event's fault.
            "53100" | "53300" => Self::outage(detail),
            // Of all the program limits this one is the statement's, not a row's.
            "54001" => Self::unclear("write_failed", detail),
            code => match &code[..2.min(code.len())] {
                // Data exceptions, broken constraints, limits that a value exceeds: a row's fault.
                "22" | "23" | "54" => Self::Fault(Fault::poison(reasons::ROW_REFUSED, detail)),
                // Shutdown (57P), demotion (25006), connection (08), authorization (28), no such database (3D).
                "57" | "25" | "08" | "28" | "3D" => Self::outage(detail),
                // An unknown table or column, or a missing privilege.
                "42" | "3F" => Self::unclear(
                    "write_failed",
                    format!(
                        "{detail}; the schema does not fit this version or is not ours to write: run `millrace migrate`"
                    ),
                ),
                // A trigger that raises (P0), memory (53), corruption (58, XX), what is not supported for
                // a value (0A), and whatever we have not met.
                _ => Self::unclear("write_failed", detail),
            },
        }
    }
}

impl From<tokio_postgres::Error> for Failure {
    fn from(error: tokio_postgres::Error) -> Self {
        match error.as_db_error() {
            Some(refusal) => Self::of_state(refusal.code(), describe(refusal)),
            // A value that does not fit the protocol never reached the server.
            None if source_kind(&error) == Some(io::ErrorKind::InvalidInput) => {
                Self::Fault(Fault::poison(reasons::ROW_REFUSED, chain(&error)))
            }
            None => Self::outage(chain(&error)),
        }
    }
}

impl From<PoolError> for Failure {
    fn from(error: PoolError) -> Self {
        match error {
            // No statement has been sent yet, so even a refusal says nothing about a row.
            PoolError::Backend(error) => Self::outage(reason_of(&error)),
            error => Self::outage(chain(&error)),
        }
    }
}

/// What went wrong, in one line and without the values of rows.
pub fn reason_of(error: &tokio_postgres::Error) -> String {
    error.as_db_error().map_or_else(|| chain(error), describe)
}

fn describe(refusal: &tokio_postgres::error::DbError) -> String {
    let place = match (refusal.table(), refusal.column(), refusal.constraint()) {
        (Some(table), Some(column), _) => format!(" ({table}.{column})"),
        (Some(table), None, Some(constraint)) => format!(" ({table}, {constraint})"),
        (Some(table), None, None) => format!(" ({table})"),
        _ => String::new(),
    };
    format!("{}: {}{place}", refusal.code().code(), refusal.message())
}

fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    text
}

fn source_kind(error: &tokio_postgres::Error) -> Option<io::ErrorKind> {
    Some(error.source()?.downcast_ref::<io::Error>()?.kind())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What such an error says.
    #[derive(Debug, PartialEq)]
    enum Kind {
        Collision,
        Row,
        Database,
        Unclear,
        Schema,
    }

    fn kind_of(code: &str) -> Kind {
        match Failure::of_state(&SqlState::from_code(code), format!("{code}: x")) {
            Failure::Collision(_) => Kind::Collision,
            Failure::Fault(Fault::Poison {
                reason: "row_refused",
                ..
            }) => Kind::Row,
            Failure::Fault(Fault::Outage {
                dependency: "database",
                detail,
            }) => {
                assert!(detail.contains(code));
                Kind::Database
            }
            Failure::Unclear { detail, .. } if detail.contains("millrace migrate") => Kind::Schema,
            Failure::Unclear { .. } => Kind::Unclear,
            other => panic!("{code}: {other:?}"),
        }
    }

    #[test]
    fn every_class_is_known() {
        let cases = [
            (Kind::Collision, &["40P01", "40001", "26000", "42P05"][..]),
            (
                Kind::Row,
                &[
                    "22021", "22P05", "22003", "22008", "23502", "23505", "23514", "54000",
                ],
            ),
            (
                Kind::Database,
                &[
                    "53100", "53300", "57P01", "57P02", "57P03", "25006", "25P02", "25P03", "08000", "08003",
                    "08006", "28P01", "3D000",
                ],
            ),
            (
                Kind::Unclear,
                &[
                    "55P03", "57014", "53200", "53400", "54001", "58030", "XX000", "XX001", "21000", "0A000",
                    "P0001", "38000", "99999", "",
                ],
            ),
            (Kind::Schema, &["42P01", "42703", "42501", "42P10", "3F000"]),
        ];
        for (expected, codes) in cases {
            for code in codes {
                assert_eq!(kind_of(code), expected, "{code}");
            }
        }
    }

    #[test]
    fn only_a_transaction_that_ended_leaves_its_connection_usable() {
        assert!(Failure::Collision(String::new()).leaves_connection_usable());
        assert!(Failure::slow("").leaves_connection_usable());
        assert!(Failure::Fault(Fault::poison(reasons::ROW_REFUSED, "")).leaves_connection_usable());
        assert!(!Failure::outage("").leaves_connection_usable());
    }

    #[test]
    fn a_pool_that_has_no_connection_in_time_is_an_outage() {
        let error = PoolError::Timeout(deadpool_postgres::TimeoutType::Wait);
        assert!(matches!(
            Failure::from(error),
            Failure::Fault(Fault::Outage {
                dependency: DATABASE,
                ..
            })
        ));
    }
}
