//! The real targets of a corpus: the object store and the broker of the service.

use super::{GenerateArgs, GenerateTarget, generate, generate_locally};
use crate::{
    config::Source,
    exit::{Exit, Failure},
    pipeline,
    pipelines::batches::Settings,
    telemetry,
};
use bytes::Bytes;
use millrace_amqp::{AmqpSettings, Publisher};
use millrace_corpus::{
    ObjectUpload,
    load::{Publish, Upload},
};
use millrace_objects::{FetcherSettings, StoreSettings, Stores};
use std::io;

/// Runs the command.
pub(in crate::pipelines::batches::commands) fn run(
    args: &GenerateArgs,
    source: &Source,
) -> Result<Exit, Failure> {
    if args.is_local() {
        crate::cli::log_quietly(source);
        let target = GenerateTarget::default();
        crate::cli::block_on(generate_locally(args, &target, &mut io::stdout()))??;
        return Ok(Exit::Fine);
    }
    let (amqp, fetcher, traces) = Settings::read_producer(source)?;
    let _telemetry = telemetry::start_with_traces(
        &crate::cli::quiet(source),
        traces.as_ref(),
        &pipeline::replica_name(),
    )?;
    crate::cli::block_on(crawl(args, &amqp, &fetcher))??;
    Ok(Exit::Fine)
}

async fn crawl(args: &GenerateArgs, amqp: &AmqpSettings, fetcher: &FetcherSettings) -> Result<(), Failure> {
    let stores = Stores::new(fetcher).map_err(Failure::unavailable)?;
    stores.ping().await.map_err(Failure::unavailable)?;
    let publisher = Publisher::connect(amqp).await.map_err(Failure::unavailable)?;
    let target = target_of(fetcher);
    let broker = Broker(publisher);
    generate(args, &target, &Store(stores), &broker, &mut io::stdout())
        .await
        .map_err(Failure::unavailable)?;
    broker.0.close().await;
    Ok(())
}

fn target_of(fetcher: &FetcherSettings) -> GenerateTarget {
    let endpoint = match &fetcher.store {
        StoreSettings::Minio { endpoint, .. } => Some(endpoint.clone()),
        StoreSettings::Url { .. } => None,
    };
    let standard = GenerateTarget::default();
    GenerateTarget {
        bucket: fetcher.buckets.first().cloned().unwrap_or(standard.bucket),
        extra_bucket: fetcher.buckets.get(1).cloned(),
        endpoint: endpoint.map(|endpoint| without_scheme(&endpoint).to_owned()),
        caps: standard.caps,
    }
}

fn without_scheme(endpoint: &str) -> &str {
    endpoint.split_once("://").map_or(endpoint, |(_, host)| host)
}

/// Where the service reads its objects.
struct Store(Stores);

/// Where the service gets its events.
struct Broker(Publisher);

impl Upload for Store {
    async fn put(&self, object: ObjectUpload) -> anyhow::Result<()> {
        let ObjectUpload {
            bucket,
            key,
            body,
            metadata,
        } = object;
        let metadata: Vec<_> = metadata
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        Ok(self.0.put(&bucket, &key, body, &metadata).await?)
    }
}

impl Publish for Broker {
    async fn publish(&self, event: Bytes) -> anyhow::Result<()> {
        Ok(self.0.publish(event.into()).await?)
    }
}
