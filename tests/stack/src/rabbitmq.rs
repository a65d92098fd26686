//! A private RabbitMQ node, from the Debian package.

mod install;
mod management;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use nix::sys::signal::Signal;

pub use self::management::{Management, Message, QueueInfo, STATISTICS_LAG};
use crate::home::Home;
use crate::ports::free_port;
use crate::process::{Process, Recipe};
use crate::tls::Authority;
use crate::wait::wait_for;

/// A cold start on a machine that compiles beside it has been seen to take 15 s.
const READY_TIMEOUT: Duration = Duration::from_secs(120);

const REGISTRY_TIMEOUT: Duration = Duration::from_secs(30);

const NODE: &str = "millrace@localhost";
const DATA: &str = "data";
const USER: &str = "millrace";
const PASSWORD: &str = "millrace-rabbitmq";

/// A running broker that belongs to one stack.
#[derive(Debug)]
pub struct RabbitMq {
    port: u16,
    tls_port: Option<u16>,
    management: Management,
    data: PathBuf,
    /// What another Erlang node needs to talk to it.
    distribution: u16,
    cookie: PathBuf,
    inetrc: PathBuf,
    process: Process,
}

struct Ports {
    amqp: u16,
    amqps: Option<u16>,
    management: u16,
    distribution: u16,
}

// === impl RabbitMq ===

impl RabbitMq {
    pub(crate) async fn launch(home: &Home, tls: Option<&Authority>) -> anyhow::Result<Self> {
        let dir = home.dir("rabbitmq")?;
        let scripts = install::private_copy(&dir.join("install"))?;
        let ports = Ports {
            amqp: free_port()?,
            amqps: tls.map(|_| free_port()).transpose()?,
            management: free_port()?,
            distribution: free_port()?,
        };
        let tls = tls.map(|authority| tls_terms(authority, &ports)).transpose()?;
        write_configuration(&dir, &ports, &tls.unwrap_or_default())?;
        let data = dir.join(DATA);
        let (cookie, inetrc) = (dir.join("home/.erlang.cookie"), dir.join("inetrc"));
        let recipe = Recipe {
            name: "rabbitmq",
            program: scripts.join("rabbitmq-server"),
            args: Vec::new(),
            env: environment(&dir, &scripts, &ports),
            log: home.path().join("rabbitmq.log"),
            dir,
        };
        let rabbitmq = Self {
            port: ports.amqp,
            tls_port: ports.amqps,
            data,
            distribution: ports.distribution,
            cookie,
            inetrc,
            management: Management::new(ports.management, USER, PASSWORD)?,
            process: Process::new(recipe),
        };
        rabbitmq.start().await?;
        Ok(rabbitmq)
    }

    /// Starts it, on the ports and the data of before; returns when it takes AMQP connections and answers questions.
    pub async fn start(&self) -> anyhow::Result<()> {
        self.process.spawn()?;
        let ready = wait_for("rabbitmq to answer", READY_TIMEOUT, async || {
            // The listeners come last, each when its part is up: both answer, so all of it runs.
            tokio::net::TcpStream::connect(("127.0.0.1", self.port))
                .await
                .context("no AMQP listener")?;
            self.management.overview().await
        });
        tokio::select! {
            ready = ready => ready,
            failure = self.process.ended_early() => Err(failure),
        }
    }

    /// Stops it in order; takes about 6 s, of which the broker's management plugin waits 5.
    pub async fn stop(&self) -> anyhow::Result<()> {
        self.process.stop(Signal::SIGTERM).await.map(drop)
    }

    /// Waits until a new quorum queue would survive a SIGKILL, some 3 s after its declaration.
    ///
    /// The broker registers such queues in a file that it writes late; a queue that is missing there after a crash
    /// gets no leader ever again, whatever its log holds (RabbitMQ 3.10).
    pub async fn wait_until_registered(&self, vhost: &str, queue: &str) -> anyhow::Result<()> {
        let member = format!("{vhost}_{queue}");
        let folder = self.data.join(NODE).join("quorum").join(NODE);
        wait_for(
            &format!("the quorum queue {queue} to be on disk"),
            REGISTRY_TIMEOUT,
            async || {
                let registry = std::fs::read(folder.join("names.dets"))?;
                let is_there = registry
                    .windows(member.len())
                    .any(|part| part == member.as_bytes());
                anyhow::ensure!(is_there, "names.dets does not name it");
                Ok(())
            },
        )
        .await
    }

