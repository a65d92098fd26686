//! The management API: virtual hosts, queues, connections.
//!
//! Counts of messages are asked of the queue itself, and are those of a classic queue at this moment; a quorum queue
//! counts anew every 200 ms. The number of consumers and the list of connections are statistics, late by up to
//! [`STATISTICS_LAG`]. To be sure that a queue is empty, use
//! [`Tenant::wait_until_empty`](crate::Tenant::wait_until_empty), which wants to see it so for longer than that.

use std::time::Duration;

use anyhow::Context;
use base64::prelude::{BASE64_STANDARD, Engine as _};
use reqwest::{Method, StatusCode};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

/// How late statistics can be: the queue's interval, the management's, and some for a busy machine.
pub const STATISTICS_LAG: Duration = Duration::from_millis(1_500);

/// The broker takes seconds on a machine with more compilers than cores: it is late then, and not gone.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(120);

/// The management API of one broker.
#[derive(Debug, Clone)]
pub struct Management {
    base: String,
    user: String,
    password: String,
    client: reqwest::Client,
}

/// What the broker says of a queue.
#[derive(Debug, Clone, Deserialize)]
pub struct QueueInfo {
    /// Its name.
    pub name: String,
    /// `classic`, `quorum` or `stream`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Its `x-…` arguments.
    #[serde(default)]
    pub arguments: Map<String, Value>,
    /// Ready and unacknowledged messages together.
    #[serde(default)]
    pub messages: u64,
    /// Messages that wait for a consumer.
    #[serde(default)]
    pub messages_ready: u64,
    /// Messages that a consumer holds.
    #[serde(default)]
    pub messages_unacknowledged: u64,
    /// How many consumers it has, or had a moment ago.
    #[serde(default)]
    pub consumers: u64,
}

/// A message that was looked at and left in its queue.
#[derive(Debug, Clone, Deserialize)]
pub struct Message {
    /// The body, as text or in Base64: see `payload_encoding`.
    pub payload: String,
    /// `string` or `base64`.
    pub payload_encoding: String,
    /// The exchange it was published to.
    pub exchange: String,
    /// Its routing key.
    pub routing_key: String,
    /// AMQP properties, with the headers under `headers`; the broker sends `[]` when there are none.
    pub properties: Value,
}

#[derive(Deserialize)]
struct Connection {
    name: String,
    vhost: Option<String>,
}

// === impl Message ===

impl Message {
    /// A header, as text.
    pub fn header(&self, name: &str) -> Option<String> {
        match self.properties.get("headers")?.get(name)? {
            Value::String(text) => Some(text.clone()),
            other => Some(other.to_string()),
        }
    }
}

// === impl Management ===

impl Management {
    pub(crate) fn new(port: u16, user: &str, password: &str) -> anyhow::Result<Self> {
        Ok(Self {
            base: format!("http://127.0.0.1:{port}"),
            user: user.to_owned(),
            password: password.to_owned(),
            client: crate::http::client(REQUEST_TIMEOUT)?,
        })
    }

    /// Where a person opens it in a browser.
    pub fn url(&self) -> &str {
        &self.base
    }

    pub(crate) async fn overview(&self) -> anyhow::Result<()> {
        self.send(Method::GET, "overview", None)
            .await?
            .context("there is no overview")
            .map(drop)
    }

    pub(crate) async fn create_vhost(&self, vhost: &str) -> anyhow::Result<()> {
        self.send(Method::PUT, &format!("vhosts/{}", encode(vhost)), Some(json!({})))
            .await?;
        self.permit(vhost, &self.user).await
    }

    /// Makes a user, or changes its password; open connections stay as they are.
    pub async fn put_user(&self, name: &str, password: &str) -> anyhow::Result<()> {
        let user = json!({"password": password, "tags": ""});
        self.send(Method::PUT, &format!("users/{}", encode(name)), Some(user))
            .await
            .map(drop)
    }

    /// Lets a user do everything in a virtual host.
    pub async fn permit(&self, vhost: &str, user: &str) -> anyhow::Result<()> {
        self.permit_only(vhost, user, [".*"; 3]).await
    }

    /// Lets a user configure, write and read what these patterns match, and nothing else.
    pub async fn permit_only(
        &self,
        vhost: &str,
        user: &str,
        [configure, write, read]: [&str; 3],
    ) -> anyhow::Result<()> {
        let permissions = format!("permissions/{}/{}", encode(vhost), encode(user));
        let rights = json!({"configure": configure, "write": write, "read": read});
        self.send(Method::PUT, &permissions, Some(rights)).await.map(drop)
    }

    /// Makes a policy for queues whose names match, or takes it away.
    pub async fn set_policy(
        &self,
        vhost: &str,
        name: &str,
        policy: Option<(&str, Value)>,
    ) -> anyhow::Result<()> {
        let path = format!("policies/{}/{}", encode(vhost), encode(name));
        let request = match policy {
            Some((pattern, definition)) => {
                let policy = json!({"pattern": pattern, "definition": definition, "apply-to": "queues"});
                self.send(Method::PUT, &path, Some(policy)).await
            }
            None => self.send(Method::DELETE, &path, None).await,
        };
        request.map(drop)
    }

    /// A queue; `None` when there is none of that name.
    pub async fn queue(&self, vhost: &str, name: &str) -> anyhow::Result<Option<QueueInfo>> {
        let statistics: Option<QueueInfo> = self.get(&queue_path(vhost, name)).await?;
        let queue = self
            .queues(vhost)
            .await?
            .into_iter()
            .find(|queue| queue.name == name);
        Ok(queue.map(|queue| QueueInfo {
            consumers: statistics.map_or(0, |found| found.consumers),
            ..queue
        }))
    }

