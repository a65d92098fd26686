//! One test's share of a stack.

use std::path::Path;
use std::process::Output;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use object_store::ObjectStore;
use serde_json::Value;

use crate::objects::Objects;
use crate::postgres::Postgres;
use crate::proxies::Proxies;
use crate::rabbitmq::{Message, QueueInfo, RabbitMq};
use crate::raw_amqp::RawPublisher;
use crate::service::{self, Service};
use crate::stack::Stack;
use crate::wait::wait_for;

/// A quorum queue counts anew every 200 ms; on a busy machine a few of those may pass.
const QUORUM_LAG: Duration = Duration::from_secs(1);
/// The longest name that leaves room for the number within a bucket's 63 characters.
const LONGEST_NAME: usize = 40;

/// A virtual host, a database and a bucket of one name.
#[derive(Debug)]
pub struct Tenant<'a> {
    stack: &'a Stack,
    name: String,
}

// === impl Tenant ===

impl<'a> Tenant<'a> {
    pub(crate) async fn create(stack: &'a Stack, name: &str, number: usize) -> anyhow::Result<Self> {
        let name = format!("{}-{number}", clean(name));
        tokio::try_join!(
            stack.rabbitmq.management().create_vhost(&name),
            stack.postgres.create_database(&name),
            stack.objects.create_bucket(&name),
        )
        .with_context(|| format!("cannot make a virtual host, a database and a bucket called {name}"))?;
        Ok(Self { stack, name })
    }

