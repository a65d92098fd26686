//! The program from outside: what it prints and how it ends.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::io::{Read, Write};
use std::net::TcpListener;
use std::process::{Command, Output};

const SECRETS: [(&str, &str); 4] = [
    ("RABBITMQ_PASSWORD", "SECRET-rabbit"),
    ("MINIO_ACCESS_KEY", "SECRET-access"),
    ("MINIO_SECRET_KEY", "SECRET-secret"),
    ("DATABASE_URL", "postgresql://ana:SECRET-db@localhost:1/analytics"),
];

/// The program with nothing but these variables, in an empty directory.
fn millrace(args: &[&str], variables: &[(&str, &str)]) -> (i32, String, String) {
    let directory = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_millrace"));
    command
        .args(args)
        .env_clear()
        .envs(variables.iter().copied())
        .current_dir(directory.path());
    let Output {
        status,
        stdout,
        stderr,
    } = command.output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (status.code().unwrap(), text(stdout), text(stderr))
}

#[test]
fn help_and_version_are_fine_and_nonsense_is_64() {
    assert_eq!(millrace(&["--help"], &[]).0, 0);
    assert_eq!(
        millrace(&["--version"], &[]).1,
        format!("millrace {}\n", env!("CARGO_PKG_VERSION"))
    );
    for nonsense in [&[][..], &["walk"], &["run", "--fast"], &["completions", "tcsh"]] {
        assert_eq!(millrace(nonsense, &[]).0, 64, "{nonsense:?}");
    }
    assert!(millrace(&[], &[]).2.contains("Usage:"));
}

/// Whatever the setting: a secret is known by its shape.
#[test]
fn an_address_shows_no_login_whatever_setting_it_is_in() {
    let (_, settings, _) = millrace(&["config", "--json"], &SECRETS);
    let settings: serde_json::Value = serde_json::from_str(&settings).unwrap();
    let all = settings["settings"].as_array().unwrap().iter();
    let all: Vec<_> = all.map(|setting| setting["name"].as_str().unwrap()).collect();
    // Where an address is taken whole, its parts are not read.
    let parts: Vec<_> = all
        .iter()
        .copied()
        .filter(|name| !name.ends_with("_URL"))
        .collect();
    for (names, address) in [&all, &parts].iter().flat_map(|names| {
        [
            "u:HUSH-1@host",
            "http://u:HUSH-1@host:1",
            "https://HUSH-1@host/path",
            "https://host/path?sig=HUSH-1",
            "https://hooks.slack.com/services/T0/B0/HUSH-1",
            "host=h password=HUSH-1",
        ]
        .map(|address| (names, address))
    }) {
        let variables: Vec<_> = names.iter().map(|name| (*name, address)).collect();
        for command in [&["config"][..], &["config", "--json"], &["check"], &["run"]] {
            let (code, stdout, stderr) = millrace(command, &variables);
            assert_eq!(code, 78, "{address} {command:?}: {stderr}");
            for text in [stdout, stderr] {
                assert!(!text.contains("HUSH"), "{address} {command:?}:\n{text}");
            }
        }
    }
    let (code, _, stderr) = millrace(&["config"], &[("RABBITMQ_HOST", "u:HUSH-1@host")]);
    assert!(
        code == 78 && stderr.contains("RABBITMQ_HOST") && stderr.contains("RABBITMQ_URL"),
        "{stderr}"
    );
}

/// What can be seen of an address before a server is asked is seen before a server is asked.
#[test]
fn an_unreadable_database_url_is_78_for_every_command_and_listed_with_the_rest() {
    for (url, what) in [
        (
            "postgresql://ana:hush@db/analytics?schema=public",
            "options=-csearch_path",
        ),
        (
            "postgresql://ana:hush@db/analytics?sslmode=verify-all",
            "verify-full",
        ),
        ("postgresql://ana:hush@db:many/analytics", "port"),
        (
            "postgresql://ana:hush@db/analytics?target_session_attrs=standby",
            "read-write",
        ),
        ("postgresql:///analytics", "no host"),
        ("host=db port=many password=hush", "port"),
        ("host=db password='hush", "quote"),
    ] {
        for command in [
            &["config"][..],
            &["check"],
            &["migrate"],
            &["migrate", "--dry-run"],
            &["run"],
        ] {
            let settings = [("DATABASE_URL", url), ("DATABASE_POOL_SIZE", "many")];
            let (code, stdout, stderr) = millrace(command, &settings);
            assert_eq!(code, 78, "{url} {command:?}: {stderr}");
            assert!(
                stderr.contains("DATABASE_POOL_SIZE") && stderr.contains(what),
                "{command:?}: {stderr}"
            );
            assert!(
                !stdout.contains("hush") && !stderr.contains("hush"),
                "{stdout} {stderr}"
            );
        }
    }
    let file = tempfile::NamedTempFile::new().unwrap();
    let path = file.path().to_str().unwrap();
    let settings = [
        ("DATABASE_URL", "postgresql://db/x?sslmode=prefer"),
        ("DATABASE_CA_FILE", path),
    ];
    let (code, _, stderr) = millrace(&["config"], &settings);
    assert!(code == 78 && stderr.contains("use verify-full"), "{stderr}");
}

