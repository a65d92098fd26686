//! Whatever goes wrong, no secret shows: in no line, no command's output, on no page.

use crate::running::{PATIENCE, Running, batch_of, event, fresh_id, millrace};
use millrace_stack::{Service, Stack, Tenant, wait_for};

/// Every secret has this word in it, before and after what has a meaning in URLs, quotes and percents: to
/// print a part of one, encoded or not, is to print it.
pub(super) const WORD: &str = "S3cr3tW0rd";
const PASSWORD: &str = "S3cr3tW0rd@1/a:b?c#d%e&f=g+'\"\\ S3cr3tW0rd";
const PAGES: [&str; 7] = [
    "/",
    "/health",
    "/livez",
    "/readyz",
    "/metrics",
    "/api/v1/status",
    "/no-such-page",
];

fn escaped(text: &str) -> String {
    let escape = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => char::from(byte).to_string(),
        other => format!("%{other:02X}"),
    };
    text.bytes().map(escape).collect()
}

pub(super) fn assert_silent(what: &str, text: &str) {
    assert!(!text.contains(WORD), "{what} shows a secret:\n{text}");
    // What a login looks like on the wire.
    for login in [
        format!("\0millrace-secret\0{PASSWORD}"),
        format!("millrace-secret:{PASSWORD}"),
    ] {
        use std::fmt::Write;
        let hex = login.bytes().fold(String::new(), |mut hex, byte| {
            let _ = write!(hex, "{byte:02x}");
            hex
        });
        assert!(
            !text.to_lowercase().contains(&hex),
            "{what} shows a secret in hexadecimal"
        );
    }
}

/// Settings that hold a secret each, all of them good.
struct Secrets {
    rabbitmq: String,
    database: String,
}

impl Secrets {
    async fn of(tenant: &Tenant<'_>) -> Self {
        let stack = tenant.stack();
        let management = stack.rabbitmq.management();
        management.put_user("millrace-secret", PASSWORD).await.unwrap();
        management
            .permit(tenant.vhost(), "millrace-secret")
            .await
            .unwrap();
        let admin = tenant.connect_postgres().await.unwrap();
        let quoted = PASSWORD.replace('\'', "''");
        let role = format!(
            "CREATE ROLE \"{}\" SUPERUSER LOGIN PASSWORD '{quoted}'",
            tenant.vhost()
        );
        admin.batch_execute(&role).await.unwrap();
        Self {
            rabbitmq: Self::rabbitmq(stack.rabbitmq.port(), tenant.vhost()),
            database: Self::database(stack.postgres.port(), tenant.vhost(), tenant.vhost()),
        }
    }

    fn rabbitmq(port: u16, vhost: &str) -> String {
        format!(
            "amqp://millrace-secret:{}@127.0.0.1:{port}/{vhost}",
            escaped(PASSWORD)
        )
    }

    fn database(port: u16, user: &str, name: &str) -> String {
        format!(
            "postgresql://{user}:{}@127.0.0.1:{port}/{name}",
            escaped(PASSWORD)
        )
    }

    fn settings(&self) -> Vec<(&str, &str)> {
        let mut settings = vec![
            ("RABBITMQ_URL", self.rabbitmq.as_str()),
            ("DATABASE_URL", self.database.as_str()),
        ];
        settings.extend(OTHERS);
        settings
    }
}

/// Secrets that no server of a test needs, and how to hear as much as possible.
const OTHERS: [(&str, &str); 6] = [
    ("API_TOKEN", PASSWORD),
    (
        "ALERT_SLACK_WEBHOOK_URL",
        "http://127.0.0.1:9/services/S3cr3tW0rd",
    ),
    ("ALERT_PAGERDUTY_ROUTING_KEY", "S3cr3tW0rd0123456789abcdef"),
    ("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20S3cr3tW0rd"),
    ("LOG_LEVEL", "trace"),
    ("LOG_FORMAT", "json"),
];

async fn assert_service_silent(service: &Service) {
    for page in PAGES {
        let (_, body) = service.get(page).await.unwrap();
        assert_silent(page, &body);
    }
    assert_silent("the log", &service.lines().join("\n"));
}

