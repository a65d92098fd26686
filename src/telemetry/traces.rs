//! Traces over OTLP: what the settings ask for, from the standard parts of OpenTelemetry.
//!
//! Nothing here may slow the work. Spans go into a bounded queue and are exported by a thread of their own;
//! gRPC is driven by a runtime of its own, because one that ends with the actors would take the last spans
//! with it. A collector that is down, slow or full costs spans, never events, and that is counted.

use super::export::{Counted, ExportMetrics, Gate};
use crate::config::{Protocol, RootSampler, TraceSettings, TraceTls};
use anyhow::Context;
use millrace_text::mask::masked;
use opentelemetry::{KeyValue, propagation::TextMapCompositePropagator, trace::TracerProvider as _};
use opentelemetry_otlp::{
    Compression, SpanExporter, WithExportConfig, WithHttpConfig, WithTonicConfig,
    tonic_types::{
        metadata::MetadataMap,
        transport::{Certificate, ClientTlsConfig, Identity},
    },
};
use opentelemetry_sdk::{
    Resource,
    propagation::TraceContextPropagator,
    trace::{BatchConfigBuilder, BatchSpanProcessor, Sampler, SdkTracer, SdkTracerProvider},
};
use secrecy::ExposeSecret;
use std::{fs, time::Duration};
use tokio::runtime::Runtime;

/// How long the last spans may take on their way out at the end.
const LAST_SPANS: Duration = Duration::from_secs(2);

/// Exports spans until it is dropped.
pub(super) struct Traces {
    provider: SdkTracerProvider,
    pub(super) metrics: ExportMetrics,
    /// Drives gRPC; outlives everything that is traced.
    _runtime: Option<Runtime>,
}

// === impl Traces ===

impl Traces {
    /// Starts the export. Connects to nothing yet, and never fails for a collector that is not there.
    ///
    /// # Errors
    /// Files for TLS that cannot be read, or headers that are none.
    pub(super) fn start(settings: &TraceSettings, instance: &str) -> anyhow::Result<Self> {
        let (exporter, runtime) = match settings.protocol {
            Protocol::Http => (http(settings)?, None),
            Protocol::Grpc => {
                let runtime = tokio::runtime::Builder::new_multi_thread()
                    .worker_threads(1)
                    .thread_name("traces")
                    .enable_all()
                    .build()
                    .context("a thread for traces")?;
                let _entered = runtime.enter();
                (grpc(settings)?, Some(runtime))
            }
        };
        let metrics = ExportMetrics::default();
        let gate = Gate::new(settings.queue, metrics.clone());
        let config = BatchConfigBuilder::default()
            // The gate counts also what is on its way out, so this queue is never the one that is full.
            .with_max_queue_size(settings.queue + settings.batch)
            .with_max_export_batch_size(settings.batch.min(settings.queue))
            .with_scheduled_delay(settings.delay)
            .build();
        let processor = BatchSpanProcessor::new(Counted::new(exporter, gate.clone()), config);
        let provider = SdkTracerProvider::builder()
            .with_span_processor(gate.before(processor))
            .with_sampler(sampler(settings))
            .with_resource(resource(settings, instance))
            .build();
        opentelemetry::global::set_text_map_propagator(TextMapCompositePropagator::new(vec![Box::new(
            TraceContextPropagator::new(),
        )]));
        Ok(Self {
            provider,
            metrics,
            _runtime: runtime,
        })
    }

    pub(super) fn tracer(&self) -> SdkTracer {
        self.provider.tracer("millrace")
    }
}

impl Drop for Traces {
    fn drop(&mut self) {
        if let Err(error) = self.provider.shutdown_with_timeout(LAST_SPANS) {
            tracing::warn!(%error, "the last spans were not delivered");
        }
    }
}

