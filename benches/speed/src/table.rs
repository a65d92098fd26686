//! Figures as Markdown: what the program prints, and what the document holds.

use crate::{
    report::{Figures, Latency, Limit, Report, Run, median},
    shape::Case,
};
use std::fmt::Write;

/// All tables of a report.
pub(crate) fn of(report: &Report) -> String {
    let parts = [
        machine(report),
        speed(report),
        limits(report),
        latency(report),
        kills(report),
        scale(report),
    ];
    let parts: Vec<_> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    parts.join("\n")
}

fn machine(report: &Report) -> String {
    let machine = &report.machine;
    let held = if report.pinned {
        " Postgres was held to one core and the consumer to the other."
    } else {
        ""
    };
    format!(
        "{}, revision {}: {} × {}, {} GiB, Linux {}; Postgres {} with `fsync` on, RabbitMQ {}, {}, {}.{held}\n",
        machine.date,
        machine.revision,
        machine.cores,
        machine.processor,
        machine.memory_gib,
        machine.kernel,
        machine.postgres,
        machine.rabbitmq,
        machine.objects,
        machine.rustc,
    )
}

/// The cases of a report and who took part, in their order.
pub(crate) fn entries(report: &Report) -> Vec<(Case, &str)> {
    let mut contenders: Vec<&str> = Vec::new();
    for run in &report.runs {
        if !contenders.contains(&run.contender.as_str()) {
            contenders.push(&run.contender);
        }
    }
    let mut cases: Vec<_> = report.runs.iter().map(|run| run.case).collect();
    cases.sort();
    cases.dedup();
    let pairs = cases.into_iter();
    pairs
        .flat_map(|case| contenders.iter().map(move |contender| (case, *contender)))
        .collect()
}

/// The median of a figure over the rounds.
pub(crate) fn of_runs(
    report: &Report,
    case: Case,
    contender: &str,
    figure: impl Fn(&Figures) -> f64,
) -> Option<f64> {
    median(runs(report, case, contender).map(|run| figure(&run.figures)))
}

/// The median over the rounds of a limit.
pub(crate) fn of_limit(report: &Report, case: Case, name: &str) -> Option<f64> {
    median(limits_of(report, case, name).map(|limit| limit.items_per_second))
}

fn runs<'a>(report: &'a Report, case: Case, contender: &'a str) -> impl Iterator<Item = &'a Run> {
    let runs = report.runs.iter();
    runs.filter(move |run| run.case == case && run.contender == contender)
}

fn limits_of<'a>(report: &'a Report, case: Case, name: &'a str) -> impl Iterator<Item = &'a Limit> {
    let limits = report.limits.iter();
    limits.filter(move |limit| limit.case == case && limit.name == name)
}

/// The median over the rounds of the ratio to `COPY` of the same round.
fn share_of_copy(report: &Report, case: Case, contender: &str) -> Option<f64> {
    median(runs(report, case, contender).filter_map(|run| {
        let copy = limits_of(report, case, "COPY").find(|limit| limit.round == run.round)?;
        Some(run.figures.items_per_second / copy.items_per_second)
    }))
}

fn speed(report: &Report) -> String {
    if report.runs.is_empty() {
        return String::new();
    }
    let mut text = format!(
        "Medians of {} rounds by turns.\n\n\
         | load | consumer | items/s | rows/s | of `COPY` | its CPU, µs an item | Postgres CPU, µs an item | WAL, bytes an item | resident peak, MiB |\n\
         |---|---|---|---|---|---|---|---|---|\n",
        report.rounds
    );
    for (case, contender) in entries(report) {
        let of = |figure: fn(&Figures) -> f64| of_runs(report, case, contender, figure).unwrap_or_default();
        let _ = writeln!(
            text,
            "| ({}) {} | {contender} | {:.0} | {:.0} | {} | {:.0} | {:.0} | {:.0} | {:.0} |",
            case.letter(),
            case.title(),
            of(|it| it.items_per_second),
            of(|it| it.rows_per_second),
            share_of_copy(report, case, contender).map_or_else(String::new, |share| format!("{share:.2}")),
            of(|it| it.cpu_us_per_item),
            of(|it| it.postgres_us_per_item),
            of(|it| it.wal_bytes_per_item),
            of(|it| it.peak_mib),
        );
    }
    text
}

