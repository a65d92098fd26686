//! A database and a bucket for each test, on servers of this test binary.

use crate::fixtures::{GROUP, Given};
use jiff::Timestamp;
use millrace_access::{renewable::Renewable, tls::TlsFiles};
use millrace_engine::{ByteBudget, DueRow, DueStore, Outcome};
use millrace_objects::{FetcherSettings, ObjectWriter, StoreKeys, StoreSettings};
use millrace_postgres::{Database, PostgresSettings};
use millrace_products::{
    archive::{
        Archive, ArchiveMetrics, ArchiveSettings, ArchiveStore, Closer, FileWriter, PlannedFile, Planner,
        files_to_write,
    },
    write::MIGRATIONS,
};
use millrace_stack::{Selected, Selection};
use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};
use tokio::{runtime::Handle, sync::OnceCell};
use uuid::Uuid;

/// Longer than any test.
pub(crate) const LONG: Duration = Duration::from_secs(3_600);

/// One test's archive.
pub(crate) struct TestArchive<'s> {
    pub(crate) servers: &'s Selected,
    pub(crate) name: String,
    pub(crate) settings: ArchiveSettings,
    pub(crate) database: Database,
    pub(crate) client: tokio_postgres::Client,
    /// Where the store is, if not on the server.
    pub(crate) folder: Option<tempfile::TempDir>,
}

/// Servers for a test that hurts them.
pub(crate) async fn private() -> Selected {
    let both = Selection {
        rabbitmq: false,
        postgres: true,
        objects: true,
    };
    Selected::start(both).await.unwrap()
}

// === impl TestArchive ===

impl TestArchive<'static> {
    pub(crate) async fn new(settings: ArchiveSettings) -> Self {
        static SERVERS: OnceCell<Selected> = OnceCell::const_new();
        Self::on(SERVERS.get_or_init(private).await, settings).await
    }

    /// One whose store is a folder.
    pub(crate) async fn in_a_folder(settings: ArchiveSettings) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let archive = Self::new(settings).await;
        std::fs::create_dir(folder.path().join(&archive.name)).unwrap();
        Self {
            folder: Some(folder),
            ..archive
        }
    }
}

impl<'s> TestArchive<'s> {
    pub(crate) async fn on(servers: &'s Selected, settings: ArchiveSettings) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("archive-{}", NEXT.fetch_add(1, Ordering::Relaxed));
        let postgres = servers.postgres.as_ref().unwrap();
        postgres.create_database(&name).await.unwrap();
        servers
            .objects
            .as_ref()
            .unwrap()
            .create_bucket(&name)
            .await
            .unwrap();
        let at = PostgresSettings {
            url: postgres.url(&name).into(),
            tls: TlsFiles::default(),
            pool_size: 8,
            connect_timeout: Duration::from_secs(10),
            statement_timeout: Duration::from_secs(30),
            writers: 1,
            max_rows: 5_000,
            max_bytes: 64 << 20,
        };
        MIGRATIONS.migrate(&at).await.unwrap();
        Self {
            database: Database::new(&at, &Handle::current()).unwrap(),
            client: postgres.connect(&name).await.unwrap(),
            servers,
            name,
            settings,
            folder: None,
        }
    }

    pub(crate) fn objects(&self) -> ObjectWriter {
        self.objects_of(&self.name)
    }

    pub(crate) fn objects_of(&self, bucket: &str) -> ObjectWriter {
        let objects = self.servers.objects.as_ref().unwrap();
        let (access, secret) = objects.credentials();
        let keys = StoreKeys {
            access: access.to_owned(),
            secret: secret.to_owned().into(),
        };
        let store = match &self.folder {
            Some(folder) => StoreSettings::Url {
                url: format!("file://{}", folder.path().display()),
                options: Vec::new(),
            },
            None => StoreSettings::Minio {
                endpoint: objects.endpoint(),
                keys: Renewable::fixed(keys),
                use_ssl: false,
                region: "us-east-1".to_owned(),
            },
        };
        let settings = FetcherSettings {
            store,
            authorities: None,
            buckets: vec![bucket.to_owned()],
            max_connections: 16,
            max_object_bytes: 64 << 20,
            connect_timeout: Duration::from_secs(10),
            request_timeout: Duration::from_secs(10),
            request_attempts: 2,
            object_grace: Duration::ZERO,
        };
        ObjectWriter::open(&settings, "ARCHIVE_BUCKET_NAME").unwrap()
    }

    pub(crate) fn store(&self) -> ArchiveStore {
        ArchiveStore::new(self.objects())
    }

