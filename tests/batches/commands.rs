//! The commands beside `run`, against real servers.

use crate::running::millrace;
use millrace_stack::{Stack, Tenant};
use serde_json::Value;

/// Runs a command that prints JSON, and returns its exit code and what it printed.
pub(crate) async fn json_of(
    tenant: &Tenant<'_>,
    args: &[&str],
    settings: &[(&str, &str)],
) -> (Option<i32>, Value) {
    let output = tenant.command(millrace(), args, settings).await.unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let json = serde_json::from_str(&text).unwrap_or_else(|error| {
        panic!(
            "{args:?}: {error} in {text:?}\n{}",
            String::from_utf8_lossy(&output.stderr)
        )
    });
    (output.status.code(), json)
}

#[tokio::test(flavor = "multi_thread")]
async fn check_asks_each_dependency_and_names_the_one_that_is_wrong() {
    let tenant = Stack::shared().await.tenant("check").await.unwrap();
    let (code, checked) = json_of(&tenant, &["check", "--json"], &[]).await;
    assert_eq!(code, Some(0), "{checked:#}");
    assert!(
        checked["dependencies"][0]["detail"]
            .as_str()
            .unwrap()
            .contains("RabbitMQ"),
        "{checked:#}"
    );

    for (setting, wrong, dependency) in [
        (
            "RABBITMQ_URL",
            "amqp://millrace:millrace@127.0.0.1:1/",
            "rabbitmq",
        ),
        ("MINIO_SECRET_KEY", "not-the-key", "object_store"),
        (
            "DATABASE_URL",
            "postgresql://no-role:nothing@127.0.0.1:1/none",
            "database",
        ),
    ] {
        let (code, checked) = json_of(&tenant, &["check", "--json"], &[(setting, wrong)]).await;
        assert_eq!(code, Some(69), "{setting}: {checked:#}");
        let failed = checked["dependencies"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|dependency| dependency["ok"] == false);
        assert_eq!(
            failed
                .map(|dependency| dependency["name"].as_str().unwrap())
                .collect::<Vec<_>>(),
            [dependency]
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn migrate_says_what_it_would_do_does_it_and_is_then_done() {
    let tenant = Stack::shared().await.tenant("migrate").await.unwrap();
    let (code, planned) = json_of(&tenant, &["migrate", "--dry-run", "--json"], &[]).await;
    assert_eq!(code, Some(0));
    let pending = planned["pending"].as_array().unwrap();
    assert!(!pending.is_empty());
    let (_, done) = json_of(&tenant, &["migrate", "--json"], &[]).await;
    assert_eq!(done["applied"], planned["pending"]);
    let (_, left) = json_of(&tenant, &["migrate", "--dry-run", "--json"], &[]).await;
    assert_eq!(left["pending"], Value::Array(Vec::new()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_accepts_and_says_nothing_is_given_up_on() {
    let tenant = Stack::shared().await.tenant("mute").await.unwrap();
    let mute = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("amqp://millrace:millrace@{}/", mute.local_addr().unwrap());
    let settings = [
        ("RABBITMQ_URL", url.as_str()),
        ("RABBITMQ_CONNECT_TIMEOUT_SECONDS", "1"),
    ];
    let (code, checked) = json_of(&tenant, &["check", "--json"], &settings).await;
    assert_eq!(code, Some(69));
    let detail = checked["dependencies"][0]["detail"].as_str().unwrap();
    assert!(detail.contains("did not answer within 1 s"), "{detail}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_virtual_host_that_does_not_exist_is_named() {
    let tenant = Stack::shared().await.tenant("no-vhost").await.unwrap();
    let url = tenant.amqp_url().replace(tenant.vhost(), "no-such-vhost");
    let (code, checked) = json_of(&tenant, &["check", "--json"], &[("RABBITMQ_URL", url.as_str())]).await;
    assert_eq!(code, Some(69));
    let broker = &checked["dependencies"][0];
    assert_eq!(
        (&broker["name"], &broker["ok"]),
        (&"rabbitmq".into(), &false.into()),
        "{checked}"
    );
}
