//! Private servers for tests and for the demo: a real RabbitMQ, a real Postgres, and object storage.
//!
//! [`Stack::start`] returns when they answer. Each can be stopped, killed, paused and started again on its own, on the
//! same port and data. They listen on loopback only, on free ports, and live in a temporary directory; they die
//! and the directory goes when the process that started them ends, in whatever way.
//!
//! A test takes a [`Tenant`] of the process's shared stack: a virtual host, a database and a bucket of its own.
//!
//! ```no_run
//! # async fn test() -> anyhow::Result<()> {
//! let tenant = millrace_stack::Stack::shared().await.tenant("poison").await?;
//! tenant.declare_queue("analytics.data.collected", serde_json::json!({"x-queue-type": "quorum"})).await?;
//! let rows = tenant.connect_postgres().await?.query("SELECT 1", &[]).await?;
//! # Ok(()) }
//! ```

mod chromium;
mod collector;
mod dynamodb;
mod google;
mod home;
mod http;
mod interrupt;
mod jaeger;
mod kafka;
mod metrics;
mod objects;
mod packages;
mod passive_declare_proxy;
mod pgbouncer;
mod ports;
mod postgres;
mod process;
mod program;
mod proxies;
mod proxy;
mod rabbitmq;
mod raw_amqp;
mod receiver;
mod service;
mod stack;
mod standby;
mod tenant;
mod tls;
mod tools;
mod wait;

pub use self::chromium::Chromium;
pub use self::collector::{Collector, Export, ExportReply, Seen};
pub use self::dynamodb::{DynamoDb, Refusal};
pub use self::google::GoogleStorage;
pub use self::interrupt::interrupted;
pub use self::jaeger::{Jaeger, Reference, Span, Trace};
pub use self::kafka::{Kafka, Sent};
pub use self::metrics::{Metrics, Sample};
pub use self::objects::Objects;
pub use self::packages::MissingPackage;
pub use self::passive_declare_proxy::PassiveDeclareProxy;
pub use self::pgbouncer::PgBouncer;
pub use self::postgres::Postgres;
pub use self::program::built_millrace;
pub use self::proxies::Proxies;
pub use self::proxy::{Order, Proxy};
pub use self::rabbitmq::{Management, Message, QueueInfo, RabbitMq, STATISTICS_LAG};
pub use self::raw_amqp::RawPublisher;
pub use self::receiver::{Post, Receiver, Reply};
pub use self::service::Service;
pub use self::stack::{Options, Selected, Selection, Stack};
pub use self::standby::Standby;
pub use self::tenant::Tenant;
pub use self::tls::{Authority, Identity, TlsFront};
pub use self::tools::{MissingTool, Tool};
pub use self::wait::{Condition, wait_for};
