//! Where traces go: the standard names of OpenTelemetry.

use super::numbers::{Decimal, Whole};
use super::problem::Problem;
use super::reader::Reader;
use super::rule::{Flag, Parsed, Text};
use super::setting::{Setting, settings};
use secrecy::SecretString;
use std::path::PathBuf;
use std::time::Duration;
use url::Url;

settings! { "Traces";
    DISABLED: Flag = Setting::new("OTEL_SDK_DISABLED", Flag, "false", "Export nothing, whatever else is set.");
    EXPORTER: Parsed<bool> = Setting::new("OTEL_TRACES_EXPORTER", Parsed::new("`otlp`, `none`", exporter, || false), "otlp", "How traces are exported.");
    ENDPOINT: Parsed<Url> = Setting::optional("OTEL_EXPORTER_OTLP_ENDPOINT", Parsed::new("URL", endpoint, placeholder), "no traces are exported", "The collector: `http://jaeger:4317` for gRPC; over HTTP `/v1/traces` is appended.");
    TRACES_ENDPOINT: Parsed<Url> = Setting::optional("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", Parsed::new("URL", endpoint, placeholder), "`OTEL_EXPORTER_OTLP_ENDPOINT`", "The same for traces alone; taken as it is.");
    PROTOCOL: Parsed<Protocol> = Setting::new("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", Parsed::new("`grpc`, `http/protobuf`", Protocol::parse, || Protocol::Http), "http/protobuf", "How the collector is spoken to; `grpc` is the usual for port 4317.").alias(&["OTEL_EXPORTER_OTLP_PROTOCOL"]);
    HEADERS: Parsed<Pairs> = Setting::optional("OTEL_EXPORTER_OTLP_TRACES_HEADERS", Parsed::new("`name=value,…`", pairs, Pairs::new), "none", "Sent with each export, for example a token.").alias(&["OTEL_EXPORTER_OTLP_HEADERS"]).hidden();
    TIMEOUT: Whole<u64> = Setting::new("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", Whole::between(1, 600_000), "10000", "Milliseconds that one export may take.").alias(&["OTEL_EXPORTER_OTLP_TIMEOUT"]);
    COMPRESSION: Parsed<bool> = Setting::new("OTEL_EXPORTER_OTLP_TRACES_COMPRESSION", Parsed::new("`none`, `gzip`", compression, || false), "none", "Compression of exports.").alias(&["OTEL_EXPORTER_OTLP_COMPRESSION"]);
    CERTIFICATE: Text = Setting::optional("OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE", Text, "the public authorities", "File with the certificates (PEM) that a collector on `https://` is trusted by.").alias(&["OTEL_EXPORTER_OTLP_CERTIFICATE"]);
    CLIENT_CERTIFICATE: Text = Setting::optional("OTEL_EXPORTER_OTLP_TRACES_CLIENT_CERTIFICATE", Text, "none", "File with our own certificate (PEM), for a collector that wants one.").alias(&["OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE"]);
    CLIENT_KEY: Text = Setting::optional("OTEL_EXPORTER_OTLP_TRACES_CLIENT_KEY", Text, "none", "File with its key (PEM).").alias(&["OTEL_EXPORTER_OTLP_CLIENT_KEY"]);
    SERVICE_NAME: Text = Setting::optional("OTEL_SERVICE_NAME", Text, "`service.name` of `OTEL_RESOURCE_ATTRIBUTES`, or `millrace`", "What the service is called in traces.");
    RESOURCE: Parsed<Pairs> = Setting::optional("OTEL_RESOURCE_ATTRIBUTES", Parsed::new("`name=value,…`", pairs, Pairs::new), "none", "Said of every span, for example `deployment.environment.name=production`.");
    SAMPLER: Parsed<Sampler> = Setting::new("OTEL_TRACES_SAMPLER", Parsed::new("`always_on`, `always_off`, `traceidratio`, each also as `parentbased_…`", Sampler::parse, || Sampler::ON), "parentbased_always_on", "Which traces are kept; `parentbased` follows the producer.");
    SAMPLER_ARG: Decimal = Setting::new("OTEL_TRACES_SAMPLER_ARG", Decimal::between(0.0, 1.0), "1", "The share that `traceidratio` keeps.");
    SCHEDULE_DELAY: Whole<u64> = Setting::new("OTEL_BSP_SCHEDULE_DELAY", Whole::between(1, 600_000), "5000", "Milliseconds between exports while there are few spans.");
    QUEUE_SIZE: Whole<usize> = Setting::new("OTEL_BSP_MAX_QUEUE_SIZE", Whole::between(1, 1_000_000), "4096", "Spans that wait for the collector; more are dropped and counted.");
    BATCH_SIZE: Whole<usize> = Setting::new("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", Whole::between(1, 100_000), "512", "Spans of one export.");
}