    pub(crate) fn planner(&self) -> Planner {
        Planner::new(self.database.clone(), self.settings.clone())
    }

    pub(crate) fn closer(&self) -> Closer {
        Closer::new(self.database.clone(), self.store(), self.settings.clone(), GROUP)
    }

    pub(crate) fn archive(&self) -> Archive {
        Archive::new(self.database.clone(), self.store(), self.settings.clone())
    }

    pub(crate) fn writer(&self) -> FileWriter {
        self.writer_into(self.store())
    }

    pub(crate) fn writer_into(&self, store: ArchiveStore) -> FileWriter {
        FileWriter::new(
            self.database.clone(),
            store,
            ByteBudget::new(256 << 20),
            ArchiveMetrics::default(),
        )
    }

    pub(crate) async fn claim(&self, most: usize) -> Vec<DueRow<Uuid, PlannedFile>> {
        let mut files = files_to_write(self.database.clone(), "test");
        files.claim(most, LONG).await.unwrap()
    }

    /// Writes everything that is planned, as one process does.
    pub(crate) async fn write_all(&self) -> usize {
        let mut files = files_to_write(self.database.clone(), "test");
        let writer = self.writer();
        let mut written = 0;
        loop {
            let due = files.claim(1, LONG).await.unwrap();
            if due.is_empty() {
                return written;
            }
            for row in due {
                writer.write_file(&row.row).await.unwrap();
                files.settle(vec![(row.claim, Outcome::Done)]).await.unwrap();
                written += 1;
            }
        }
    }

    /// The claims of all files end, as if their time had passed.
    pub(crate) async fn end_leases(&self) {
        self.execute("UPDATE archive_files SET lease_until = now() WHERE lease_until IS NOT NULL")
            .await;
    }

    pub(crate) async fn execute(&self, sql: &str) {
        self.client.batch_execute(sql).await.unwrap();
    }

    pub(crate) async fn value<V: for<'a> tokio_postgres::types::FromSql<'a>>(&self, sql: &str) -> V {
        self.client.query_one(sql, &[]).await.unwrap().get(0)
    }

    /// All objects, by key.
    pub(crate) async fn all_objects(&self) -> BTreeMap<String, Vec<u8>> {
        let objects = self.objects();
        let mut all = BTreeMap::new();
        for head in objects.list("events").await.unwrap() {
            let (_, body) = objects.get(&head.key).await.unwrap().unwrap();
            all.insert(head.key, body.to_vec());
        }
        all
    }

    /// Events that the writer of chunks has stored, to be archived; they wait since `since`.
    pub(crate) async fn store_events(&self, events: &[Given], late: bool, since: Timestamp) {
        if let Some(event) = events.first() {
            self.execute(&format!(
                "SELECT product_events_make('{}', 1)",
                event.received_on()
            ))
            .await;
        }
        let (mut ids, mut days, mut payloads, mut times) = (vec![], vec![], vec![], vec![]);
        let mut keys: Vec<Option<&[u8]>> = vec![];
        for event in events {
            ids.push(&*event.id);
            days.push(event.received_at);
            payloads.push(&*event.payload);
            times.push(event.at);
            keys.push(event.key.as_deref());
        }
        let sql = "WITH given AS (SELECT * FROM unnest($1::text[], $2::timestamptz[], $3::text[], $4::timestamptz[], $5::bytea[]) \
                WITH ORDINALITY AS g (event_id, received_at, payload, event_at, record_key, n)), \
            stored AS (INSERT INTO product_events (received_on, event_id, event_type, product_id, seller_id, event_at, received_at, \
                expires_at, topic, partition, record_offset, record_key, payload) \
                SELECT (received_at AT TIME ZONE 'UTC')::date, event_id, 'ProductCreated', 'p', 's', event_at, received_at, \
                    received_at + interval '30 days', 'ProductCreated', 0, n, record_key, payload::json FROM given) \
            INSERT INTO archive_pending (hour, event_id, received_on, bytes, late, since) \
                SELECT date_trunc('hour', event_at, 'UTC'), event_id, (received_at AT TIME ZONE 'UTC')::date, \
                    octet_length(payload), $6, $7 FROM given";
        self.client
            .execute(sql, &[&ids, &days, &payloads, &times, &keys, &late, &since])
            .await
            .unwrap();
    }

    /// Every event of the journal: its payload, and the other fields as a line of the archive has them.
    pub(crate) async fn journal(&self) -> BTreeMap<String, String> {
        let sql = "SELECT event_id, payload::text FROM product_events";
        let rows = self.client.query(sql, &[]).await.unwrap();
        rows.iter().map(|row| (row.get(0), row.get(1))).collect()
    }
}
