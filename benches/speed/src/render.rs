//! Puts figures into a document, between two marks.

use crate::{plot, report::Report, table};
use anyhow::Context;
use std::{fs, path::Path};

const BEGIN: &str = "<!-- measured: begin -->\n";
const END: &str = "<!-- measured: end -->\n";

/// Writes the tables of these reports into the document, and draws the speeds.
pub(crate) fn into(document: &Path, plot: &Path, reports: &[Report]) -> anyhow::Result<()> {
    let text = fs::read_to_string(document).with_context(|| format!("cannot read {}", document.display()))?;
    let tables: Vec<_> = reports.iter().map(table::of).collect();
    fs::write(document, between_marks(&text, &tables.join("\n"))?)?;
    fs::write(plot, plot::of(reports))?;
    Ok(())
}

fn between_marks(text: &str, generated: &str) -> anyhow::Result<String> {
    let (before, rest) = text
        .split_once(BEGIN)
        .context("the document has no mark to begin at")?;
    let (_, after) = rest
        .split_once(END)
        .context("the document has no mark to end at")?;
    Ok(format!("{before}{BEGIN}\n{generated}\n{END}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{Kill, Latency, Limit, Point, Run};
    use crate::{machine::Machine, report::Figures, shape::Case};

    fn figures(items_per_second: f64) -> Figures {
        Figures {
            items: 100,
            json_bytes_per_item: 10_000.0,
            seconds: 100.0 / items_per_second,
            items_per_second,
            rows_per_second: items_per_second * 24.0,
            cpu_us_per_item: 60.0,
            postgres_us_per_item: 140.0,
            wal_bytes_per_item: 9_000.0,
            peak_mib: 50.0,
        }
    }

    fn report() -> Report {
        let run = |round, contender: &str, speed| Run {
            case: Case::A,
            round,
            contender: contender.to_owned(),
            figures: figures(speed),
        };
        let copy = |round, items_per_second| Limit {
            case: Case::A,
            round,
            name: "COPY".to_owned(),
            items_per_second,
            cpu_us_per_item: Some(136.0),
            wal_bytes_per_item: None,
        };
        Report {
            machine: Machine::default(),
            pinned: false,
            rounds: 3,
            latency_seconds: 10.0,
            // The second round met a busy machine; the ratio is that of each round.
            runs: vec![
                run(1, "millrace", 8_000.0),
                run(2, "millrace", 4_000.0),
                run(3, "millrace", 8_400.0),
                run(1, "Go <3", 4_000.0),
            ],
            limits: vec![copy(1, 10_000.0), copy(2, 5_000.0), copy(3, 10_000.0)],
            latencies: vec![Latency {
                case: Case::A,
                contender: "millrace".to_owned(),
                percent: 50,
                items_per_second: 4_000.0,
                events: 700,
                p50_ms: 12.3,
                p99_ms: 41.0,
                first_row_ms: 250.0,
            }],
            kills: vec![Kill {
                contender: "millrace".to_owned(),
                events: 200,
                stored_before: 70,
                lost_rows: 0,
                doubled_rows: 0,
            }],
            scale: vec![Point {
                axis: "rows".to_owned(),
                at: "10000".to_owned(),
                x: 10_000.0,
                figures: figures(5_000.0),
                index_bytes_per_item: 700.0,
            }],
        }
    }

    #[test]
    fn the_generated_part_takes_the_place_of_the_one_before() {
        let once = between_marks(&format!("# Speed\n\n{BEGIN}old\n{END}\nrest\n"), "new\n").unwrap();
        assert_eq!(once, format!("# Speed\n\n{BEGIN}\nnew\n\n{END}\nrest\n"));
        assert_eq!(between_marks(&once, "new\n").unwrap(), once);
        assert!(between_marks("no mark", "new").is_err());
    }

    #[test]
    fn every_figure_has_its_place() {
        let text = table::of(&report());
        assert!(
            text.contains("| (a) TikTok | millrace | 8000 | 192000 | 0.80 | 60 | 140 | 9000 | 50 |"),
            "{text}"
        );
        assert!(text.contains("| (a) | COPY | 10000 | 136 |  |"), "{text}");
        assert!(
            text.contains("| (a) | millrace |  | 12 / 41 |  | 250 |"),
            "{text}"
        );
        assert!(text.contains("| millrace | 0 | 0 | 70 of 200 |"), "{text}");
        assert!(text.contains("| rows | 10000 | 5000 |"), "{text}");
    }

    #[test]
    fn a_report_survives_its_file() {
        let json = serde_json::to_string(&report()).unwrap();
        let read: Report = serde_json::from_str(&json).unwrap();
        assert_eq!(serde_json::to_string(&read).unwrap(), json);
    }

    #[test]
    fn the_plot_is_well_formed_whatever_the_labels() {
        let svg = plot::of(&[report()]);
        assert!(svg.contains("Go &lt;3") && !svg.contains("Go <3"), "{svg}");
        assert_eq!(svg.matches("<svg").count(), svg.matches("</svg>").count());
    }
}
