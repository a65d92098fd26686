//! A database with the schema for each test, and a table.

use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use millrace_access::tls::TlsFiles;
use millrace_dynamodb::{DynamoSettings, Table};
use millrace_postgres::{Database, PostgresSettings};
use millrace_products::{
    recent::{DynamoEvents, ProjectionQueue, QueuedEvent, RecentEvent, SHAPE},
    write::MIGRATIONS,
};
use millrace_stack::{DynamoDb, Postgres, Selected, Selection};
use std::{
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};
use tokio::{runtime::Handle, sync::OnceCell};
use tokio_postgres::Client;

/// A database of one test.
pub(crate) struct TestDatabase {
    pub(crate) database: Database,
    pub(crate) client: Client,
}

async fn shared() -> &'static Postgres {
    static SERVERS: OnceCell<Selected> = OnceCell::const_new();
    let selection = Selection {
        rabbitmq: false,
        postgres: true,
        objects: false,
    };
    let started = SERVERS.get_or_try_init(|| Selected::start(selection)).await;
    started.unwrap().postgres.as_ref().unwrap()
}

// === impl TestDatabase ===

impl TestDatabase {
    pub(crate) async fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let server = shared().await;
        let name = format!("test_{}", NEXT.fetch_add(1, Ordering::Relaxed));
        server.create_database(&name).await.unwrap();
        let settings = PostgresSettings {
            url: server.url(&name).into(),
            tls: TlsFiles::default(),
            pool_size: 2,
            connect_timeout: Duration::from_secs(5),
            statement_timeout: Duration::from_secs(30),
            writers: 1,
            max_rows: 5_000,
            max_bytes: 8 << 20,
        };
        MIGRATIONS.migrate(&settings).await.unwrap();
        let client = server.connect(&name).await.unwrap();
        client
            .execute("SELECT product_events_make(current_date - 40, 45)", &[])
            .await
            .unwrap();
        Self {
            database: Database::new(&settings, &Handle::current()).unwrap(),
            client,
        }
    }

    /// Puts events into the journal and into the queue, as the writer does.
    pub(crate) async fn store(&self, events: &[RecentEvent]) {
        for (offset, event) in (0_i64..).zip(events) {
            let day = event.received_at.to_zoned(TimeZone::UTC).date();
            self.client
                .execute(
                    "WITH ids AS (INSERT INTO product_event_ids (event_id, received_on) VALUES ($2, $1)), \
                     queued AS (INSERT INTO projection_queue (event_id, received_on) VALUES ($2, $1)) \
                     INSERT INTO product_events (received_on, event_id, event_type, product_id, seller_id, event_at, \
                     received_at, expires_at, topic, partition, record_offset, payload) \
                     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $3, 0, $9, $10::text::json)",
                    &[
                        &day,
                        &event.id,
                        &event.event_type,
                        &event.product_id,
                        &event.seller_id,
                        &event.at,
                        &event.received_at,
                        &event.expires_at,
                        &offset,
                        &event.payload,
                    ],
                )
                .await
                .unwrap();
        }
    }

    pub(crate) fn queue(&self) -> ProjectionQueue {
        ProjectionQueue::new(self.database.clone())
    }

    pub(crate) async fn count(&self, table: &str) -> i64 {
        let counted = self
            .client
            .query_one(&format!("SELECT count(*) FROM {table}"), &[])
            .await;
        counted.unwrap().get(0)
    }
}

/// A server and a store of recent events on it.
pub(crate) async fn dynamo() -> (DynamoDb, DynamoEvents) {
    let server = DynamoDb::launch().await.unwrap();
    let mut settings = DynamoSettings::at(server.url(), "RecentEvents");
    settings.patience = Duration::from_secs(60);
    let table = Table::new(settings);
    table.create(&SHAPE).await.unwrap();
    (server, DynamoEvents::new(table))
}

pub(crate) fn queued(events: &[RecentEvent]) -> Vec<QueuedEvent> {
    let rows = events.iter().map(|event| QueuedEvent {
        received_on: event.received_at.to_zoned(TimeZone::UTC).date(),
        event_id: event.id.clone(),
    });
    rows.collect()
}

pub(crate) fn ago(seconds: i64) -> Timestamp {
    let now = Timestamp::from_second(Timestamp::now().as_second()).unwrap();
    now - SignedDuration::from_secs(seconds)
}

/// So many events of a few products, kinds, sellers and moments, every seventh of them expired an hour ago.
pub(crate) fn events(many: usize) -> Vec<RecentEvent> {
    let kinds = [
        "ProductCreated",
        "ProductUpdated",
        "LowStockWarning",
        "ProductDeleted",
    ];
    let made = (0..many).map(|number| {
        let at = ago(86_400 + i64::try_from(number % 40).unwrap() * 60);
        let id = format!("e-{:03}", (number * 37) % many);
        RecentEvent {
            payload: Some(format!(r#"{{"id":"{id}","price":{number}.50}}"#)),
            id,
            event_type: kinds[number % 4].to_owned(),
            product_id: Some(format!("p-{}", number % 5)),
            seller_id: (number % 3 > 0).then(|| format!("s-{}", number % 3)),
            at,
            received_at: at + SignedDuration::from_secs(1),
            expires_at: if number % 7 == 0 { ago(3_600) } else { ago(-86_400) },
        }
    });
    made.collect()
}
