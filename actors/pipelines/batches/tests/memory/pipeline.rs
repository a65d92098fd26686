//! The pipeline without its ends: a message and an object in, rows in a real Postgres out.

use jiff::Timestamp;
use millrace_access::tls::TlsFiles;
use millrace_batches::{
    event::{Decoded, decode},
    messages::{BatchSource, ObjectInfo, ParsedBatch, RawBatch},
    parse::{Parser, ParserLimits, ParserMetrics, ParserSettings},
    recent::Recent,
    write::{MIGRATIONS, Writer, WriterMetrics},
};
use millrace_engine::{ByteBudget, Delivery, Sink, Stage};
use millrace_objects::ObjectPath;
use millrace_postgres::{Database, PostgresSettings};
use millrace_stack::{Selected, Selection};
use prometheus_client::registry::Registry;
use std::{sync::Arc, time::Duration};
use tokio::runtime::Handle;

/// The stages and their database.
pub(crate) struct Pipeline {
    servers: Selected,
    parser: Parser,
    writer: Writer,
    pub(crate) budget: Arc<ByteBudget>,
}

const NAME: &str = "memory";

// === impl Pipeline ===

impl Pipeline {
    pub(crate) async fn start() -> Self {
        let wanted = Selection {
            rabbitmq: false,
            postgres: true,
            objects: false,
        };
        let servers = Selected::start(wanted).await.unwrap();
        let server = servers.postgres.as_ref().unwrap();
        server.create_database(NAME).await.unwrap();
        let settings = PostgresSettings {
            url: server.url(NAME).into(),
            tls: TlsFiles::default(),
            pool_size: 2,
            connect_timeout: Duration::from_secs(10),
            statement_timeout: Duration::from_secs(60),
            writers: 1,
            max_rows: 5_000,
            max_bytes: 64 << 20,
        };
        MIGRATIONS.migrate(&settings).await.unwrap();
        let database = Database::new(&settings, &Handle::current()).unwrap();
        let metrics = WriterMetrics::register(&mut Registry::default(), Recent::default());
        Self {
            parser: parser(ParserLimits::default()),
            writer: Writer::new(database, metrics),
            budget: ByteBudget::new(1 << 30),
            servers,
        }
    }

    /// Lets the database take rows in and keep none: how large they are there is not the question.
    pub(crate) async fn keep_no_posts(&self) {
        let sql = "CREATE FUNCTION forget() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'; \
             CREATE TRIGGER forget BEFORE INSERT ON post_analytics FOR EACH ROW EXECUTE FUNCTION forget()";
        let server = self.servers.postgres.as_ref().unwrap();
        server
            .connect(NAME)
            .await
            .unwrap()
            .batch_execute(sql)
            .await
            .unwrap();
    }

    /// Reads a message; none where it is refused.
    pub(crate) fn decode(message: &[u8]) -> Option<Decoded> {
        let delivery = Delivery {
            received_at: Timestamp::UNIX_EPOCH,
            first_seen: Timestamp::UNIX_EPOCH,
            attempt: 1,
            trace_id: None,
        };
        decode(message, None, delivery).ok()
    }

    /// Reads an object; none where it is refused.
    pub(crate) async fn parse(&mut self, decoded: Decoded, body: Vec<u8>) -> Option<ParsedBatch> {
        let BatchSource::Object(path) = decoded.source else {
            unreachable!("only legacy messages carry their batch")
        };
        let path = ObjectPath::parse(&path, None).ok()?.to_string();
        let raw = RawBatch {
            event: decoded.event.into(),
            object: ObjectInfo {
                path,
                etag: None,
                claims_zstd: false,
            },
            reservation: self.budget.try_reserve(body.len() as u64).unwrap(),
            body: body.into(),
        };
        self.parser.run(&raw).await.ok()
    }

    /// Takes a message and its object the whole way, however far they get.
    pub(crate) async fn take(&mut self, message: &[u8], body: Vec<u8>) -> bool {
        let Some(decoded) = Self::decode(message) else {
            return false;
        };
        let Some(batch) = self.parse(decoded, body).await else {
            return false;
        };
        self.writer.write(&[&batch]).await.is_ok()
    }

    pub(crate) async fn write(&mut self, batch: &ParsedBatch) {
        self.writer.write(&[batch]).await.unwrap();
    }
}

fn parser(limits: ParserLimits) -> Parser {
    let settings = ParserSettings {
        limits,
        ..ParserSettings::default()
    };
    Parser::new(settings, ParserMetrics::default())
}
