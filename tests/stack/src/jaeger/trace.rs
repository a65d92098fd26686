//! Traces as Jaeger's query API tells them.

use std::collections::{BTreeMap, HashMap};

use serde::Deserialize;
use serde_json::Value;

/// One trace with all its spans.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Trace {
    /// 32 hexadecimal digits.
    #[serde(rename = "traceID")]
    pub id: String,
    /// In no order.
    pub spans: Vec<Span>,
    processes: HashMap<String, Resource>,
}

/// One span.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Span {
    /// 16 hexadecimal digits.
    #[serde(rename = "spanID")]
    pub id: String,
    /// Its name.
    #[serde(rename = "operationName")]
    pub name: String,
    /// Its parent and its links.
    #[serde(default)]
    pub references: Vec<Reference>,
    /// Microseconds since 1970.
    pub start_time: u64,
    /// Microseconds.
    pub duration: u64,
    #[serde(default)]
    tags: Vec<Tag>,
    #[serde(rename = "processID")]
    process: String,
}

/// Another span that a span names.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Reference {
    /// `CHILD_OF` for the parent, `FOLLOWS_FROM` for a link.
    #[serde(rename = "refType")]
    pub kind: String,
    /// The other span's trace.
    #[serde(rename = "traceID")]
    pub trace: String,
    /// The other span.
    #[serde(rename = "spanID")]
    pub span: String,
}

/// What made a span.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Resource {
    service_name: String,
    #[serde(default)]
    tags: Vec<Tag>,
}

#[derive(Debug, Clone, Deserialize)]
struct Tag {
    key: String,
    value: Value,
}

// === impl Trace ===

impl Trace {
    /// The spans of a name.
    pub fn named(&self, name: &str) -> Vec<&Span> {
        self.spans.iter().filter(|span| span.name == name).collect()
    }

    /// A span by its id.
    pub fn span(&self, id: &str) -> Option<&Span> {
        self.spans.iter().find(|span| span.id == id)
    }

    /// The children of a span, the first to start first.
    pub fn children(&self, of: &Span) -> Vec<&Span> {
        let is_child = |span: &&Span| span.parent().is_some_and(|parent| parent.span == of.id);
        let mut children: Vec<_> = self.spans.iter().filter(is_child).collect();
        children.sort_by_key(|span| span.start_time);
        children
    }

    /// The attributes of the resource that made a span, `service.name` among them.
    pub fn resource(&self, span: &Span) -> BTreeMap<&str, &Value> {
        let resource = self.processes.get(&span.process);
        resource
            .map(|resource| by_key(&resource.tags))
            .unwrap_or_default()
    }

    /// The service that made a span.
    pub fn service(&self, span: &Span) -> Option<&str> {
        Some(&self.processes.get(&span.process)?.service_name)
    }
}

// === impl Span ===

impl Span {
    /// Its attributes; kind and status are among them, as `span.kind` and `otel.status_code`.
    pub fn tags(&self) -> BTreeMap<&str, &Value> {
        by_key(&self.tags)
    }

    /// One attribute.
    pub fn tag(&self, key: &str) -> Option<&Value> {
        self.tags.iter().find(|tag| tag.key == key).map(|tag| &tag.value)
    }

    /// The span that it is part of, which may not have arrived.
    pub fn parent(&self) -> Option<&Reference> {
        self.references
            .iter()
            .find(|reference| reference.kind == "CHILD_OF")
    }

    /// The spans that it has to do with.
    pub fn links(&self) -> Vec<&Reference> {
        let is_link = |reference: &&Reference| reference.kind == "FOLLOWS_FROM";
        self.references.iter().filter(is_link).collect()
    }

    /// When it ended, in microseconds since 1970.
    pub fn end_time(&self) -> u64 {
        self.start_time + self.duration
    }
}

fn by_key(tags: &[Tag]) -> BTreeMap<&str, &Value> {
    tags.iter().map(|tag| (tag.key.as_str(), &tag.value)).collect()
}
