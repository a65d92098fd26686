//! Azure's object storage, on Microsoft's own Azurite.

use crate::{
    running::{PATIENCE, Running, batch_of, fresh_id, millrace},
    tools::is_there,
};
use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use millrace_stack::{Stack, Tool, wait_for};
use object_store::{ObjectStore, ObjectStoreExt as _, azure::MicrosoftAzureBuilder};
use sha2::{Digest as _, Sha256};
use std::process::Stdio;
use tokio::process::{Child, Command};

/// Azurite's account and key, which its documentation gives.
const ACCOUNT: &str = "devstoreaccount1";
const KEY: &str = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";
const VERSION: &str = "2021-08-06";

fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

fn start(tool: Tool, args: &[String]) -> Child {
    Command::new(tool.find().unwrap())
        .args(args)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap()
}

fn client() -> reqwest::Client {
    // The one that was installed first stays.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::new()
}

/// HMAC by its definition (RFC 2104), for the one request that the client library cannot send.
fn hmac(key: &[u8], text: &str) -> Vec<u8> {
    let pad = |byte: u8| -> Vec<u8> {
        (0..64)
            .map(|at| key.get(at).copied().unwrap_or(0) ^ byte)
            .collect()
    };
    let inner = Sha256::digest([pad(0x36), text.as_bytes().to_vec()].concat());
    Sha256::digest([pad(0x5C), inner.to_vec()].concat()).to_vec()
}

async fn create_container(base: &str, name: &str) {
    let date = jiff::Timestamp::now()
        .strftime("%a, %d %b %Y %H:%M:%S GMT")
        .to_string();
    let signed = format!(
        "PUT\n\n\n\n\n\n\n\n\n\n\n\nx-ms-date:{date}\nx-ms-version:{VERSION}\n/{ACCOUNT}/{ACCOUNT}/{name}\nrestype:container"
    );
    let signature = BASE64.encode(hmac(&BASE64.decode(KEY).unwrap(), &signed));
    let client = client();
    wait_for("a container", PATIENCE, async || {
        let answer = client
            .put(format!("{base}/{name}?restype=container"))
            .header("x-ms-date", &date)
            .header("x-ms-version", VERSION)
            .header("content-length", "0")
            .header("authorization", format!("SharedKey {ACCOUNT}:{signature}"))
            .send()
            .await
            .map_err(|error| error.to_string())?;
        match answer.status().as_u16() {
            201 | 409 => Ok(()),
            status => Err(format!("{status} {}", answer.text().await.unwrap_or_default())),
        }
    })
    .await
    .unwrap();
}

/// An object is stored, a missing one is poison after its grace, and who is not let in waits.
async fn serves(name: &str, store: &dyn ObjectStore, settings: &[(&str, &str)], wrong: &[(&str, &str)]) {
    let tenant = Stack::shared().await.tenant(name).await.unwrap();
    let mut all = vec![("OBJECT_GRACE_SECONDS", "0")];
    all.extend(settings);
    let pipeline = Running::start(tenant, &all).await;
    let (there, missing) = (fresh_id(), fresh_id());
    store
        .put(&"tiktok/a.json".into(), batch_of(&there, 2).into_bytes().into())
        .await
        .unwrap();
    pipeline.announce(&there, "crawl/tiktok/a.json").await;
    pipeline.announce(&missing, "crawl/tiktok/none.json").await;
    pipeline.stored(&[there]).await;
    let letters = pipeline.dead_letters(1).await;
    assert_eq!(
        letters[0].header("x-millrace-reason").as_deref(),
        Some("object_missing")
    );
    assert_eq!(letters[0].header("x-millrace-event-id"), Some(missing));
    all.extend(wrong);
    let check = pipeline
        .tenant
        .command(millrace(), &["check"], &all)
        .await
        .unwrap();
    let said = String::from_utf8_lossy(&check.stdout).into_owned();
    assert_eq!(check.status.code(), Some(69), "{said}");
    assert!(said.contains("object_store"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn azure_serves_misses_and_refuses() {
    if !is_there(Tool::AZURITE) {
        return;
    }
    let port = free_port();
    let args = [
        "--blobHost=127.0.0.1",
        &format!("--blobPort={port}"),
        "--inMemoryPersistence",
        "--skipApiVersionCheck",
        "--disableTelemetry",
    ];
    let _server = start(Tool::AZURITE, &args.map(str::to_owned));
    let base = format!("http://127.0.0.1:{port}/{ACCOUNT}");
    create_container(&base, "crawl").await;
    let store = MicrosoftAzureBuilder::new()
        .with_account(ACCOUNT)
        .with_access_key(KEY)
        .with_endpoint(base.clone())
        .with_allow_http(true)
        .with_container_name("crawl")
        .build()
        .unwrap();
    let settings = [
        ("OBJECT_STORE_URL", "az://crawl"),
        ("AZURE_STORAGE_ACCOUNT_NAME", ACCOUNT),
        ("AZURE_STORAGE_ACCOUNT_KEY", KEY),
        ("AZURE_STORAGE_ENDPOINT", base.as_str()),
        ("AZURE_ALLOW_HTTP", "true"),
    ];
    let wrong_key = [("AZURE_STORAGE_ACCOUNT_KEY", "d3Jvbmc=")];
    serves("on-azure", &store, &settings, &wrong_key).await;
}
