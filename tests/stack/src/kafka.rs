//! A private Kafka broker in KRaft mode, one process, from the jars that `deploy/scripts/kafka4` gets.

mod client;
mod sent;
mod tools;

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use nix::sys::signal::Signal;
use tokio::sync::OnceCell;

pub use self::sent::Sent;
use crate::home::Home;
use crate::packages::program_of;
use crate::ports::free_port;
use crate::process::{Process, Recipe};
use crate::tools::kafka_root;
use crate::wait::wait_for;

/// A start takes 4 s, and longer on a machine that compiles beside it.
const READY_TIMEOUT: Duration = Duration::from_secs(120);

/// What the broker writes when all of it runs.
const STARTED: &str = "Kafka Server started";

const USER: &str = "millrace";
const PASSWORD: &str = "millrace-kafka";
/// One who may log in and do nothing.
const STRANGER: &str = "stranger";

const LOGGING: &str = r#"Configuration:
  status: WARN
  Appenders:
    Console:
      name: out
      PatternLayout:
        pattern: "%d %p %c{1} %m%n"
  Loggers:
    Root:
      level: INFO
      AppenderRef:
        ref: out
"#;

static SHARED: OnceCell<Kafka> = OnceCell::const_new();

/// A running broker. Who connects to [`brokers`](Self::brokers) needs no login and may do everything.
///
/// Dropping it kills it and removes its directory, and so does the end of the process, whatever ends it.
#[derive(Debug)]
pub struct Kafka {
    port: u16,
    sasl_port: u16,
    process: Process,
    java: PathBuf,
    jars: PathBuf,
    // Last, so that it is dropped last: the broker ends before the reaper looks for leftovers.
    home: Home,
}

struct Ports {
    plain: u16,
    sasl: u16,
    controller: u16,
}

// === impl Kafka ===

impl Kafka {
    /// Starts one; it answers when it returns.
    pub async fn launch() -> anyhow::Result<Self> {
        let home = Home::new()?;
        let root = kafka_root()?;
        let java = program_of("default-jre-headless", "java")?;
        let dir = home.dir("kafka")?;
        let ports = Ports {
            plain: free_port()?,
            sasl: free_port()?,
            controller: free_port()?,
        };
        configure(&dir, &root, &ports)?;
        let jars = root.join("libs/*");
        let recipe = Recipe {
            name: "kafka",
            program: java.clone(),
            args: arguments(&dir, &jars).into_iter().map(Into::into).collect(),
            env: Vec::new(),
            log: home.path().join("kafka.log"),
            dir,
        };
        let kafka = Self {
            port: ports.plain,
            sasl_port: ports.sasl,
            process: Process::new(recipe),
            java,
            jars,
            home,
        };
        kafka.start().await?;
        Ok(kafka)
    }

    /// The one broker of this process, started by the first that asks. Tests that stop it start their own.
    ///
    /// # Panics
    /// When it cannot be started: no test can go on then.
    pub async fn shared() -> &'static Self {
        match SHARED.get_or_try_init(Self::launch).await {
            Ok(kafka) => kafka,
            Err(error) => panic!("cannot start Kafka for the tests: {error:#}"),
        }
    }

    /// Starts it, on the ports and the data of before; returns when it answers.
    pub async fn start(&self) -> anyhow::Result<()> {
        let before = self.process.log().matches(STARTED).count();
        self.process.spawn()?;
        let ready = wait_for("kafka to answer", READY_TIMEOUT, async || {
            let starts = self.process.log().matches(STARTED).count();
            anyhow::ensure!(starts > before, "it has not said that it is started");
            Ok(())
        });
        tokio::select! {
            ready = ready => ready,
            failure = self.process.ended_early() => Err(failure),
        }
    }

    /// Stops it in order.
    pub async fn stop(&self) -> anyhow::Result<()> {
        self.process.stop(Signal::SIGTERM).await.map(drop)
    }

    /// SIGKILL.
    pub async fn kill(&self) -> anyhow::Result<()> {
        self.process.kill().await
    }

    /// Freezes it: connections stay open, and nothing answers.
    pub fn pause(&self) -> anyhow::Result<()> {
        self.process.pause()
    }

    /// Ends a pause.
    pub fn resume(&self) -> anyhow::Result<()> {
        self.process.resume()
    }

    /// The process id; `None` while it does not run.
    pub fn pid(&self) -> Option<u32> {
        self.process.pid()
    }

    /// `host:port` for those without a login.
    pub fn brokers(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// `host:port` for those with a login: PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512, without TLS.
    pub fn sasl_brokers(&self) -> String {
        format!("127.0.0.1:{}", self.sasl_port)
    }

    /// User and password of one who may do everything.
    pub fn credentials(&self) -> (&'static str, &'static str) {
        (USER, PASSWORD)
    }

    /// User and password of one who may do nothing; PLAIN only.
    pub fn stranger(&self) -> (&'static str, &'static str) {
        (STRANGER, PASSWORD)
    }

    /// The settings with which `millrace` finds this broker.
    pub fn env(&self) -> Vec<(String, String)> {
        vec![("KAFKA_BROKERS".to_owned(), self.brokers())]
    }

    /// The directory with data and log.
    pub fn directory(&self) -> &Path {
        self.home.path()
    }
}