    /// Evaluates an Erlang expression in the broker, for what its management API cannot do.
    ///
    /// A bare Erlang node asks: `rabbitmqctl` takes seconds to start and needs a name server.
    ///
    /// # Errors
    /// The broker does not answer, or the expression fails.
    pub async fn eval(&self, expression: &str) -> anyhow::Result<String> {
        let cookie = std::fs::read_to_string(&self.cookie).context("the broker's cookie")?;
        let call = format!(
            "Text = os:getenv(\"EXPRESSION\"), {{ok, Tokens, _}} = erl_scan:string(Text), {{ok, Forms}} = erl_parse:parse_exprs(Tokens), \
             case rpc:call('{NODE}', erl_eval, exprs, [Forms, []], 20000) of \
             {{value, Value, _}} -> io:format(\"~p\", [Value]), halt(0); \
             Wrong -> io:format(standard_error, \"~p\", [Wrong]), halt(1) end."
        );
        let distribution = self.distribution.to_string();
        let name = format!("eval-{}@localhost", std::process::id());
        let output = tokio::process::Command::new(install::erl())
            .args([
                "-noinput",
                "-hidden",
                "-start_epmd",
                "false",
                "-dist_listen",
                "false",
            ])
            .args([
                "-erl_epmd_port",
                &distribution,
                "-sname",
                &name,
                "-setcookie",
                cookie.trim(),
                "-eval",
                &call,
            ])
            .env("ERL_INETRC", &self.inetrc)
            .env("EXPRESSION", expression)
            .output()
            .await
            .context("cannot run erl")?;
        let errors = String::from_utf8_lossy(&output.stderr);
        anyhow::ensure!(output.status.success(), "{expression}: {errors}");
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// SIGKILL. See [`wait_until_registered`](Self::wait_until_registered) for quorum queues that are new.
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

    /// The AMQP port on loopback, the same over restarts.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The port of AMQP over TLS, for those who show a certificate.
    ///
    /// # Panics
    ///
    /// When the stack was not started with [`Options::tls`](crate::Options::tls).
    pub fn tls_port(&self) -> u16 {
        self.tls_port.expect("a broker that speaks TLS")
    }

    /// User and password, of AMQP and of the management page.
    pub fn credentials(&self) -> (&'static str, &'static str) {
        (USER, PASSWORD)
    }

    /// The management API.
    pub fn management(&self) -> &Management {
        &self.management
    }

    /// `amqp://…` for a virtual host of this broker.
    pub fn url(&self, vhost: &str) -> String {
        url_at(self.port, vhost)
    }

    /// The settings with which `millrace` finds a virtual host of this broker.
    pub fn env(&self, vhost: &str) -> Vec<(String, String)> {
        Self::env_at(self.port, vhost)
    }

    /// The same for one who comes through another port.
    pub(crate) fn env_at(port: u16, vhost: &str) -> Vec<(String, String)> {
        vec![("RABBITMQ_URL".to_owned(), url_at(port, vhost))]
    }
}

fn url_at(port: u16, vhost: &str) -> String {
    let vhost = vhost.replace('/', "%2F");
    format!("amqp://{USER}:{PASSWORD}@127.0.0.1:{port}/{vhost}")
}

/// Every client has to show a certificate of the authority; it stands for a password where none is given.
fn tls_terms(authority: &Authority, ports: &Ports) -> anyhow::Result<String> {
    let identity = authority.identity("localhost")?;
    Ok(format!(
        r#"
    {{ssl_listeners, [{{"127.0.0.1", {port}}}]}},
    {{ssl_options, [{{cacertfile, "{authority}"}}, {{certfile, "{certificate}"}}, {{keyfile, "{key}"}},
      {{verify, verify_peer}}, {{fail_if_no_peer_cert, true}}]}},
    {{auth_mechanisms, ['PLAIN', 'EXTERNAL']}},
    {{ssl_cert_login_from, common_name}},"#,
        port = ports.amqps.unwrap_or_default(),
        authority = authority.file().display(),
        certificate = identity.certificate.display(),
        key = identity.key.display(),
    ))
}

fn write_configuration(dir: &Path, ports: &Ports, tls: &str) -> anyhow::Result<()> {
    // Erlang terms and not `rabbitmq.conf`: translating the latter costs a second at each start.
    // The management API shows statistics, late by their intervals: queues and connections report every 200 ms
    // here instead of every 5 s, and the management samples that by its shortest retention, 1 s instead of 5.
    let config = format!(
        r#"[
  {{rabbit, [
    {{tcp_listeners, [{{"127.0.0.1", {amqp}}}]}},{tls}
    {{default_user, <<"{USER}">>}},
    {{default_pass, <<"{PASSWORD}">>}},
    {{collect_statistics_interval, 200}},
    {{quorum_tick_interval, 200}},
    {{disk_free_limit, 50000000}},
    {{log, [{{console, [{{enabled, false}}]}}, {{file, [{{level, warning}}]}}]}}
  ]}},
  {{rabbitmq_management, [
    {{tcp_config, [{{ip, "127.0.0.1"}}, {{port, {management}}}]}},
    {{sample_retention_policies, [{{global, [{{60, 1}}]}}, {{basic, [{{60, 1}}]}}, {{detailed, [{{10, 1}}]}}]}}
  ]}}
].
"#,
        amqp = ports.amqp,
        management = ports.management,
    );
    std::fs::write(dir.join("rabbitmq.config"), config)?;
    let plugins = if tls.is_empty() {
        "[rabbitmq_management].\n"
    } else {
        "[rabbitmq_management, rabbitmq_auth_mechanism_ssl].\n"
    };
    std::fs::write(dir.join("enabled_plugins"), plugins)?;
    // Names come from this file only: each question to a name server costs time, up to 5 s where there is none.
    std::fs::write(
        dir.join("inetrc"),
        "{lookup, [file]}.\n{host, {127,0,0,1}, [\"localhost\"]}.\n",
    )?;
    std::fs::create_dir_all(dir.join("home"))?;
    Ok(())
}