    /// The servers.
    pub fn stack(&self) -> &'a Stack {
        self.stack
    }

    /// The settings with which `millrace` works on this tenant.
    pub fn env(&self) -> Vec<(String, String)> {
        let mut env = self.stack.rabbitmq.env(&self.name);
        env.extend(self.stack.postgres.env(&self.name));
        env.extend(self.stack.objects.env(&self.name));
        env
    }

    /// The same, with each server behind its proxy.
    pub fn env_through(&self, proxies: &Proxies) -> Vec<(String, String)> {
        let mut env = RabbitMq::env_at(proxies.rabbitmq.port(), &self.name);
        env.extend(Postgres::env_at(proxies.postgres.port(), &self.name));
        env.extend(Objects::env_at(proxies.objects.port(), &self.name));
        env
    }

    /// `amqp://…/vhost`.
    pub fn amqp_url(&self) -> String {
        self.stack.rabbitmq.url(&self.name)
    }

    /// The virtual host.
    pub fn vhost(&self) -> &str {
        &self.name
    }

    /// `postgres://…/database`.
    pub fn database_url(&self) -> String {
        self.stack.postgres.url(&self.name)
    }

    /// The bucket.
    pub fn bucket(&self) -> &str {
        &self.name
    }

    /// A connection to the database, driven by a task of the current runtime.
    pub async fn connect_postgres(&self) -> anyhow::Result<tokio_postgres::Client> {
        self.stack.postgres.connect(&self.name).await
    }

    /// A client for the tenant's bucket.
    pub fn objects(&self) -> anyhow::Result<Arc<dyn ObjectStore>> {
        self.object_store(&self.name)
    }

    /// A client for any bucket.
    pub fn object_store(&self, bucket: &str) -> anyhow::Result<Arc<dyn ObjectStore>> {
        self.stack.objects.store(bucket)
    }

    /// A queue, with counts as fresh as [`Management`](crate::Management) says; `None` when there is none.
    pub async fn queue(&self, name: &str) -> anyhow::Result<Option<QueueInfo>> {
        self.stack.rabbitmq.management().queue(&self.name, name).await
    }

    /// Waits until a queue is seen without any message, ready or unacknowledged, for longer than its count can be late.
    pub async fn wait_until_empty(&self, queue: &str, timeout: Duration) -> anyhow::Result<()> {
        let mut empty_since = None;
        wait_for(&format!("the queue {queue} to be empty"), timeout, async || {
            let info = self.queue(queue).await.map_err(|error| format!("{error:#}"))?;
            let messages = info.ok_or_else(|| "there is no such queue".to_owned())?.messages;
            if messages > 0 {
                empty_since = None;
                return Err(format!("it has {messages} messages"));
            }
            let since = *empty_since.get_or_insert_with(Instant::now);
            if since.elapsed() > QUORUM_LAG {
                Ok(())
            } else {
                Err("it may have been empty too shortly".to_owned())
            }
        })
        .await
    }

    /// Declares a durable queue with these `x-…` arguments.
    pub async fn declare_queue(&self, name: &str, arguments: Value) -> anyhow::Result<()> {
        self.stack
            .rabbitmq
            .management()
            .declare_queue(&self.name, name, arguments)
            .await
    }

    /// Binds a queue to an exchange.
    pub async fn bind(&self, queue: &str, exchange: &str, key: &str) -> anyhow::Result<()> {
        let management = self.stack.rabbitmq.management();
        management.bind(&self.name, exchange, queue, key).await
    }

    /// Waits until a new quorum queue would survive a SIGKILL of the broker, some 3 s after its declaration.
    pub async fn wait_until_registered(&self, queue: &str) -> anyhow::Result<()> {
        self.stack.rabbitmq.wait_until_registered(&self.name, queue).await
    }

    /// Deletes a queue; nothing happens when there is none.
    pub async fn delete_queue(&self, name: &str) -> anyhow::Result<()> {
        self.stack
            .rabbitmq
            .management()
            .delete_queue(&self.name, name)
            .await
    }

    /// Looks at up to `count` messages of a queue and puts them back.
    pub async fn peek(&self, queue: &str, count: usize) -> anyhow::Result<Vec<Message>> {
        self.stack
            .rabbitmq
            .management()
            .peek(&self.name, queue, count)
            .await
    }

    /// Publishes a persistent message; says whether it reached a queue. The default exchange is `""`.
    pub async fn publish(&self, exchange: &str, key: &str, body: impl AsRef<[u8]>) -> anyhow::Result<bool> {
        self.publish_with(&Value::Object(Default::default()), exchange, key, body)
            .await
    }

    /// The same with headers, an object.
    pub async fn publish_with(
        &self,
        headers: &Value,
        exchange: &str,
        key: &str,
        body: impl AsRef<[u8]>,
    ) -> anyhow::Result<bool> {
        self.stack
            .rabbitmq
            .management()
            .publish(&self.name, (exchange, key), headers, body.as_ref())
            .await
    }

    /// A producer of messages with any bytes for properties.
    pub async fn raw_publisher(&self) -> anyhow::Result<RawPublisher> {
        let rabbitmq = &self.stack.rabbitmq;
        RawPublisher::connect(rabbitmq.port(), rabbitmq.credentials(), &self.name).await
    }

    /// Closes all AMQP connections to the virtual host, as an operator would; says how many.
    ///
    /// A connection is listed some time after it was opened, [`STATISTICS_LAG`](crate::STATISTICS_LAG) at most, so the first try may find none.
    pub async fn close_connections(&self) -> anyhow::Result<usize> {
        self.stack
            .rabbitmq
            .management()
            .close_connections(&self.name)
            .await
    }

    /// Starts `millrace run` on this tenant; `extra` settings win over the tenant's.
    pub fn service(&self, millrace: &Path, extra: &[(&str, &str)]) -> anyhow::Result<Service> {
        let env = with(self.env(), extra);
        Service::start(self.stack.home(), &self.name, millrace, env)
    }

    /// Starts `millrace run` with each server behind its proxy.
    pub fn service_through(
        &self,
        proxies: &Proxies,
        millrace: &Path,
        extra: &[(&str, &str)],
    ) -> anyhow::Result<Service> {
        let env = with(self.env_through(proxies), extra);
        Service::start(self.stack.home(), &self.name, millrace, env)
    }

    /// Runs one of the other commands on this tenant and waits for its end.
    pub async fn command(
        &self,
        millrace: &Path,
        args: &[&str],
        extra: &[(&str, &str)],
    ) -> anyhow::Result<Output> {
        service::run_command(self.stack.home(), millrace, args, with(self.env(), extra)).await
    }
}

fn with(mut env: Vec<(String, String)>, extra: &[(&str, &str)]) -> Vec<(String, String)> {
    let extra = extra.iter();
    env.extend(extra.map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    env
}

/// What is allowed in a virtual host, a database and a bucket alike.
fn clean(name: &str) -> String {
    let name = name.to_ascii_lowercase();
    let name: String = name
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
        .collect();
    let name: String = name.trim_matches('-').chars().take(LONGEST_NAME).collect();
    if name.is_empty() {
        "tenant".to_owned()
    } else {
        name
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_made_fit_for_all_three_servers() {
        assert_eq!(clean("Poison::a_bad event"), "poison--a-bad-event");
        assert_eq!(clean("…"), "tenant");
        assert_eq!(clean(&"x".repeat(100)).len(), LONGEST_NAME);
    }
}
