//! Databases that are not as they should be: told, waited for, and nothing is lost on them.

use crate::running::{DLQ, PATIENCE, Running, fresh_id, millrace};
use millrace_stack::{Stack, Tenant, wait_for};

/// Makes the tenant's database anew.
async fn make_again(tenant: &Tenant<'_>, options: &str) {
    let first = tenant.stack().postgres.connect("postgres").await.unwrap();
    let name = tenant.vhost();
    let drop = format!("DROP DATABASE \"{name}\" WITH (FORCE)");
    let create = format!("CREATE DATABASE \"{name}\" TEMPLATE template0 {options}");
    first.batch_execute(&drop).await.unwrap();
    first.batch_execute(&create).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_encoding_that_cannot_hold_all_text_is_named_and_waited_for() {
    for encoding in ["SQL_ASCII", "LATIN1"] {
        let tenant = Stack::shared()
            .await
            .tenant(&format!("encoding-{encoding}"))
            .await
            .unwrap();
        make_again(&tenant, &format!("ENCODING '{encoding}' LOCALE 'C'")).await;
        let words = format!("server_encoding is {encoding}, UTF8 is needed");
        for command in [&["check"][..], &["migrate"], &["migrate", "--dry-run"]] {
            let output = tenant.command(millrace(), command, &[]).await.unwrap();
            let said = [output.stdout, output.stderr].concat();
            let said = String::from_utf8_lossy(&said)
                .split_whitespace()
                .collect::<Vec<_>>()
                .join(" ");
            assert_eq!(output.status.code(), Some(69), "{command:?}: {said}");
            assert!(said.contains(&words), "{command:?}: {said}");
        }
        let service = tenant.service(millrace(), &[]).unwrap();
        wait_for(
            "readiness to name the encoding",
            PATIENCE,
            async || match service.get("/readyz").await {
                Ok((503, body)) if body.contains(&words) => Ok(()),
                other => Err(format!("{other:?}")),
            },
        )
        .await
        .unwrap();
        make_again(&tenant, "ENCODING 'UTF8' LOCALE 'C.UTF-8'").await;
        let pipeline = Running::with(tenant, service).await;
        let id = fresh_id();
        pipeline.batch(&id, 3).await;
        pipeline.stored(&[id]).await;
        pipeline.queue_empties().await;
        assert!(pipeline.tenant.peek(DLQ, 1).await.unwrap().is_empty());
    }
}

/// The sum of pool and overflow is the bound: a role that may have no more connections starts, on an empty database.
#[tokio::test(flavor = "multi_thread")]
async fn no_connection_is_opened_beside_the_pool() {
    for (limit, writers) in [(1, 1), (3, 3), (3, 2)] {
        let tenant = Stack::shared()
            .await
            .tenant(&format!("limit-{limit}-{writers}"))
            .await
            .unwrap();
        let role = format!("limited-{}", tenant.vhost());
        let owner = tenant.connect_postgres().await.unwrap();
        let make = format!(
            "CREATE ROLE \"{role}\" LOGIN PASSWORD 'few' CONNECTION LIMIT {limit}; \
             ALTER SCHEMA public OWNER TO \"{role}\""
        );
        owner.batch_execute(&make).await.unwrap();
        let port = tenant.stack().postgres.port();
        let url = format!("postgresql://{role}:few@127.0.0.1:{port}/{}", tenant.vhost());
        let (limit, writers) = (limit.to_string(), writers.to_string());
        let settings = [
            ("DATABASE_URL", url.as_str()),
            ("DATABASE_POOL_SIZE", &limit),
            ("DATABASE_MAX_OVERFLOW", "0"),
            ("MAX_WRITERS", &writers),
        ];
        let pipeline = Running::start(tenant, &settings).await;
        let ids: Vec<_> = (0..20).map(|_| fresh_id()).collect();
        for id in &ids {
            pipeline.batch(id, 3).await;
        }
        pipeline.stored(&ids).await;
        pipeline.queue_empties().await;
        let said = pipeline.service.lines().join("\n");
        assert!(!said.contains("53300"), "{said}");
    }
}
