//! Each class of SQLSTATE, raised by a real server in the middle of a write.

use crate::{server::TestDatabase, writes::*};
use millrace_engine::{Fault, Sink};

/// No event is charged: it is tried again at once.
const COLLISIONS: [&str; 4] = ["40P01", "40001", "26000", "42P05"];

/// The event loses its place in the pipeline.
const ROWS: [&str; 8] = [
    "22012", "22021", "22P05", "22003", "23502", "23505", "23514", "54000",
];

/// The database is at fault.
const OUTAGES: [&str; 10] = [
    "53100", "53300", "57P01", "57P02", "57P03", "25006", "08000", "08006", "28000", "3D000",
];

/// The event is charged an attempt if the database takes another write; with what its operator is told to do,
/// where that can be known.
const ASKED: [(&str, &str); 15] = [
    ("55P03", ""),
    ("57014", ""),
    ("53000", ""),
    ("53200", ""),
    ("58030", ""),
    ("XX000", ""),
    ("XX001", ""),
    ("54001", ""),
    ("0A000", ""),
    ("P0001", ""),
    ("99999", ""),
    ("42P01", "millrace migrate"),
    ("42703", "millrace migrate"),
    ("42501", "millrace migrate"),
    ("3F000", "millrace migrate"),
];

#[tokio::test]
async fn a_collision_is_not_even_noticed() {
    let database = TestDatabase::migrated().await;
    let mut writer = database.writer();
    for code in COLLISIONS {
        refuse_posts(&database, code, 1).await;
        assert_works(&database, &mut writer, code).await;
        assert_eq!(tries(&database).await, 2, "{code}");
    }
}

#[tokio::test]
async fn a_refused_row_is_poison_and_its_connection_is_used_again() {
    let database = TestDatabase::migrated().await;
    let mut writer = database.writer();
    for code in ROWS {
        refuse_posts(&database, code, 1).await;
        match writer.write(&[&one(code)]).await.unwrap_err() {
            Fault::Poison {
                reason: "row_refused",
                detail,
            } => assert!(detail.contains(code), "{detail}"),
            other => panic!("{code}: {other:?}"),
        }
        assert_not_stored(&database, code).await;
        assert_works(&database, &mut writer, code).await;
    }
}

#[tokio::test]
async fn what_is_the_databases_fault_is_an_outage_and_the_event_is_stored_after_it() {
    let database = TestDatabase::migrated().await;
    let mut writer = database.writer();
    for code in OUTAGES {
        refuse_posts(&database, code, 1).await;
        let detail = outage(writer.write(&[&one(code)]).await.unwrap_err());
        assert!(detail.contains(code), "{code}: {detail}");
        assert_not_stored(&database, code).await;
        assert_works(&database, &mut writer, code).await;
    }
}

/// Once for this event alone, and once for all.
#[tokio::test]
async fn whatever_else_goes_wrong_the_database_is_asked_whose_fault_it_is() {
    let database = TestDatabase::migrated().await;
    for (code, advice) in ASKED {
        let mut writer = database.writer();
        refuse_posts(&database, code, 1).await;
        let Fault::Transient { detail, .. } = writer.write(&[&one(code)]).await.unwrap_err() else {
            panic!("{code} is not charged to its event");
        };
        assert!(
            detail.contains(code) && detail.contains(advice),
            "{code}: {detail}"
        );
        assert_not_stored(&database, code).await;
        refuse_posts(&database, code, 2).await;
        let detail = outage(writer.write(&[&one(code)]).await.unwrap_err());
        assert!(
            detail.contains(code) && detail.contains(advice),
            "{code}: {detail}"
        );
        assert_works(&database, &mut writer, code).await;
    }
}