fn configure(dir: &Path, root: &Path, ports: &Ports) -> anyhow::Result<()> {
    let data = dir.join("data");
    std::fs::create_dir_all(&data)?;
    for file in ["bootstrap.checkpoint", "meta.properties"] {
        let formatted = root.join("formatted").join(file);
        std::fs::copy(&formatted, data.join(file))
            .with_context(|| format!("cannot copy {}", formatted.display()))?;
    }
    std::fs::write(dir.join("server.properties"), properties(&data, ports))?;
    std::fs::write(dir.join("log4j2.yaml"), LOGGING)?;
    Ok(())
}

/// One broker that is its own controller. Nothing waits for others to join; what is retained is looked at all the time.
fn properties(data: &Path, ports: &Ports) -> String {
    let Ports {
        plain,
        sasl,
        controller,
    } = ports;
    let login = "org.apache.kafka.common.security";
    format!(
        "process.roles=broker,controller\n\
         node.id=1\n\
         controller.quorum.voters=1@127.0.0.1:{controller}\n\
         listeners=PLAINTEXT://127.0.0.1:{plain},SASL_PLAINTEXT://127.0.0.1:{sasl},CONTROLLER://127.0.0.1:{controller}\n\
         advertised.listeners=PLAINTEXT://127.0.0.1:{plain},SASL_PLAINTEXT://127.0.0.1:{sasl}\n\
         listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SASL_PLAINTEXT:SASL_PLAINTEXT\n\
         controller.listener.names=CONTROLLER\n\
         sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512\n\
         listener.name.sasl_plaintext.plain.sasl.jaas.config={login}.plain.PlainLoginModule required \
         user_{USER}=\"{PASSWORD}\" user_{STRANGER}=\"{PASSWORD}\";\n\
         listener.name.sasl_plaintext.scram-sha-256.sasl.jaas.config={login}.scram.ScramLoginModule required;\n\
         listener.name.sasl_plaintext.scram-sha-512.sasl.jaas.config={login}.scram.ScramLoginModule required;\n\
         authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer\n\
         super.users=User:ANONYMOUS;User:{USER}\n\
         log.dirs={data}\n\
         auto.create.topics.enable=false\n\
         offsets.topic.replication.factor=1\n\
         offsets.topic.num.partitions=1\n\
         transaction.state.log.replication.factor=1\n\
         transaction.state.log.min.isr=1\n\
         transaction.state.log.num.partitions=1\n\
         group.initial.rebalance.delay.ms=0\n\
         group.min.session.timeout.ms=1000\n\
         group.consumer.min.session.timeout.ms=1000\n\
         group.consumer.session.timeout.ms=6000\n\
         group.consumer.min.heartbeat.interval.ms=100\n\
         group.consumer.heartbeat.interval.ms=500\n\
         log.retention.check.interval.ms=500\n\
         log.cleaner.backoff.ms=200\n\
         log.segment.delete.delay.ms=0\n",
        data = data.display(),
    )
}

/// A small heap, and compilation that is quick rather than good: a test sends little.
fn arguments(dir: &Path, jars: &Path) -> Vec<String> {
    let logging = dir.join("log4j2.yaml");
    let mut arguments: Vec<_> = [
        "-Xmx384m",
        "-XX:+UseSerialGC",
        "-XX:TieredStopAtLevel=1",
        "-Xshare:auto",
    ]
    .map(str::to_owned)
    .to_vec();
    arguments.push(format!("-Dlog4j2.configurationFile={}", logging.display()));
    arguments.extend([
        "-cp".to_owned(),
        jars.display().to_string(),
        "kafka.Kafka".to_owned(),
    ]);
    arguments.push(dir.join("server.properties").display().to_string());
    arguments
}