#[test]
fn bad_settings_are_78_and_named_all_at_once() {
    for command in [&["run"][..], &["check"], &["config"], &["check", "--json"]] {
        let (code, stdout, stderr) = millrace(command, &[("METRICS_PORT", "many")]);
        assert_eq!(code, 78, "{command:?}");
        for name in [
            "RABBITMQ_PASSWORD",
            "MINIO_ACCESS_KEY",
            "MINIO_SECRET_KEY",
            "DATABASE_URL",
            "METRICS_PORT",
        ] {
            let printed = if command.contains(&"--json") {
                &stdout
            } else {
                &stderr
            };
            assert!(
                printed.contains(name),
                "{command:?} says nothing about {name}: {printed}"
            );
        }
    }
}

#[test]
fn migrate_asks_for_the_database_only() {
    let (code, _, stderr) = millrace(&["migrate"], &[]);
    assert_eq!(code, 78);
    assert!(
        stderr.contains("DATABASE_URL") && !stderr.contains("MINIO"),
        "{stderr}"
    );
}

#[test]
fn config_shows_sources_and_no_secrets() {
    let (code, stdout, stderr) = millrace(&["config"], &SECRETS);
    assert_eq!(code, 0, "{stderr}");
    assert!(
        stdout.contains("postgresql://ana:***@localhost:1/analytics"),
        "{stdout}"
    );
    assert!(!(stdout + &stderr).contains("SECRET-"));

    let (code, stdout, _) = millrace(&["config", "--json"], &SECRETS);
    assert_eq!(code, 0);
    assert!(!stdout.contains("SECRET-"));
    let shown: serde_json::Value = serde_json::from_str(&stdout).unwrap();
    let find = |name: &str| {
        let settings = shown["settings"].as_array().unwrap();
        settings
            .iter()
            .find(|setting| setting["name"] == name)
            .unwrap()
            .clone()
    };
    assert_eq!(find("RABBITMQ_PASSWORD")["value"], "***");
    assert_eq!(find("RABBITMQ_PASSWORD")["source"], "env");
    assert_eq!(find("EVENT_QUEUE")["source"], "default");
    assert_eq!(shown["problems"], serde_json::json!([]));
}

#[test]
fn config_reads_the_env_file_of_the_working_directory() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(
        directory.path().join(".env"),
        "EVENT_QUEUE=from-file\nMAX_WORKERS=3\n",
    )
    .unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_millrace"));
    command
        .args(["config", "--json"])
        .env_clear()
        .env("MAX_WORKERS", "4")
        .current_dir(directory.path());
    let shown: serde_json::Value = serde_json::from_slice(&command.output().unwrap().stdout).unwrap();
    let settings = shown["settings"].as_array().unwrap();
    let find = |name: &str| settings.iter().find(|setting| setting["name"] == name).unwrap();
    assert_eq!(
        (&find("EVENT_QUEUE")["value"], &find("EVENT_QUEUE")["source"]),
        (&"from-file".into(), &".env".into())
    );
    assert_eq!(
        (&find("MAX_WORKERS")["value"], &find("MAX_WORKERS")["source"]),
        (&"4".into(), &"env".into())
    );
}

#[test]
fn an_env_file_that_is_not_there_is_78() {
    let (code, _, stderr) = millrace(&["run", "--env-file", "/nowhere/.env"], &SECRETS);
    assert_eq!(code, 78);
    assert!(stderr.contains("/nowhere/.env"), "{stderr}");
}

#[test]
fn an_unreachable_dependency_is_69() {
    let (code, stdout, stderr) = millrace(&["check", "--json"], &SECRETS);
    assert_eq!(code, 69, "{stderr}");
    let checked: serde_json::Value = serde_json::from_str(&stdout).unwrap();
    let names: Vec<_> = checked["dependencies"]
        .as_array()
        .unwrap()
        .iter()
        .map(|d| &d["name"])
        .collect();
    assert_eq!(names, ["rabbitmq", "object_store", "database"]);
    let (code, stdout, _) = millrace(&["check"], &SECRETS);
    assert_eq!(code, 69);
    assert!(
        stdout.contains("FAILED") && !stdout.contains("SECRET-"),
        "{stdout}"
    );
}

#[test]
fn completions_are_scripts() {
    let (code, stdout, _) = millrace(&["completions", "bash"], &[]);
    assert_eq!(code, 0);
    assert!(stdout.contains("_millrace"));
}

#[test]
fn the_settings_page_can_be_printed() {
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/SETTINGS.md")).unwrap();
    assert_eq!(millrace(&["config", "--markdown"], &[]), (0, page, String::new()));
}

#[test]
fn healthcheck_asks_the_port() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    let server = std::thread::spawn(move || {
        for status in ["200 OK", "503 Service Unavailable"] {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = [0; 19];
            stream.read_exact(&mut request).unwrap();
            assert_eq!(&request, b"GET /livez HTTP/1.1");
            write!(stream, "HTTP/1.1 {status}\r\ncontent-length: 2\r\n\r\n{{}}").unwrap();
            let _ = stream.shutdown(std::net::Shutdown::Write);
            let _ = stream.read_to_end(&mut Vec::new());
        }
    });
    assert_eq!(millrace(&["healthcheck"], &[("METRICS_PORT", &port)]).0, 0);
    assert_eq!(millrace(&["healthcheck"], &[("METRICS_PORT", &port)]).0, 69);
    server.join().unwrap();
    assert_eq!(millrace(&["healthcheck"], &[("METRICS_PORT", &port)]).0, 69);
}