fn limits(report: &Report) -> String {
    let mut names: Vec<&str> = Vec::new();
    for limit in &report.limits {
        if !names.contains(&limit.name.as_str()) {
            names.push(&limit.name);
        }
    }
    if names.is_empty() {
        return String::new();
    }
    let mut text = "The limits: `COPY` is binary and goes over two connections into tables with the same keys and \
                    indexes; GET fetches the objects and drops them; parse is one thread.\n\n\
                    | load | limit | items/s | CPU, µs an item | WAL, bytes an item |\n|---|---|---|---|---|\n"
        .to_owned();
    let mut cases: Vec<_> = report.limits.iter().map(|limit| limit.case).collect();
    cases.sort();
    cases.dedup();
    for case in cases {
        for name in &names {
            let of = |figure: fn(&Limit) -> Option<f64>| {
                let value = median(limits_of(report, case, name).filter_map(figure));
                value.map_or_else(String::new, |value| format!("{value:.0}"))
            };
            let _ = writeln!(
                text,
                "| ({}) | {name} | {} | {} | {} |",
                case.letter(),
                of(|limit| Some(limit.items_per_second)),
                of(|limit| limit.cpu_us_per_item),
                of(|limit| limit.wal_bytes_per_item),
            );
        }
    }
    text
}

fn latency(report: &Report) -> String {
    if report.latencies.is_empty() {
        return String::new();
    }
    let mut text = format!(
        "From the moment an event is due to its commit, {:.0} s at a fixed rate, in milliseconds (p50 / p99).\n\n\
         | load | consumer | 25 % of its peak | 50 % | 80 % | process start to first row |\n|---|---|---|---|---|---|\n",
        report.latency_seconds
    );
    for (case, contender) in entries(report) {
        let those: Vec<&Latency> = report
            .latencies
            .iter()
            .filter(|it| it.case == case && it.contender == contender)
            .collect();
        if those.is_empty() {
            continue;
        }
        let at = |percent: usize| {
            let found = those.iter().find(|it| it.percent == percent);
            found.map_or_else(String::new, |it| format!("{:.0} / {:.0}", it.p50_ms, it.p99_ms))
        };
        let first = median(those.iter().map(|it| it.first_row_ms));
        let _ = writeln!(
            text,
            "| ({}) | {contender} | {} | {} | {} | {} |",
            case.letter(),
            at(25),
            at(50),
            at(80),
            first.map_or_else(String::new, |it| format!("{it:.0}")),
        );
    }
    text
}

fn kills(report: &Report) -> String {
    if report.kills.is_empty() {
        return String::new();
    }
    let mut text = "SIGKILL in the middle of load (a), then a new start.\n\n\
                    | consumer | rows lost | rows written twice | events stored before the kill |\n|---|---|---|---|\n"
        .to_owned();
    for kill in &report.kills {
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} of {} |",
            kill.contender, kill.lost_rows, kill.doubled_rows, kill.stored_before, kill.events
        );
    }
    text
}

fn scale(report: &Report) -> String {
    if report.scale.is_empty() {
        return String::new();
    }
    let mut text =
        "| axis | at | items/s | its CPU, µs an item | Postgres CPU, µs an item | WAL, bytes an item | resident peak, MiB | index bytes a post |\n\
         |---|---|---|---|---|---|---|---|\n"
            .to_owned();
    for point in &report.scale {
        let figures = &point.figures;
        let _ = writeln!(
            text,
            "| {} | {} | {:.0} | {:.0} | {:.0} | {:.0} | {:.0} | {:.0} |",
            point.axis,
            point.at,
            figures.items_per_second,
            figures.cpu_us_per_item,
            figures.postgres_us_per_item,
            figures.wal_bytes_per_item,
            figures.peak_mib,
            point.index_bytes_per_item,
        );
    }
    text
}
