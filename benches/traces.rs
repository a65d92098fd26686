//! What do traces cost? The same load without traces, with a collector that takes them, and with one that is
//! down, refuses or never answers, by turns in one run. The ratios are the figures.

#![expect(clippy::unwrap_used, reason = "a benchmark may panic")]

#[path = "load/mod.rs"]
mod load;

use load::{ITEMS, median};
use millrace_stack::{Collector, ExportReply, Stack};

/// Odd, so that there is a middle one.
const ROUNDS: usize = 7;

/// How the collector is.
const STATES: [(&str, Option<ExportReply>); 5] = [
    ("no traces", None),
    ("taken", Some(ExportReply::Takes)),
    ("refused", Some(ExportReply::Refuses)),
    ("no answer", Some(ExportReply::Silent)),
    ("down", None),
];

#[tokio::main]
async fn main() {
    let stack = Stack::start().await.unwrap();
    let mut seconds = [const { Vec::new() }; STATES.len()];
    for round in 1..=ROUNDS {
        for (number, (state, reply)) in STATES.into_iter().enumerate() {
            let collector = Collector::start().await.unwrap();
            let endpoint = match (state, reply) {
                ("no traces", _) => String::new(),
                // Nothing listens on the port of discard.
                (_, None) => "http://127.0.0.1:9".to_owned(),
                (_, Some(reply)) => {
                    collector.set_reply(reply);
                    collector.http_endpoint()
                }
            };
            let settings = [("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint.as_str())];
            let (load, ..) = load::run(&stack, &format!("traces-{round}-{number}"), round, &settings).await;
            println!(
                "round {round}, {state}: {:.0} items/s, {:.0} MiB, {} spans arrived",
                ITEMS / load.seconds,
                load.peak_mib,
                collector.spans().len()
            );
            seconds[number].push(load.seconds);
        }
    }
    let without = seconds[0].clone();
    println!("median of {ROUNDS}, time of the same load without traces in the same round = 100 %:");
    for ((state, _), with) in STATES.iter().zip(&seconds) {
        let share = median(with.iter().zip(&without).map(|(with, without)| with / without));
        println!("{state}: {:.1} %", share * 100.0);
    }
}
