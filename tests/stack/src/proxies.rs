//! A proxy before each server of a stack.

use crate::proxy::Proxy;
use crate::stack::Stack;

/// The ways from one product to the three servers; see [`Tenant::service_through`](crate::Tenant::service_through).
#[derive(Debug)]
pub struct Proxies {
    /// To the broker's AMQP port.
    pub rabbitmq: Proxy,
    /// To the database.
    pub postgres: Proxy,
    /// To the object storage.
    pub objects: Proxy,
}

// === impl Proxies ===

impl Proxies {
    /// Starts the three, on the current runtime. The management API is not among them: it is for the tests.
    ///
    /// # Errors
    /// No free port.
    pub async fn start(stack: &Stack) -> anyhow::Result<Self> {
        let (rabbitmq, postgres, objects) = tokio::try_join!(
            Proxy::start(stack.rabbitmq.port()),
            Proxy::start(stack.postgres.port()),
            Proxy::start(stack.objects.port()),
        )?;
        Ok(Self {
            rabbitmq,
            postgres,
            objects,
        })
    }

    /// `host:port` of the object storage as the product knows it: events may name objects by URLs of this one only.
    pub fn objects_endpoint(&self) -> String {
        format!("127.0.0.1:{}", self.objects.port())
    }
}
