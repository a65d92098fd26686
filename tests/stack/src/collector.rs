//! A collector of traces in the test's own process: OTLP over gRPC and over HTTP, and what it was told.

mod seen;

use std::io::Read;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context;
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::routing::post;
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{
    TraceService, TraceServiceServer,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use prost::Message as _;
use tokio::net::TcpListener;
use tokio_util::task::AbortOnDropHandle;
use tonic::codec::CompressionEncoding;
use tonic::transport::server::TcpIncoming;

pub use self::seen::{Export, Seen};

/// A running collector; it ends when it is dropped.
#[derive(Debug)]
pub struct Collector {
    received: Arc<Received>,
    grpc: SocketAddr,
    http: SocketAddr,
    _servers: [AbortOnDropHandle<()>; 2],
}

/// How a collector treats exports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum ExportReply {
    /// Takes them.
    Takes,
    /// Says that it cannot take them now.
    Refuses,
    /// Never answers.
    Silent,
}

#[derive(Debug)]
struct Received {
    exports: Mutex<Vec<Export>>,
    reply: AtomicU8,
}

// === impl Collector ===

impl Collector {
    /// Starts one on the current runtime.
    ///
    /// # Errors
    /// No free port.
    pub async fn start() -> anyhow::Result<Self> {
        let received = Arc::new(Received {
            exports: Mutex::default(),
            reply: AtomicU8::new(ExportReply::Takes as u8),
        });
        let listen = || TcpListener::bind((Ipv4Addr::LOCALHOST, 0));
        let (for_grpc, for_http) = (listen().await?, listen().await?);
        let (grpc, http) = (for_grpc.local_addr()?, for_http.local_addr()?);
        let service = TraceServiceServer::from_arc(received.clone())
            .accept_compressed(CompressionEncoding::Gzip)
            .max_decoding_message_size(64 << 20);
        let serving_grpc = tonic::transport::Server::builder()
            .add_service(service)
            .serve_with_incoming(TcpIncoming::from(for_grpc));
        let routes = Router::new()
            .route("/v1/traces", post(take))
            .with_state(received.clone());
        let serving_http = axum::serve(for_http, routes);
        Ok(Self {
            received,
            grpc,
            http,
            _servers: [
                AbortOnDropHandle::new(tokio::spawn(async move {
                    let _ = serving_grpc.await;
                })),
                AbortOnDropHandle::new(tokio::spawn(async move {
                    let _ = serving_http.await;
                })),
            ],
        })
    }

    /// The ports of gRPC and of HTTP.
    pub fn ports(&self) -> (u16, u16) {
        (self.grpc.port(), self.http.port())
    }

    /// Where it takes gRPC.
    pub fn grpc_endpoint(&self) -> String {
        format!("http://{}", self.grpc)
    }

    /// Where it takes HTTP.
    pub fn http_endpoint(&self) -> String {
        format!("http://{}", self.http)
    }

    /// From now on it treats exports like this.
    pub fn set_reply(&self, reply: ExportReply) {
        self.received.reply.store(reply as u8, Ordering::SeqCst);
    }

    /// What it was told so far, with the headers it came with.
    pub fn exports(&self) -> Vec<Export> {
        self.received.lock().clone()
    }

    /// All spans so far.
    pub fn spans(&self) -> Vec<Seen> {
        self.exports()
            .into_iter()
            .flat_map(|export| export.spans)
            .collect()
    }
}

// === impl Received ===

impl Received {
    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Export>> {
        self.exports.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes an export in, as the reply is; false when it does not.
    async fn take(&self, headers: HeaderMap, request: ExportTraceServiceRequest) -> bool {
        let reply = self.reply.load(Ordering::SeqCst);
        if reply == ExportReply::Silent as u8 {
            std::future::pending::<()>().await;
        }
        if reply == ExportReply::Refuses as u8 {
            return false;
        }
        self.lock().push(Export::new(headers, request));
        true
    }
}

#[tonic::async_trait]
impl TraceService for Received {
    async fn export(
        &self,
        request: tonic::Request<ExportTraceServiceRequest>,
    ) -> Result<tonic::Response<ExportTraceServiceResponse>, tonic::Status> {
        let (metadata, _, request) = request.into_parts();
        match self.take(metadata.into_headers(), request).await {
            true => Ok(tonic::Response::new(ExportTraceServiceResponse::default())),
            false => Err(tonic::Status::unavailable("the collector takes nothing now")),
        }
    }
}

async fn take(
    State(received): State<Arc<Received>>,
    headers: HeaderMap,
    body: Bytes,
) -> (StatusCode, Vec<u8>) {
    let request = match decode(&headers, &body) {
        Ok(request) => request,
        Err(error) => return (StatusCode::BAD_REQUEST, error.to_string().into_bytes()),
    };
    match received.take(headers, request).await {
        true => (
            StatusCode::OK,
            ExportTraceServiceResponse::default().encode_to_vec(),
        ),
        false => (StatusCode::SERVICE_UNAVAILABLE, Vec::new()),
    }
}

fn decode(headers: &HeaderMap, body: &Bytes) -> anyhow::Result<ExportTraceServiceRequest> {
    let packed = headers
        .get(header::CONTENT_ENCODING)
        .is_some_and(|encoding| encoding == "gzip");
    let mut plain = Vec::new();
    let body: &[u8] = if packed {
        flate2::read::GzDecoder::new(&**body)
            .read_to_end(&mut plain)
            .context("gzip")?;
        &plain
    } else {
        body
    };
    ExportTraceServiceRequest::decode(body).context("protobuf")
}
