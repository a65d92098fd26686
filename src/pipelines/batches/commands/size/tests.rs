//! From the words of a command line to what is printed; the arithmetic between has tests of its own.

use super::{Args, print};
use crate::config::{Config, Source};
use clap::Parser;
use millrace_sizing::{ASSUMED_BATCH_BYTES, Capacity, Load, Plan, measured};

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    args: Args,
}

fn read(words: &str) -> Result<(Load, Capacity), clap::Error> {
    let words = ["size"].into_iter().chain(words.split_whitespace());
    Line::try_parse_from(words).map(|line| line.args.read(None))
}

/// 1,000 items a second in events of 50, and a backlog of 12,000 events for ten minutes; objects of a quarter of a MiB.
const WORKED: &str = "--items-per-second 1000 --backlog 12000 --object-bytes 262144 --json-bytes 1048576 --replica-items-per-second 400";

fn plan(load: &Load, capacity: &Capacity) -> Plan {
    Plan::of(load, capacity).unwrap()
}

#[test]
fn a_worked_example() {
    let (load, capacity) = read(WORKED).unwrap();
    let plan = plan(&load, &capacity);
    insta::assert_snapshot!(print::helm(&plan));
    insta::assert_json_snapshot!(print::json(&plan));
}

/// What is printed, without the prefetch, makes the service choose the same prefetch by itself.
#[test]
fn the_prefetch_is_the_one_that_an_unset_one_becomes() {
    for (memory_mib, fetch_seconds) in [(512, 0.05), (160, 0.05), (600, 1.0), (2_048, 5.0)] {
        // Together the weight that is assumed where none is known.
        let (object_bytes, json_bytes) = (262_144.0, 983_040.0);
        assert_eq!(object_bytes + 4.0 * json_bytes, ASSUMED_BATCH_BYTES as f64);
        let (load, capacity) = read(WORKED).unwrap();
        let load = Load {
            json_bytes,
            object_bytes,
            fetch_seconds,
            ..load
        };
        let settings = plan(
            &load,
            &Capacity {
                memory_mib,
                ..capacity
            },
        )
        .settings;
        let printed = serde_json::to_value(settings).unwrap();
        let variables = printed.as_object().unwrap().iter();
        let variables = variables
            .filter(|(name, _)| *name != "EVENT_PREFETCH_COUNT")
            .map(|(name, value)| (name.clone(), value.to_string()));
        let needed = [
            ("RABBITMQ_PASSWORD", "x"),
            ("MINIO_ACCESS_KEY", "x"),
            ("MINIO_SECRET_KEY", "x"),
            ("DATABASE_URL", "postgresql://db/x"),
        ];
        let needed = needed.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let config = Config::load(&Source::from_variables(variables.chain(needed))).unwrap();
        assert_eq!(
            u64::from(
                config
                    .of::<crate::pipelines::BatchesSettings>()
                    .unwrap()
                    .amqp
                    .prefetch
            ),
            settings.event_prefetch_count,
            "{settings:?}"
        );
    }
}

#[test]
fn events_and_items_say_the_same() {
    let (by_items, _) = read("--items-per-second 100").unwrap();
    let (by_events, _) = read("--events-per-second 2").unwrap();
    assert_eq!(
        (by_items.items, by_items.backlog),
        (by_events.items, by_events.backlog)
    );
    assert_eq!((by_items.items, by_items.backlog), (100.0, 1_200.0));
    let (small, _) = read("--events-per-second 2 --items-per-event 20").unwrap();
    assert_eq!(small.items, 40.0);
    assert_eq!(small.json_bytes, 20.0 * measured::JSON_BYTES);
}

#[test]
fn nonsense_is_refused_before_anything_is_computed() {
    for nonsense in [
        "",
        "--items-per-second 0",
        "--items-per-second -5",
        "--items-per-second NaN",
        "--items-per-second inf",
        "--items-per-second 5 --events-per-second 5",
        "--items-per-second 5 --drain-seconds 0",
        "--items-per-second 5 --metrics-url ftp://host/metrics",
        "--items-per-second 5 --metrics-url http://host/metrics --replica-items-per-second 5",
        "--items-per-second 5 --json --helm",
    ] {
        assert!(read(nonsense).is_err(), "{nonsense}");
    }
}

fn page() -> String {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/scaling.md");
    std::fs::read_to_string(page).unwrap()
}

#[test]
fn the_page_shows_what_its_command_prints() {
    let page = page();
    let command = page.lines().find_map(|line| line.strip_prefix("millrace size "));
    let (load, capacity) = read(command.unwrap()).unwrap();
    let plan = plan(&load, &capacity);
    for line in &plan.arithmetic {
        assert!(page.contains(&line.because), "{line:?}");
    }
    assert!(plan.warnings.is_empty(), "{:?}", plan.warnings);
}

/// The page and the program hold the same figures.
#[test]
fn the_page_has_the_figures_that_are_computed_with() {
    let page = page();
    for (what, figure) in [
        ("millrace CPU, ms an item", measured::MILLRACE_CPU * 1_000.0),
        ("Postgres CPU, ms an item", measured::POSTGRES_CPU * 1_000.0),
        ("WAL, bytes an item", measured::WAL_BYTES),
        ("object, bytes an item", measured::OBJECT_BYTES),
        ("JSON, bytes an item", measured::JSON_BYTES),
        ("items an event", measured::ITEMS_AN_EVENT),
    ] {
        let row = page
            .lines()
            .find_map(|line| line.strip_prefix(&format!("| {what} | ")));
        let row = row.unwrap_or_else(|| panic!("no row for {what}"));
        let value: f64 = row.split(' ').next().unwrap().replace(',', "").parse().unwrap();
        assert!(
            (value - figure).abs() < 1e-9 * figure,
            "{what}: {value} on the page, {figure} in the program"
        );
    }
}