    /// All queues of a virtual host, without the number of their consumers.
    pub async fn queues(&self, vhost: &str) -> anyhow::Result<Vec<QueueInfo>> {
        // Only the list takes these, and only with them are the queues asked instead of the statistics.
        let path = format!(
            "queues/{}?disable_stats=true&enable_queue_totals=true",
            encode(vhost)
        );
        Ok(self.get(&path).await?.unwrap_or_default())
    }

    /// Declares a durable queue with these `x-…` arguments.
    pub async fn declare_queue(&self, vhost: &str, name: &str, arguments: Value) -> anyhow::Result<()> {
        self.declare_queue_as(vhost, name, json!({"arguments": arguments}))
            .await
    }

    /// Declares a queue with `arguments`, and `durable` and `auto_delete` where they are not the usual.
    pub async fn declare_queue_as(&self, vhost: &str, name: &str, how: Value) -> anyhow::Result<()> {
        let usual = |field: &str, usual: Value| how.get(field).cloned().unwrap_or(usual);
        let body = json!({
            "durable": usual("durable", json!(true)),
            "auto_delete": usual("auto_delete", json!(false)),
            "arguments": usual("arguments", json!({})),
        });
        self.send(Method::PUT, &queue_path(vhost, name), Some(body))
            .await
            .map(drop)
    }

    /// Binds a queue to an exchange.
    pub async fn bind(&self, vhost: &str, exchange: &str, queue: &str, key: &str) -> anyhow::Result<()> {
        let path = format!(
            "bindings/{}/e/{}/q/{}",
            encode(vhost),
            encode(exchange),
            encode(queue)
        );
        let body = json!({"routing_key": key});
        self.send(Method::POST, &path, Some(body)).await.map(drop)
    }

    /// Deletes a queue; nothing happens when there is none.
    pub async fn delete_queue(&self, vhost: &str, name: &str) -> anyhow::Result<()> {
        self.send(Method::DELETE, &queue_path(vhost, name), None)
            .await
            .map(drop)
    }

    /// Looks at up to `count` messages and puts them back.
    pub async fn peek(&self, vhost: &str, queue: &str, count: usize) -> anyhow::Result<Vec<Message>> {
        let path = format!("{}/get", queue_path(vhost, queue));
        let body = json!({"count": count, "ackmode": "ack_requeue_true", "encoding": "auto"});
        let messages = self.send(Method::POST, &path, Some(body)).await?;
        Ok(messages
            .map(serde_json::from_value)
            .transpose()?
            .unwrap_or_default())
    }

    /// Publishes a persistent message with a JSON body and these headers; says whether it reached a queue.
    pub async fn publish(
        &self,
        vhost: &str,
        (exchange, key): (&str, &str),
        headers: &Value,
        body: &[u8],
    ) -> anyhow::Result<bool> {
        let exchange = if exchange.is_empty() {
            "amq.default"
        } else {
            exchange
        };
        let path = format!("exchanges/{}/{}/publish", encode(vhost), encode(exchange));
        let properties = json!({"delivery_mode": 2, "content_type": "application/json", "headers": headers});
        // A body need not be text.
        let payload = BASE64_STANDARD.encode(body);
        let message = json!({"properties": properties, "routing_key": key, "payload": payload, "payload_encoding": "base64"});
        let answer = self
            .send(Method::POST, &path, Some(message))
            .await?
            .context("there is no such exchange")?;
        Ok(answer["routed"] == json!(true))
    }

    /// Closes all AMQP connections of a virtual host, as an operator would; says how many.
    pub async fn close_connections(&self, vhost: &str) -> anyhow::Result<usize> {
        let connections: Vec<Connection> = self.get("connections").await?.unwrap_or_default();
        let mut closed = 0;
        for connection in connections
            .iter()
            .filter(|connection| connection.vhost.as_deref() == Some(vhost))
        {
            let path = format!("connections/{}", encode(&connection.name));
            // One that ends by itself at this moment is answered with 500.
            let ended = self.send(Method::DELETE, &path, None).await;
            closed += usize::from(ended.is_ok());
        }
        Ok(closed)
    }

    async fn get<T: DeserializeOwned>(&self, path: &str) -> anyhow::Result<Option<T>> {
        let answer = self.send(Method::GET, path, None).await?;
        answer
            .map(serde_json::from_value)
            .transpose()
            .with_context(|| format!("GET /api/{path} answered oddly"))
    }

    /// `None` for 404; an empty answer is `null`.
    async fn send(&self, method: Method, path: &str, body: Option<Value>) -> anyhow::Result<Option<Value>> {
        let url = format!("{}/api/{path}", self.base);
        let mut request = self
            .client
            .request(method.clone(), &url)
            .basic_auth(&self.user, Some(&self.password));
        if let Some(body) = body {
            request = request.json(&body);
        }
        let response = request.send().await?;
        let status = response.status();
        let text = response.text().await?;
        if status == StatusCode::NOT_FOUND {
            return Ok(None);
        }
        if !status.is_success() {
            anyhow::bail!("{method} /api/{path} answered {status}: {text}");
        }
        if text.is_empty() {
            return Ok(Some(Value::Null));
        }
        Ok(Some(serde_json::from_str(&text).with_context(|| {
            format!("{method} /api/{path} did not answer JSON")
        })?))
    }
}

fn queue_path(vhost: &str, name: &str) -> String {
    format!("queues/{}/{}", encode(vhost), encode(name))
}

/// Percent-encodes everything but what is safe in any part of a path.
fn encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_encoded_for_a_path() {
        assert_eq!(encode("/"), "%2F");
        assert_eq!(
            encode("127.0.0.1:1 -> 127.0.0.1:2"),
            "127.0.0.1%3A1%20-%3E%20127.0.0.1%3A2"
        );
    }
}
