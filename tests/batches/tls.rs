//! Encrypted ways to all three servers: who is trusted, who is not, and what is said about it.

use crate::{
    commands::json_of,
    running::{PATIENCE, Running, fresh_id, millrace},
};
use millrace_stack::{Authority, Options, Stack, Tenant, TlsFront, wait_for};
use std::path::Path;
use tokio::sync::OnceCell;

const ENCRYPTED: Options = Options {
    durable_postgres: false,
    minio: false,
    tls: true,
};

/// Logs in to Postgres with a certificate, and in no other way.
const CERTIFIED: &str = "replica";

/// Servers that speak TLS as `localhost`; the object storage does so through a front.
struct Encrypted {
    stack: Stack,
}

type Settings = Vec<(&'static str, String)>;

// === impl Encrypted ===

impl Encrypted {
    async fn shared() -> &'static Self {
        static SERVERS: OnceCell<Encrypted> = OnceCell::const_new();
        let start = async || {
            let stack = Stack::start_with(ENCRYPTED).await?;
            let database = stack.postgres.connect("postgres").await?;
            let roles = format!("CREATE ROLE certified; CREATE ROLE {CERTIFIED} LOGIN IN ROLE certified");
            database.batch_execute(&roles).await?;
            anyhow::Ok(Self { stack })
        };
        SERVERS.get_or_try_init(start).await.unwrap()
    }

    fn authority(&self) -> &Authority {
        self.stack.authority()
    }

    /// For one test: it ends with the runtime that it was started on.
    async fn store(&self) -> TlsFront {
        let port = self.stack.objects.port();
        self.authority().front("localhost", port, false).await.unwrap()
    }

    /// Everything encrypted and checked; the broker knows us by our certificate alone.
    fn settings(&self, tenant: &Tenant<'_>, store: &TlsFront) -> Settings {
        let me = self
            .authority()
            .identity(self.stack.rabbitmq.credentials().0)
            .unwrap();
        let authority = text(&self.authority().file());
        vec![
            ("RABBITMQ_URL", self.broker(tenant, "localhost")),
            ("RABBITMQ_CA_FILE", authority.clone()),
            ("RABBITMQ_CERT_FILE", text(&me.certificate)),
            ("RABBITMQ_KEY_FILE", text(&me.key)),
            ("DATABASE_URL", self.database(tenant, "localhost", "")),
            ("DATABASE_CA_FILE", authority.clone()),
            ("MINIO_ENDPOINT", store_at("localhost", store)),
            ("MINIO_CA_FILE", authority),
        ]
    }

    fn broker(&self, tenant: &Tenant<'_>, host: &str) -> String {
        format!(
            "amqps://{host}:{}/{}",
            self.stack.rabbitmq.tls_port(),
            tenant.vhost()
        )
    }

    fn database(&self, tenant: &Tenant<'_>, host: &str, parameters: &str) -> String {
        tenant.database_url().replace("127.0.0.1", host) + parameters
    }
}

fn store_at(host: &str, front: &TlsFront) -> String {
    format!("https://{host}:{}", front.port())
}

fn text(path: &Path) -> String {
    path.display().to_string()
}

fn borrowed(settings: &Settings) -> Vec<(&str, &str)> {
    let pairs = settings.iter().map(|(name, value)| (*name, value.as_str()));
    pairs.collect()
}

