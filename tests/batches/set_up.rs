//! What the broker says when a session cannot be set up reaches operators, in its own words.

use crate::running::{DLQ, PATIENCE, QUEUE, millrace};
use amqprs::{
    channel::{BasicConsumeArguments, Channel, QueueDeclareArguments},
    connection::{Connection, OpenConnectionArguments},
};
use millrace_stack::{PassiveDeclareProxy, Service, Stack, Tenant, wait_for};
use serde_json::json;

async fn not_ready(service: &Service, words: &[&str]) {
    wait_for("readiness and log to say why not", PATIENCE, async || {
        let log = service.lines().join("\n");
        match service.get("/readyz").await {
            Ok((503, body)) if words.iter().all(|word| body.contains(word) && log.contains(word)) => Ok(()),
            other => Err(format!("{other:?}")),
        }
    })
    .await
    .unwrap_or_else(|error| panic!("{error:#}\n{}", service.lines().join("\n")));
}

async fn check_says(tenant: &Tenant<'_>, settings: &[(&str, &str)], code: i32, words: &[&str]) {
    let output = tenant
        .command(millrace(), &["check", "--json"], settings)
        .await
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(code), "{said}");
    assert!(words.iter().all(|word| said.contains(word)), "{said}");
}

/// Another client's connection to the tenant's virtual host.
async fn another_client(tenant: &Tenant<'_>) -> (Connection, Channel) {
    let (user, password) = tenant.stack().rabbitmq.credentials();
    let mut at = OpenConnectionArguments::new("127.0.0.1", tenant.stack().rabbitmq.port(), user, password);
    at.virtual_host(tenant.vhost());
    let connection = Connection::open(&at).await.unwrap();
    let channel = connection.open_channel(None).await.unwrap();
    (connection, channel)
}

/// A user with these rights, and the address to log in at.
async fn user(tenant: &Tenant<'_>, rights: [&str; 3]) -> String {
    let rabbitmq = &tenant.stack().rabbitmq;
    let name = format!("limited-{}", tenant.vhost());
    rabbitmq.management().put_user(&name, "secret").await.unwrap();
    rabbitmq
        .management()
        .permit_only(tenant.vhost(), &name, rights)
        .await
        .unwrap();
    format!(
        "amqp://{name}:secret@127.0.0.1:{}/{}",
        rabbitmq.port(),
        tenant.vhost()
    )
}