fn grpc(settings: &TraceSettings) -> anyhow::Result<SpanExporter> {
    let mut headers = http::HeaderMap::new();
    for (name, value) in &settings.headers {
        let name = http::HeaderName::try_from(name.as_str())
            .with_context(|| format!("OTEL_EXPORTER_OTLP_HEADERS: {name:?} is no header"))?;
        let value = http::HeaderValue::try_from(value.expose_secret()).with_context(|| {
            format!("OTEL_EXPORTER_OTLP_HEADERS: the value of {name} cannot be a header's")
        })?;
        headers.append(name, value);
    }
    let mut exporter = SpanExporter::builder()
        .with_tonic()
        .with_endpoint(settings.endpoint.as_str())
        .with_timeout(settings.timeout)
        .with_metadata(MetadataMap::from_headers(headers));
    if settings.gzip {
        exporter = exporter.with_compression(Compression::Gzip);
    }
    if settings.endpoint.scheme() == "https" {
        exporter = exporter.with_tls_config(grpc_tls(&settings.tls)?);
    }
    exporter.build().context("OTLP over gRPC")
}

fn grpc_tls(tls: &TraceTls) -> anyhow::Result<ClientTlsConfig> {
    let mut config = match &tls.authorities {
        Some(path) => ClientTlsConfig::new().ca_certificate(Certificate::from_pem(pem(path)?)),
        None => ClientTlsConfig::new().with_webpki_roots(),
    };
    if let Some((certificate, key)) = &tls.identity {
        config = config.identity(Identity::from_pem(pem(certificate)?, pem(key)?));
    }
    Ok(config)
}

fn http(settings: &TraceSettings) -> anyhow::Result<SpanExporter> {
    let mut client = reqwest::blocking::Client::builder()
        .timeout(settings.timeout)
        // A header may hold a token, which only the collector may see.
        .redirect(reqwest::redirect::Policy::none());
    if let Some(path) = &settings.tls.authorities {
        let trusted = reqwest::Certificate::from_pem_bundle(&pem(path)?)
            .with_context(|| format!("certificates in {}", path.display()))?;
        client = client.tls_certs_only(trusted);
    }
    if let Some((certificate, key)) = &settings.tls.identity {
        let both = [pem(certificate)?, pem(key)?].concat();
        client = client.identity(reqwest::Identity::from_pem(&both).context("our own certificate")?);
    }
    let headers = settings.headers.iter();
    let mut exporter = SpanExporter::builder()
        .with_http()
        .with_http_client(client.build().context("a client for OTLP over HTTP")?)
        .with_endpoint(settings.endpoint.as_str())
        .with_timeout(settings.timeout)
        .with_headers(
            headers
                .map(|(name, value)| (name.clone(), value.expose_secret().to_owned()))
                .collect(),
        );
    if settings.gzip {
        exporter = exporter.with_compression(Compression::Gzip);
    }
    exporter.build().context("OTLP over HTTP")
}

fn pem(path: &std::path::Path) -> anyhow::Result<Vec<u8>> {
    fs::read(path).with_context(|| format!("cannot read {}", path.display()))
}

fn sampler(settings: &TraceSettings) -> Sampler {
    let root = match settings.sampler.root {
        RootSampler::On => Sampler::AlwaysOn,
        RootSampler::Off => Sampler::AlwaysOff,
        RootSampler::Ratio => Sampler::TraceIdRatioBased(settings.ratio),
    };
    match settings.sampler.parent_based {
        true => Sampler::ParentBased(Box::new(root)),
        false => root,
    }
}

/// What the settings say wins over what we know of ourselves.
fn resource(settings: &TraceSettings, instance: &str) -> Resource {
    // Said of every span, to people who may not read the settings.
    let chosen = settings
        .resource
        .iter()
        .map(|(name, value)| KeyValue::new(name.clone(), masked(value).into_owned()));
    Resource::builder()
        .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
        .with_attribute(KeyValue::new("service.instance.id", instance.to_owned()))
        .with_attributes(chosen)
        .build()
}