/// What `check` says of each dependency with these changes: nothing where it answers.
async fn check(tenant: &Tenant<'_>, settings: &Settings, changes: &[(&str, &str)]) -> [Option<String>; 3] {
    let mut all = borrowed(settings);
    all.extend(changes);
    let (_, checked) = json_of(tenant, &["check", "--json"], &all).await;
    ["rabbitmq", "object_store", "database"].map(|name| {
        let dependencies = checked["dependencies"].as_array().unwrap();
        let found = dependencies.iter().find(|found| found["name"] == name);
        let found = found.unwrap_or_else(|| panic!("no {name} in {checked:#}"));
        let detail = found["detail"].as_str().unwrap_or_default().to_owned();
        (found["ok"] == false).then_some(detail)
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pipeline_runs_encrypted_with_certificates_for_passwords() {
    let servers = Encrypted::shared().await;
    let tenant = servers.stack.tenant("encrypted").await.unwrap();
    let owner = format!("ALTER DATABASE \"{}\" OWNER TO {CERTIFIED}", tenant.vhost());
    let database = tenant.connect_postgres().await.unwrap();
    database.batch_execute(&owner).await.unwrap();
    let me = servers.authority().identity(CERTIFIED).unwrap();
    let address = format!(
        "postgresql://{CERTIFIED}@localhost:{}/{}?sslmode=verify-full",
        servers.stack.postgres.port(),
        tenant.vhost()
    );
    let store = servers.store().await;
    let mut settings = servers.settings(&tenant, &store);
    settings.extend([
        ("DATABASE_URL", address),
        ("DATABASE_CERT_FILE", text(&me.certificate)),
        ("DATABASE_KEY_FILE", text(&me.key)),
    ]);
    let service = tenant.service(millrace(), &borrowed(&settings)).unwrap();
    let pipeline = Running::with(tenant, service).await;
    let id = fresh_id();
    pipeline.batch(&id, 20).await;
    pipeline.stored(&[id]).await;
    pipeline.queue_empties().await;

    let sessions = "SELECT bool_and(ssl), string_agg(DISTINCT client_dn, ' ') FROM pg_stat_ssl \
                    JOIN pg_stat_activity USING (pid) WHERE application_name = 'millrace' AND datname = $1";
    let row = pipeline
        .database
        .query_one(sessions, &[&pipeline.tenant.vhost()])
        .await
        .unwrap();
    assert!(row.get::<_, bool>(0), "a session is not encrypted");
    assert!(row.get::<_, String>(1).contains(CERTIFIED));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_not_trusted_is_not_spoken_to_and_the_reason_is_named() {
    let servers = Encrypted::shared().await;
    let (stack, authority) = (&servers.stack, servers.authority());
    let tenant = stack.tenant("distrusted").await.unwrap();
    let store = servers.store().await;
    let settings = servers.settings(&tenant, &store);
    let none = [None, None, None];
    assert_eq!(check(&tenant, &settings, &[]).await, none);

    let (unknown, misnamed, expired) = ("UnknownIssuer", "not valid for name", "expired");
    let refused = async |changes: &[(&str, &str)], at: usize, reason: &str| {
        let found = check(&tenant, &settings, changes).await;
        for (place, detail) in found.iter().enumerate() {
            assert_eq!(detail.is_some(), place == at, "{changes:?}: {found:?}");
        }
        let detail = found[at].as_deref().unwrap_or_default();
        assert!(detail.contains(reason), "{changes:?}: {detail}");
    };

    // Another authority than the one that we trust.
    let others = Authority::new().unwrap();
    let other = text(&others.file());
    refused(&[("RABBITMQ_CA_FILE", &other)], 0, unknown).await;
    refused(&[("MINIO_CA_FILE", &other)], 1, unknown).await;
    refused(&[("MINIO_CA_FILE", "")], 1, unknown).await;
    refused(&[("DATABASE_CA_FILE", &other)], 2, unknown).await;

    // Another host than the one that we asked for.
    let by_address = servers.broker(&tenant, "127.0.0.1");
    refused(&[("RABBITMQ_URL", &by_address)], 0, misnamed).await;
    let by_address = store_at("127.0.0.1", &store);
    refused(&[("MINIO_ENDPOINT", &by_address)], 1, misnamed).await;
    let by_address = |mode| servers.database(&tenant, "127.0.0.1", mode);
    refused(
        &[("DATABASE_URL", &by_address("?sslmode=verify-full"))],
        2,
        misnamed,
    )
    .await;
    let any_host = by_address("?sslmode=verify-ca");
    assert_eq!(
        check(&tenant, &settings, &[("DATABASE_URL", &any_host)]).await,
        none
    );

    // A certificate that was good once.
    let front = authority
        .expired_front("localhost", stack.rabbitmq.port())
        .await
        .unwrap();
    let url = format!("amqps://localhost:{}/", front.port());
    refused(&[("RABBITMQ_URL", &url)], 0, expired).await;
    let front = authority
        .expired_front("localhost", stack.objects.port())
        .await
        .unwrap();
    refused(&[("MINIO_ENDPOINT", &store_at("localhost", &front))], 1, expired).await;

    // We without a certificate, and with one that they do not trust.
    let (user, password) = stack.rabbitmq.credentials();
    let url = servers.broker(&tenant, &format!("{user}:{password}@localhost"));
    let unknown = [
        ("RABBITMQ_CERT_FILE", ""),
        ("RABBITMQ_KEY_FILE", ""),
        ("RABBITMQ_URL", &url),
    ];
    refused(&unknown, 0, "").await;
    let stranger = others.identity(user).unwrap();
    let (certificate, key) = (text(&stranger.certificate), text(&stranger.key));
    let strange = [
        ("RABBITMQ_CERT_FILE", certificate.as_str()),
        ("RABBITMQ_KEY_FILE", &key),
    ];
    refused(&strange, 0, "").await;
    let certified = format!(
        "postgresql://{CERTIFIED}:guess@localhost:{}/{}",
        stack.postgres.port(),
        tenant.vhost()
    );
    refused(&[("DATABASE_URL", &certified)], 2, "certificate").await;
}

/// On servers of its own: the certificate that the database shows is the same for all.
#[tokio::test(flavor = "multi_thread")]
async fn an_expired_certificate_of_the_database_is_refused_and_a_renewed_one_taken() {
    let stack = Stack::start_with(ENCRYPTED).await.unwrap();
    let tenant = stack.tenant("expired").await.unwrap();
    let authority = stack.authority();
    let settings = vec![
        (
            "DATABASE_URL",
            tenant.database_url().replace("127.0.0.1", "localhost"),
        ),
        ("DATABASE_CA_FILE", text(&authority.file())),
    ];
    let database = async || {
        check(&tenant, &settings, &[]).await[2]
            .clone()
            .unwrap_or_default()
    };
    stack
        .postgres
        .present(&authority.expired_identity("localhost").unwrap())
        .await
        .unwrap();
    wait_for("the expired certificate to be seen", PATIENCE, async || {
        let said = database().await;
        if said.contains("expired") {
            Ok(())
        } else {
            Err(said)
        }
    })
    .await
    .unwrap();
    stack
        .postgres
        .present(&authority.identity("localhost").unwrap())
        .await
        .unwrap();
    wait_for("the renewed certificate to be taken", PATIENCE, async || {
        let said = database().await;
        if said.is_empty() { Ok(()) } else { Err(said) }
    })
    .await
    .unwrap();
}

/// Certificates last weeks now; no fleet is restarted for each.
#[tokio::test(flavor = "multi_thread")]
async fn a_renewed_certificate_of_ours_is_used_without_a_restart() {
    let servers = Encrypted::shared().await;
    let tenant = servers.stack.tenant("renewed").await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (certificate, key) = (folder.path().join("tls.crt"), folder.path().join("tls.key"));
    let user = servers.stack.rabbitmq.credentials().0;
    let install = |authority: &Authority| {
        let identity = authority.identity(user).unwrap();
        std::fs::copy(identity.certificate, &certificate).unwrap();
        std::fs::copy(identity.key, &key).unwrap();
    };
    let strangers = Authority::new().unwrap();
    install(&strangers);
    let store = servers.store().await;
    let mut settings = servers.settings(&tenant, &store);
    settings.extend([
        ("RABBITMQ_CERT_FILE", text(&certificate)),
        ("RABBITMQ_KEY_FILE", text(&key)),
    ]);
    let service = tenant.service(millrace(), &borrowed(&settings)).unwrap();
    wait_for(
        "the broker to be the only one that is missed",
        PATIENCE,
        async || {
            let (_, ready) = service.get("/readyz").await.map_err(|error| error.to_string())?;
            let body: serde_json::Value = serde_json::from_str(&ready).map_err(|error| error.to_string())?;
            let dependencies = body["dependencies"].as_array().cloned().unwrap_or_default();
            let missed: Vec<_> = dependencies
                .iter()
                .filter(|one| one["ok"] == false)
                .map(|one| &one["name"])
                .collect();
            if missed == ["rabbitmq"] {
                Ok(())
            } else {
                Err(ready)
            }
        },
    )
    .await
    .unwrap();
    install(servers.authority());
    service.wait_ready(PATIENCE).await.unwrap();
}
