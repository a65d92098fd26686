//! Reading the Prometheus text format.

use std::collections::BTreeMap;

/// What one look at `/metrics` showed.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Metrics {
    samples: Vec<Sample>,
}

/// One line.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// The metric's name, with its `_bucket`, `_sum` or `_count` where it is part of a histogram.
    pub name: String,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Its value.
    pub value: f64,
}

// === impl Metrics ===

impl Metrics {
    /// Reads all lines that are samples.
    pub fn parse(text: &str) -> Self {
        Self {
            samples: text.lines().filter_map(Sample::parse).collect(),
        }
    }

    /// Every sample, as they came.
    pub fn all(&self) -> impl Iterator<Item = &Sample> {
        self.samples.iter()
    }

    /// The samples of a name that have all these labels.
    pub fn samples(&self, name: &str, labels: &[(&str, &str)]) -> Vec<&Sample> {
        let wanted = |sample: &&Sample| {
            let has =
                |(label, value): &(&str, &str)| sample.labels.get(*label).is_some_and(|found| found == value);
            sample.name == name && labels.iter().all(has)
        };
        self.samples.iter().filter(wanted).collect()
    }

    /// The sum of the samples of a name that have all these labels; `None` when there is none.
    pub fn sum(&self, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
        let samples = self.samples(name, labels);
        if samples.is_empty() {
            None
        } else {
            Some(samples.iter().map(|sample| sample.value).sum())
        }
    }

    /// The sums of a metric by the values of one label.
    pub fn by_label(&self, name: &str, label: &str) -> BTreeMap<String, f64> {
        let mut sums = BTreeMap::new();
        for sample in self.samples(name, &[]) {
            if let Some(value) = sample.labels.get(label) {
                *sums.entry(value.clone()).or_default() += sample.value;
            }
        }
        sums
    }

    /// A quantile (0 to 1) of a histogram over all its labels, interpolated within the bucket as Prometheus does.
    pub fn quantile(&self, histogram: &str, quantile: f64) -> Option<f64> {
        let mut buckets: Vec<(f64, f64)> = Vec::new();
        for (bound, count) in self.by_label(&format!("{histogram}_bucket"), "le") {
            buckets.push((parse_number(&bound)?, count));
        }
        buckets.sort_by(|a, b| a.0.total_cmp(&b.0));
        let rank = buckets
            .last()
            .map(|(_, total)| total * quantile)
            .filter(|rank| *rank > 0.0)?;
        let (mut lower, mut below) = (0.0, 0.0);
        for (upper, count) in buckets {
            if count >= rank {
                // Beyond the last finite bound nothing is known but that bound.
                let share = (rank - below) / (count - below);
                return Some(if upper.is_finite() {
                    lower + (upper - lower) * share
                } else {
                    lower
                });
            }
            (lower, below) = (upper, count);
        }
        None
    }
}

// === impl Sample ===

impl Sample {
    fn parse(line: &str) -> Option<Self> {
        if line.starts_with('#') {
            return None;
        }
        let (name, labels, rest) = match line.split_once('{') {
            Some((name, rest)) => {
                let (labels, rest) = parse_labels(rest)?;
                (name, labels, rest)
            }
            None => {
                let (name, rest) = line.split_once(' ')?;
                (name, BTreeMap::new(), rest)
            }
        };
        let value = parse_number(rest.split_whitespace().next()?)?;
        Some(Self {
            name: name.trim().to_owned(),
            labels,
            value,
        })
    }
}

/// The labels up to the closing brace, and what follows it.
fn parse_labels(mut text: &str) -> Option<(BTreeMap<String, String>, &str)> {
    let mut labels = BTreeMap::new();
    loop {
        text = text.trim_start_matches([',', ' ']);
        if let Some(rest) = text.strip_prefix('}') {
            return Some((labels, rest));
        }
        let (name, rest) = text.split_once("=\"")?;
        let mut value = String::new();
        let mut chars = rest.char_indices();
        loop {
            match chars.next()? {
                (end, '"') => {
                    text = &rest[end + 1..];
                    break;
                }
                (_, '\\') => match chars.next()?.1 {
                    'n' => value.push('\n'),
                    other => value.push(other),
                },
                (_, other) => value.push(other),
            }
        }
        labels.insert(name.to_owned(), value);
    }
}

fn parse_number(text: &str) -> Option<f64> {
    match text {
        "+Inf" => Some(f64::INFINITY),
        "-Inf" => Some(f64::NEG_INFINITY),
        other => other.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# TYPE seconds histogram\n\
        seconds_bucket{le=\"0.1\",platform=\"a\"} 10\n\
        seconds_bucket{le=\"0.5\",platform=\"a\"} 20\n\
        seconds_bucket{le=\"+Inf\",platform=\"a\"} 20\n\
        seconds_bucket{le=\"0.1\",platform=\"b\"} 0\n\
        seconds_bucket{le=\"0.5\",platform=\"b\"} 20\n\
        seconds_bucket{le=\"+Inf\",platform=\"b\"} 20\n\
        failed_total{reason=\"a \\\"b\\\" }\"} 3\n\
        up 1\n\
        # EOF\n";

    #[test]
    fn samples_are_found_by_name_and_labels() {
        let metrics = Metrics::parse(TEXT);
        assert_eq!(metrics.sum("up", &[]), Some(1.0));
        assert_eq!(metrics.sum("failed_total", &[("reason", "a \"b\" }")]), Some(3.0));
        assert_eq!(metrics.sum("failed_total", &[("reason", "other")]), None);
        assert_eq!(metrics.sum("seconds_bucket", &[("platform", "a")]), Some(50.0));
    }

    #[test]
    fn a_quantile_is_interpolated_over_all_labels() {
        let metrics = Metrics::parse(TEXT);
        // 40 in all: 10 below 0.1, 30 between 0.1 and 0.5.
        assert_eq!(metrics.quantile("seconds", 0.25), Some(0.1));
        let middle = metrics.quantile("seconds", 0.625).unwrap();
        assert!((middle - 0.3).abs() < 1e-9, "{middle}");
        assert_eq!(metrics.quantile("missing", 0.5), None);
    }
}