/// Names and values.
pub type Pairs = Vec<(String, String)>;

/// Where traces go and what is said in them.
#[derive(Clone, Debug)]
pub struct TraceSettings {
    /// The collector, with the path that spans are posted to.
    pub endpoint: Url,
    /// How it is spoken to.
    pub protocol: Protocol,
    /// Sent with each export; values may be secrets.
    pub headers: Vec<(String, SecretString)>,
    /// Bound on one export.
    pub timeout: Duration,
    /// Whether exports are packed with gzip.
    pub gzip: bool,
    /// Files for TLS.
    pub tls: TraceTls,
    /// Said of every span, the service's name among it.
    pub resource: Pairs,
    /// Which traces are kept.
    pub sampler: Sampler,
    /// Share that a sampler by ratio keeps.
    pub ratio: f64,
    /// Longest pause between exports.
    pub delay: Duration,
    /// Spans that wait at most.
    pub queue: usize,
    /// Spans of one export.
    pub batch: usize,
}

/// How the collector is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// OTLP over gRPC.
    Grpc,
    /// OTLP over HTTP, in protobuf.
    Http,
}

/// Files in PEM form.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TraceTls {
    /// Authorities that the collector is trusted by.
    pub authorities: Option<PathBuf>,
    /// Our own certificate and its key.
    pub identity: Option<(PathBuf, PathBuf)>,
}

/// Which traces are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sampler {
    /// Whether the producer's choice, where there is one, counts first.
    pub parent_based: bool,
    /// What is kept otherwise.
    pub root: RootSampler,
}

/// Which traces without a parent are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RootSampler {
    /// All.
    On,
    /// None.
    Off,
    /// A share.
    Ratio,
}

/// Reads the group; `None` where no traces are exported.
pub(crate) fn read(reader: &mut Reader<'_>) -> Option<TraceSettings> {
    let off = reader.get(&DISABLED);
    let wanted = reader.get(&EXPORTER) && !off;
    let protocol = reader.get(&PROTOCOL);
    let base = reader.optional(&ENDPOINT);
    let endpoint = reader
        .optional(&TRACES_ENDPOINT)
        .or(base.map(|base| match protocol {
            Protocol::Grpc => base,
            Protocol::Http => with_path(base),
        }));
    let headers = reader.optional(&HEADERS).unwrap_or_default().into_iter();
    let resource = resource(reader);
    let tls = tls(reader);
    let settings = TraceSettings {
        endpoint: endpoint.clone().unwrap_or_else(placeholder),
        protocol,
        headers: headers.map(|(name, value)| (name, value.into())).collect(),
        timeout: Duration::from_millis(reader.get(&TIMEOUT)),
        gzip: reader.get(&COMPRESSION),
        tls,
        resource,
        sampler: reader.get(&SAMPLER),
        ratio: reader.get(&SAMPLER_ARG),
        delay: Duration::from_millis(reader.get(&SCHEDULE_DELAY)),
        queue: reader.get(&QUEUE_SIZE),
        batch: reader.get(&BATCH_SIZE),
    };
    let endpoint = endpoint.filter(|_| wanted)?;
    if protocol == Protocol::Http && endpoint.port() == Some(4317) {
        reader.warn(
            "OTEL_EXPORTER_OTLP_ENDPOINT names port 4317, which is usually gRPC: set OTEL_EXPORTER_OTLP_PROTOCOL=grpc, or port 4318"
                .to_owned(),
        );
    }
    Some(settings)
}

/// A name by its own setting goes before one among the attributes.
fn resource(reader: &mut Reader<'_>) -> Pairs {
    let mut pairs = reader.optional(&RESOURCE).unwrap_or_default();
    let named = pairs.iter().any(|(name, _)| name == "service.name");
    let name = reader.optional(&SERVICE_NAME);
    if let Some(name) = name.or_else(|| (!named).then(|| "millrace".to_owned())) {
        pairs.retain(|(known, _)| known != "service.name");
        pairs.push(("service.name".to_owned(), name));
    }
    pairs
}

fn tls(reader: &mut Reader<'_>) -> TraceTls {
    let authorities = reader.optional(&CERTIFICATE).map(PathBuf::from);
    let identity = match (reader.optional(&CLIENT_CERTIFICATE), reader.optional(&CLIENT_KEY)) {
        (Some(certificate), Some(key)) => Some((certificate.into(), key.into())),
        (None, None) => None,
        _ => {
            let what = "is set without its other half".to_owned();
            let hint = "set both OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE and OTEL_EXPORTER_OTLP_CLIENT_KEY, or neither";
            reader.problem(Problem::new("OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE", what, hint));
            None
        }
    };
    TraceTls {
        authorities,
        identity,
    }
}