/// All commands that talk about settings or dependencies.
async fn assert_commands_silent(tenant: &Tenant<'_>, settings: &[(&str, &str)], codes: &[i32]) {
    let commands: [&[&str]; 6] = [
        &["config"],
        &["config", "--json"],
        &["check"],
        &["check", "--json"],
        &["migrate", "--dry-run"],
        &["migrate", "--dry-run", "--json"],
    ];
    for args in commands {
        let output = tenant.command(millrace(), args, settings).await.unwrap();
        let text = [output.stdout, output.stderr].concat();
        let text = String::from_utf8_lossy(&text);
        assert!(
            output.status.code().is_some_and(|code| codes.contains(&code)),
            "{args:?}: {}\n{text}",
            output.status
        );
        assert!(!text.is_empty());
        assert_silent(&args.join(" "), &text);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_shows_while_all_is_well() {
    let tenant = Stack::shared().await.tenant("secrets").await.unwrap();
    let secrets = Secrets::of(&tenant).await;
    let settings = secrets.settings();
    assert_commands_silent(&tenant, &settings, &[0]).await;
    // Libraries included: their own levels are part of what a person may ask for.
    let mut loud = settings.clone();
    loud.push(("RUST_LOG", "trace"));
    let service = tenant.service(millrace(), &loud).unwrap();
    let pipeline = Running::with(tenant, service).await;
    let id = fresh_id();
    pipeline.batch(&id, 2).await;
    pipeline.stored(&[id]).await;
    pipeline.publish("no event").await;
    pipeline.dead_letters(1).await;
    assert_service_silent(&pipeline.service).await;
    let log = pipeline.service.lines().join("\n");
    assert!(
        !log.contains("millrace-objects"),
        "the log shows the key of the object store"
    );
    assert_eq!(pipeline.service.terminate().await.unwrap(), Some(0));
    assert_silent("the end of the log", &pipeline.service.lines().join("\n"));
}

/// A service that is refused or finds nothing says so, and nothing else.
async fn fails_silently(name: &str, dependency: &str, settings: &[(&str, &str)]) {
    let tenant = Stack::shared().await.tenant(name).await.unwrap();
    let mut all = OTHERS.to_vec();
    all.extend([
        ("RABBITMQ_CONNECT_TIMEOUT_SECONDS", "2"),
        ("MINIO_REQUEST_ATTEMPTS", "1"),
    ]);
    all.extend(settings);
    assert_commands_silent(&tenant, &all, &[0, 69]).await;
    let service = tenant.service(millrace(), &all).unwrap();
    wait_for("readiness to name the dependency", PATIENCE, async || {
        let (status, body) = service.get("/readyz").await.map_err(|error| error.to_string())?;
        let named = status == 503 && body.contains(dependency) && !body.contains("not asked yet");
        if named {
            Ok(())
        } else {
            Err(format!("{status} {body}"))
        }
    })
    .await
    .unwrap_or_else(|error| panic!("{error:#}\n{}", service.lines().join("\n")));
    wait_for("a line about it", PATIENCE, async || {
        let logs = service.logs();
        logs.iter().any(|log| {
            log.to_string().contains(dependency) && (log["level"] == "ERROR" || log["level"] == "WARN")
        })
    })
    .await
    .unwrap();
    assert_service_silent(&service).await;
    service.kill().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_shows_when_a_dependency_refuses_it() {
    let stack = Stack::shared().await;
    // Users that were not made.
    let rabbitmq = Secrets::rabbitmq(stack.rabbitmq.port(), "secrets-refused");
    fails_silently("refused-broker", "rabbitmq", &[("RABBITMQ_URL", &rabbitmq)]).await;
    let database = Secrets::database(stack.postgres.port(), "millrace", "postgres");
    fails_silently("refused-database", "database", &[("DATABASE_URL", &database)]).await;
    let keys = [
        ("MINIO_ACCESS_KEY", "S3cr3tW0rd-key"),
        ("MINIO_SECRET_KEY", PASSWORD),
    ];
    fails_silently("refused-store", "object_store", &keys).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_shows_when_a_dependency_is_down() {
    let rabbitmq = Secrets::rabbitmq(1, "v");
    fails_silently("down-broker", "rabbitmq", &[("RABBITMQ_URL", &rabbitmq)]).await;
    let database = Secrets::database(1, "u", "d");
    fails_silently("down-database", "database", &[("DATABASE_URL", &database)]).await;
    let store = [("MINIO_ENDPOINT", "127.0.0.1:1"), ("MINIO_SECRET_KEY", PASSWORD)];
    fails_silently("down-store", "object_store", &store).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_shows_in_what_is_said_of_bad_settings() {
    let tenant = Stack::shared().await.tenant("secrets-bad").await.unwrap();
    // None of these is escaped as it should be, so each is a bad URL in its own way.
    let broken = [
        format!("postgresql://u:{PASSWORD}@host/db"),
        "postgresql://u:S3cr3tW0rd@host:port/db".to_owned(),
        "postgres//u:S3cr3tW0rd@host/db".to_owned(),
        "S3cr3tW0rd".to_owned(),
        "host=h password=S3cr3tW0rd sslmode=nonsense".to_owned(),
    ];
    let mut refused = 0;
    for url in &broken {
        let amqp = url.replace("postgresql", "amqp");
        let settings = [
            ("DATABASE_URL", url.as_str()),
            ("RABBITMQ_URL", &amqp),
            ("API_TOKEN", "S3cr3tW0rd\n"),
        ];
        assert_commands_silent(&tenant, &settings, &[0, 69, 78]).await;
        let output = tenant.command(millrace(), &["check"], &settings).await.unwrap();
        refused += usize::from(output.status.code() == Some(78));
    }
    assert!(refused >= 3, "hardly any of these was refused");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_shows_in_what_is_kept_of_an_event() {
    let tenant = Stack::shared().await.tenant("secrets-kept").await.unwrap();
    let secrets = Secrets::of(&tenant).await;
    let mut settings = secrets.settings();
    settings.extend([
        ("MAX_RETRY_ATTEMPTS", "1"),
        ("FAILPOINTS", "parse.begin=return(panic evt_panics)"),
    ]);
    let service = tenant.service(millrace(), &settings).unwrap();
    let pipeline = Running::with(tenant, service).await;
    pipeline.batch("evt_panics", 1).await;
    let id = fresh_id();
    let path = pipeline.put(&format!("{id}.json"), batch_of(&id, 1)).await;
    // A trigger of the user's that refuses rows: the database's words go to the dead letter.
    pipeline.database
        .batch_execute(
            "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'refused by %', session_user USING ERRCODE = '23514'; END $$;
             CREATE TRIGGER refuse BEFORE INSERT ON post_analytics FOR EACH ROW EXECUTE FUNCTION refuse()",
        )
        .await
        .unwrap();
    pipeline.publish(event(&id, &path).to_string()).await;
    for letter in pipeline.dead_letters(2).await {
        assert_silent("a dead letter", &format!("{letter:?}"));
    }
    assert_service_silent(&pipeline.service).await;
}

/// No login belongs there, and yet one is written there.
#[tokio::test(flavor = "multi_thread")]
async fn a_login_in_an_address_shows_nowhere() {
    let odd = [
        ("RABBITMQ_VHOST", "u:S3cr3tW0rd@h"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://u:S3cr3tW0rd@127.0.0.1:9"),
        (
            "ALERT_PAGERDUTY_URL",
            "http://127.0.0.1:9/integration/S3cr3tW0rd/enqueue",
        ),
        ("ALERT_PAGERDUTY_ROUTING_KEY", "S3cr3tW0rd0123456789abcdef"),
        ("ALERT_INTERVAL_SECONDS", "0.1"),
        ("ALERT_HOLD_SECONDS", "0"),
    ];
    fails_silently("login-vhost", "rabbitmq", &odd).await;
    let bucket = [("MINIO_CRAWL_RESULTS_BUCKET", "u:S3cr3tW0rd@h")];
    fails_silently("login-bucket", "object_store", &bucket).await;
}
