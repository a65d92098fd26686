//! The fields of an event or a span, as JSON values in the order in which they were recorded.

use millrace_text::mask;
use serde_json::Value;
use std::error::Error;
use std::fmt;
use tracing::field::{Field, Visit};

/// Fields by name; each name once.
#[derive(Clone, Debug, Default)]
pub(super) struct Fields(Vec<(&'static str, Value)>);

/// Names whose values are searched for as they stand, so they are not masked; no address stands there.
const IDS: [&str; 6] = ["event_id", "job_id", "project_id", "trace_id", "span_id", "actor"];

// === impl Fields ===

impl Fields {
    pub(super) fn iter(&self) -> impl Iterator<Item = (&'static str, &Value)> {
        self.0.iter().map(|(name, value)| (*name, value))
    }

    /// Takes one field out.
    pub(super) fn take(&mut self, name: &str) -> Option<Value> {
        let at = self.0.iter().position(|(known, _)| *known == name)?;
        Some(self.0.remove(at).1)
    }

    /// Adds what is not there yet.
    pub(super) fn fill(&mut self, others: &Self) {
        for (name, value) in others.iter() {
            if !self.0.iter().any(|(known, _)| *known == name) {
                self.0.push((name, value.clone()));
            }
        }
    }

    /// Shortens texts that are longer than so many bytes.
    pub(super) fn cut(&mut self, longest: usize) {
        for (_, value) in &mut self.0 {
            if let Value::String(text) = value
                && text.len() > longest
            {
                *value = format!("{}…", &text[..text.floor_char_boundary(longest)]).into();
            }
        }
    }

    /// Bytes in memory, about.
    pub(super) fn weight(&self) -> usize {
        let one = |(_, value): &(&'static str, Value)| {
            size_of::<(&'static str, Value)>() + value.as_str().map_or(0, str::len)
        };
        self.0.iter().map(one).sum()
    }

    /// A later value replaces an earlier one: that is what recording a span's empty field is for.
    fn put(&mut self, field: &Field, value: impl Into<Value>) {
        let name = field.name();
        if name.starts_with("otel.") {
            return; // how a span is exported
        }
        let mut value = value.into();
        if let Value::String(text) = &mut value
            && !IDS.contains(&name)
        {
            mask::mask(text);
        }
        match self.0.iter_mut().find(|(known, _)| *known == name) {
            Some((_, known)) => *known = value,
            None => self.0.push((name, value)),
        }
    }
}

impl FromIterator<(&'static str, Value)> for Fields {
    fn from_iter<I: IntoIterator<Item = (&'static str, Value)>>(fields: I) -> Self {
        Self(fields.into_iter().collect())
    }
}

impl Visit for Fields {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, value);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, value);
    }

    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        let mut text = value.to_string();
        let mut cause = value.source();
        while let Some(error) = cause {
            text += &format!(": {error}");
            cause = error.source();
        }
        self.put(field, text);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put(field, format!("{value:?}"));
    }
}