fn exporter(text: &str) -> Result<bool, String> {
    match text.to_ascii_lowercase().as_str() {
        "otlp" => Ok(true),
        "none" => Ok(false),
        _ => Err("is neither otlp nor none".to_owned()),
    }
}

fn compression(text: &str) -> Result<bool, String> {
    match text.to_ascii_lowercase().as_str() {
        "gzip" => Ok(true),
        "none" => Ok(false),
        _ => Err("is neither gzip nor none".to_owned()),
    }
}

fn endpoint(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|error| format!("is not a URL ({error})"))?;
    match url.scheme() {
        "http" | "https" => Ok(url),
        other => Err(format!("starts with {other}://, not http:// or https://")),
    }
}

fn with_path(mut base: Url) -> Url {
    let path = format!("{}/v1/traces", base.path().trim_end_matches('/'));
    base.set_path(&path);
    base
}

/// The form of W3C baggage: values may be percent-encoded.
fn pairs(text: &str) -> Result<Pairs, String> {
    let entries = text.split(',').filter(|entry| !entry.trim().is_empty());
    entries
        .map(|entry| {
            let (name, value) = entry.split_once('=').ok_or("has an entry without =".to_owned())?;
            let value = percent_encoding::percent_decode_str(value.trim())
                .decode_utf8()
                .map_err(|_| format!("has a value of {} that is not UTF-8", name.trim()))?;
            Ok((name.trim().to_owned(), value.into_owned()))
        })
        .collect()
}

fn placeholder() -> Url {
    Url::parse("http://localhost:4318/v1/traces").expect("a URL")
}

// === impl Protocol ===

impl Protocol {
    fn parse(text: &str) -> Result<Self, String> {
        match text.to_ascii_lowercase().as_str() {
            "grpc" => Ok(Self::Grpc),
            "http/protobuf" => Ok(Self::Http),
            _ => Err("is neither grpc nor http/protobuf".to_owned()),
        }
    }
}

// === impl Sampler ===

impl Sampler {
    const ON: Self = Self {
        parent_based: true,
        root: RootSampler::On,
    };

    fn parse(text: &str) -> Result<Self, String> {
        let text = text.to_ascii_lowercase();
        let (parent_based, root) = match text.strip_prefix("parentbased_") {
            Some(root) => (true, root),
            None => (false, text.as_str()),
        };
        let root = match root {
            "always_on" => RootSampler::On,
            "always_off" => RootSampler::Off,
            "traceidratio" => RootSampler::Ratio,
            _ => return Err("is no sampler that we have".to_owned()),
        };
        Ok(Self { parent_based, root })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Source;

    fn traces(variables: &[(&'static str, &'static str)]) -> Option<TraceSettings> {
        let source = Source::from_variables(variables.iter().copied());
        let mut reader = Reader::new(&source);
        let traces = read(&mut reader);
        reader.finish().unwrap();
        traces
    }

    #[test]
    fn nothing_is_exported_without_an_endpoint() {
        let endpoint = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://jaeger:4318");
        assert!(traces(&[]).is_none());
        assert!(traces(&[endpoint, ("OTEL_SDK_DISABLED", "true")]).is_none());
        assert!(traces(&[endpoint, ("OTEL_TRACES_EXPORTER", "none")]).is_none());
        assert!(traces(&[endpoint]).is_some());
    }

    #[test]
    fn the_path_is_appended_to_the_common_endpoint_over_http_only() {
        let endpoint = |variables: &[_]| traces(variables).unwrap().endpoint.to_string();
        let base = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://jaeger:4318/otlp/");
        let grpc = ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc");
        let own = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://tempo/x");
        assert_eq!(endpoint(&[base]), "http://jaeger:4318/otlp/v1/traces");
        assert_eq!(endpoint(&[base, grpc]), "http://jaeger:4318/otlp/");
        assert_eq!(endpoint(&[base, own]), "http://tempo/x");
    }

    #[test]
    fn names_and_values_are_read_as_the_standard_says() {
        let settings = traces(&[
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://jaeger:4318"),
            ("OTEL_RESOURCE_ATTRIBUTES", "service.name=a,team=data%2Cplatform,"),
            ("OTEL_TRACES_SAMPLER", "parentbased_traceidratio"),
            ("OTEL_TRACES_SAMPLER_ARG", "0.25"),
        ])
        .unwrap();
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(
            settings.resource,
            [pair("service.name", "a"), pair("team", "data,platform")]
        );
        assert_eq!(
            settings.sampler,
            Sampler {
                parent_based: true,
                root: RootSampler::Ratio
            }
        );
        assert_eq!(settings.ratio, 0.25);
        let named = traces(&[
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://jaeger:4318"),
            ("OTEL_RESOURCE_ATTRIBUTES", "service.name=a"),
            ("OTEL_SERVICE_NAME", "b"),
        ]);
        assert_eq!(named.unwrap().resource, [pair("service.name", "b")]);
    }
}