async fn queues(tenant: &Tenant<'_>) {
    for queue in [QUEUE, DLQ] {
        tenant
            .declare_queue(queue, json!({"x-queue-type": "classic"}))
            .await
            .unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_without_any_right_is_told_so() {
    let tenant = Stack::shared().await.tenant("no-right").await.unwrap();
    let url = user(&tenant, ["^$", "^$", "^$"]).await;
    let settings = [("RABBITMQ_URL", url.as_str())];
    let service = tenant.service(millrace(), &settings).unwrap();
    not_ready(&service, &["refuses to make it", "403", "ACCESS_REFUSED"]).await;
    let words = [
        "cannot be made",
        "cannot be published",
        "ACCESS_REFUSED",
        "amq.default",
    ];
    check_says(&tenant, &settings, 69, &words).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_missing_right_is_found_by_check_and_nothing_is_changed() {
    let tenant = Stack::shared().await.tenant("missing-rights").await.unwrap();
    queues(&tenant).await;
    assert!(tenant.publish("", QUEUE, "an event").await.unwrap());
    let all = ".*";
    for (rights, words) in [
        ([all, all, "^$"], &["cannot be consumed", "403"]),
        ([all, "^analytics", all], &["cannot be published", "amq.default"]),
        (["^$", all, all], &["cannot be made", ".retry."]),
    ] {
        let url = user(&tenant, rights).await;
        check_says(&tenant, &[("RABBITMQ_URL", &url)], 69, words).await;
    }
    let url = user(&tenant, [all, all, all]).await;
    check_says(&tenant, &[("RABBITMQ_URL", &url)], 0, &["RabbitMQ"]).await;
    let found = tenant.peek(QUEUE, 2).await.unwrap();
    assert_eq!(found.len(), 1, "nothing was taken");
    let retries = tenant.queue(&format!("{QUEUE}.retry.1000ms")).await.unwrap();
    assert!(retries.is_none(), "nothing was made");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_queue_that_may_not_be_read_is_named() {
    let tenant = Stack::shared().await.tenant("no-read").await.unwrap();
    queues(&tenant).await;
    let url = user(&tenant, [".*", ".*", "^smap"]).await;
    let service = tenant.service(millrace(), &[("RABBITMQ_URL", &url)]).unwrap();
    not_ready(&service, &["403", "ACCESS_REFUSED", QUEUE]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_queue_that_belongs_to_another_connection_is_no_missing_queue() {
    let tenant = Stack::shared().await.tenant("locked").await.unwrap();
    let (connection, channel) = another_client(&tenant).await;
    let mut exclusive = QueueDeclareArguments::new(QUEUE);
    exclusive.exclusive(true);
    channel.queue_declare(exclusive).await.unwrap();
    let service = tenant.service(millrace(), &[]).unwrap();
    let words = ["cannot be looked at", "405", "RESOURCE_LOCKED"];
    not_ready(&service, &words).await;
    assert!(!service.lines().join("\n").contains("does not exist and"));
    check_says(&tenant, &[], 69, &words).await;
    connection.close().await.unwrap();
    service.wait_ready(PATIENCE).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_queue_with_a_consumer_that_wants_to_be_alone_is_named() {
    let tenant = Stack::shared().await.tenant("exclusive-consumer").await.unwrap();
    queues(&tenant).await;
    let (connection, channel) = another_client(&tenant).await;
    let mut alone = BasicConsumeArguments::new(QUEUE, "alone");
    alone.exclusive(true);
    let (_, _unread) = channel.basic_consume_rx(alone).await.unwrap();
    let service = tenant.service(millrace(), &[]).unwrap();
    not_ready(&service, &["403", "in exclusive use"]).await;
    connection.close().await.unwrap();
    service.wait_ready(PATIENCE).await.unwrap();
}

/// RabbitMQ 4.2 wants a right for a look that no version before asked for.
#[tokio::test(flavor = "multi_thread")]
async fn a_look_that_wants_the_right_to_configure_says_so_and_how_it_is_granted() {
    let tenant = Stack::shared().await.tenant("no-look").await.unwrap();
    queues(&tenant).await;
    let broker = tenant.stack().rabbitmq.port();
    let url = user(&tenant, [".*", ".*", ".*"]).await;
    let name = format!("limited-{}", tenant.vhost());
    let proxy = PassiveDeclareProxy::start(broker, tenant.vhost(), &name)
        .await
        .unwrap();
    let url = url.replace(&format!(":{broker}/"), &format!(":{}/", proxy.port()));
    let settings = [("RABBITMQ_URL", url.as_str())];
    let refused = format!(
        "configure access to queue '{DLQ}' in vhost '{}' refused for user '{name}'",
        tenant.vhost()
    );
    let looked = format!("queue {DLQ} cannot be looked at");
    let words = [
        looked.as_str(),
        "403",
        &refused,
        "RabbitMQ 4.2 and later want the `configure` right",
        "rabbitmqctl set_permissions",
    ];
    let service = tenant.service(millrace(), &settings).unwrap();
    not_ready(&service, &words).await;
    assert!(!service.lines().join("\n").contains("does not exist and"));
    let refused_first = refused.replace(DLQ, QUEUE);
    let looked_first = looked.replace(DLQ, QUEUE);
    let words = [looked_first.as_str(), "403", &refused_first, words[3], words[4]];
    check_says(&tenant, &settings, 69, &words).await;
    proxy.grant();
    service.wait_ready(PATIENCE).await.unwrap();
    check_says(&tenant, &settings, 0, &["RabbitMQ"]).await;
}