fn environment(dir: &Path, scripts: &Path, ports: &Ports) -> Vec<(String, OsString)> {
    // The node is told its name and its distribution port, so it needs no epmd: none is started, none outlives it.
    let erlang = format!(
        "-sname {NODE} -start_epmd false -erl_epmd_port {} -kernel inet_dist_use_interface {{127,0,0,1}}",
        ports.distribution
    );
    let paths = [
        ("HOME", "home"),
        ("ERL_INETRC", "inetrc"),
        ("RABBITMQ_CONFIG_FILE", "rabbitmq.config"),
        ("RABBITMQ_ENABLED_PLUGINS_FILE", "enabled_plugins"),
        ("RABBITMQ_MNESIA_BASE", DATA),
        ("RABBITMQ_LOG_BASE", "log"),
        ("RABBITMQ_FEATURE_FLAGS_FILE", "feature_flags"),
        ("RABBITMQ_PID_FILE", "pid"),
        ("RABBITMQ_PLUGINS_EXPAND_DIR", "plugins"),
        ("RABBITMQ_GENERATED_CONFIG_DIR", "generated"),
        // These do not exist, so that nothing is read from /etc/rabbitmq.
        ("RABBITMQ_CONF_ENV_FILE", "no-environment"),
        ("RABBITMQ_ADVANCED_CONFIG_FILE", "no-advanced-config"),
        ("RABBITMQ_CONFIG_FILES", "no-config-folder"),
    ];
    let mut env: Vec<(String, OsString)> = paths
        .iter()
        .map(|(name, file)| ((*name).to_owned(), dir.join(file).into()))
        .collect();
    env.push(("RABBITMQ_SCRIPTS_DIR".to_owned(), scripts.into()));
    env.push(("RABBITMQ_NODENAME".to_owned(), NODE.into()));
    env.push(("RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS".to_owned(), erlang.into()));
    if let Some(erlang) = install::erlang() {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let path = std::env::join_paths(std::iter::once(erlang).chain(std::env::split_paths(&path)));
        env.extend(path.map(|path| ("PATH".to_owned(), path)));
    }
    // The script then becomes the broker instead of watching over it: our pid is the broker's.
    env.push(("detached".to_owned(), "1".into()));
    env
}
