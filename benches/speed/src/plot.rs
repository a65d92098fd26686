//! Speeds as bars, in SVG.

use crate::{report::Report, table};
use std::fmt::Write;

const WIDTH: f64 = 860.0;
/// Room for the names, left of the bars.
const NAMES: f64 = 260.0;
/// Room for the numbers, right of the longest bar.
const NUMBERS: f64 = 90.0;
const ROW: f64 = 18.0;
const GAP: f64 = 14.0;
const COLOURS: [&str; 5] = ["#3566a8", "#c8772e", "#4d8f53", "#7b5ba6", "#a84444"];
const OF_COPY: &str = "#9a9a9a";

/// One bar.
struct Bar {
    name: String,
    items_per_second: f64,
    colour: &'static str,
}

/// A group for each load of each report: everyone who took part, and `COPY`.
pub(crate) fn of(reports: &[Report]) -> String {
    let groups: Vec<_> = reports.iter().flat_map(groups).collect();
    let most = groups
        .iter()
        .flat_map(|(_, bars)| bars)
        .map(|bar| bar.items_per_second)
        .fold(1.0, f64::max);
    let scale = (WIDTH - NAMES - NUMBERS) / most;
    let mut y = 30.0;
    let mut body = String::new();
    for (title, bars) in &groups {
        let _ = writeln!(
            body,
            r#"<text x="10" y="{:.0}" font-weight="bold">{}</text>"#,
            y,
            escaped(title)
        );
        for bar in bars {
            y += ROW;
            let width = bar.items_per_second * scale;
            let _ = writeln!(
                body,
                r#"<text x="{:.0}" y="{:.0}" text-anchor="end">{}</text><rect x="{NAMES}" y="{:.0}" width="{width:.1}" height="13" fill="{}"/><text x="{:.0}" y="{:.0}">{:.0}</text>"#,
                NAMES - 8.0,
                y,
                escaped(&bar.name),
                y - 11.0,
                bar.colour,
                NAMES + width + 6.0,
                y,
                bar.items_per_second,
            );
        }
        y += ROW + GAP;
    }
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{y:.0}\" font-family=\"sans-serif\" font-size=\"12\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n{body}</svg>\n"
    )
}

fn groups(report: &Report) -> Vec<(String, Vec<Bar>)> {
    let entries = table::entries(report);
    let mut cases: Vec<_> = entries.iter().map(|(case, _)| *case).collect();
    cases.dedup();
    let group = |case| {
        let those = entries.iter().filter(|(of, _)| *of == case).enumerate();
        let mut bars: Vec<_> = those
            .filter_map(|(number, (_, contender))| {
                Some(Bar {
                    name: (*contender).to_owned(),
                    items_per_second: table::of_runs(report, case, contender, |it| it.items_per_second)?,
                    colour: COLOURS[number % COLOURS.len()],
                })
            })
            .collect();
        bars.extend(table::of_limit(report, case, "COPY").map(|items_per_second| Bar {
            name: "COPY, two connections".to_owned(),
            items_per_second,
            colour: OF_COPY,
        }));
        let held = if report.pinned { ", a core each" } else { "" };
        (
            format!("({}) {}: items/s{held}", case.letter(), case.title()),
            bars,
        )
    };
    cases.into_iter().map(group).collect()
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}
