//! A private headless Chromium, from the Debian package.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use nix::unistd::geteuid;
use serde_json::Value;

use crate::home::Home;
use crate::packages::file_of;
use crate::ports::free_port;
use crate::process::{Process, Recipe};
use crate::wait::wait_for;

const READY_TIMEOUT: Duration = Duration::from_secs(60);
const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);
const PACKAGE: &str = "chromium";
/// The program itself and not Debian's wrapper, which reads settings from elsewhere.
const PROGRAM: &str = "/usr/lib/chromium/chromium";

const ARGUMENTS: [&str; 16] = [
    "--headless=new",
    "--disable-gpu",
    // `/dev/shm` is tiny in containers.
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--no-default-browser-check",
    "--disable-sync",
    "--disable-extensions",
    "--disable-component-update",
    "--disable-background-networking",
    "--password-store=basic",
    // A hidden tab works on as if it were shown.
    "--disable-background-timer-throttling",
    "--disable-backgrounding-occluded-windows",
    "--disable-renderer-backgrounding",
    "--force-color-profile=srgb",
    // Nothing but loopback exists.
    "--no-proxy-server",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
];

/// A running browser that belongs to one stack, with a profile of its own that is removed with it.
#[derive(Debug)]
pub struct Chromium {
    process: Process,
    websocket: String,
}

// === impl Chromium ===

impl Chromium {
    pub(crate) async fn launch(home: &Home) -> anyhow::Result<Self> {
        let dir = home.dir("chromium")?;
        let port = free_port()?;
        let mut args: Vec<_> = ARGUMENTS.map(Into::into).to_vec();
        args.push(format!("--remote-debugging-port={port}").into());
        args.push(format!("--user-data-dir={}", dir.join("profile").display()).into());
        if geteuid().is_root() {
            args.push("--no-sandbox".into());
        }
        args.push("about:blank".into());
        let process = Process::new(Recipe {
            name: "chromium",
            program: file_of(PACKAGE, [PathBuf::from(PROGRAM)])?,
            args,
            // What it keeps outside its profile it keeps below its home.
            env: vec![("HOME".to_owned(), dir.clone().into())],
            log: home.path().join("chromium.log"),
            dir,
        });
        process.spawn()?;
        let url = format!("http://127.0.0.1:{port}/json/version");
        let client = crate::http::client(REQUEST_TIMEOUT)?;
        let ready = wait_for("chromium to answer", READY_TIMEOUT, async || {
            let version: Value = client.get(&url).send().await?.json().await?;
            let websocket = version["webSocketDebuggerUrl"].as_str();
            websocket.map(str::to_owned).context("no address in its version")
        });
        let websocket = tokio::select! {
            ready = ready => ready?,
            failure = process.ended_early() => return Err(failure),
        };
        Ok(Self { process, websocket })
    }

    /// `ws://…`, where it takes commands of the DevTools protocol.
    pub fn websocket(&self) -> &str {
        &self.websocket
    }

    /// The process id; `None` while it does not run.
    pub fn pid(&self) -> Option<u32> {
        self.process.pid()
    }
}
