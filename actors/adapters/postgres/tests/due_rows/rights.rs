//! The role of `run` owns nothing.

use crate::server::{DELETED, KEPT, LONG, TestDatabase, claim, claimer, outage};
use millrace_engine::{DueStore, Outcome};

#[tokio::test]
async fn a_role_that_owns_nothing_can_do_all_of_it() {
    let database = TestDatabase::with(5).await;
    database
        .execute(
            "REVOKE CREATE ON SCHEMA public FROM PUBLIC; CREATE ROLE worker LOGIN PASSWORD 'w'; \
             GRANT SELECT, UPDATE, DELETE ON jobs TO worker; GRANT SELECT, INSERT, UPDATE ON failures TO worker",
        )
        .await;
    let url = database.server.url(&database.name);
    let (_, place) = url.split_once('@').unwrap();
    let settings = database.settings_at(&format!("postgres://worker:w@{place}"));
    let mut moving = claimer(&settings, &DELETED);
    let claims = claim(&mut moving, 3).await;
    moving.prolong(&claims, LONG).await.unwrap();
    let aside = Outcome::DeadLetter {
        reason: "bad",
        detail: String::new(),
    };
    let again = Outcome::Retry {
        stage: "work",
        cause: "trouble",
        detail: String::new(),
        charged: true,
    };
    let settled = claims
        .into_iter()
        .zip([Outcome::Done, aside.clone(), again])
        .collect();
    moving.settle(settled).await.unwrap();

    // Where rows stay, nothing is deleted.
    database.execute("REVOKE DELETE ON jobs FROM worker").await;
    let mut keeping = claimer(&settings, &KEPT);
    let claims = claim(&mut keeping, 3).await;
    assert_eq!(claims.len(), 2);
    keeping
        .settle(claims.into_iter().zip([Outcome::Done, aside]).collect())
        .await
        .unwrap();
    let states = "SELECT string_agg(id || state, ' ' ORDER BY id) FROM jobs";
    assert_eq!(database.value::<String>(states).await, "3open 4done 5failed");

    database.execute("REVOKE UPDATE ON jobs FROM worker").await;
    let told = outage(keeping.claim(1, LONG).await.unwrap_err());
    assert!(told.contains("permission denied"), "{told}");
}
