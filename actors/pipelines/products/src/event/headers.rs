//! The headers of a record that say something about its event.

use bytes::Bytes;

/// Values of the headers that are known; the first of equal names that has a value counts. Names are compared without
/// regard to case: clients of some languages normalize them.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Headers<'a> {
    pub event_id: Option<&'a [u8]>,
    pub content_type: Option<&'a [u8]>,
    pub traceparent: Option<&'a [u8]>,
    /// Of a CloudEvent in binary mode.
    pub ce_id: Option<&'a [u8]>,
    pub ce_type: Option<&'a [u8]>,
    pub ce_time: Option<&'a [u8]>,
    pub ce_traceparent: Option<&'a [u8]>,
}

// === impl Headers ===

impl<'a> Headers<'a> {
    /// Of the headers of a record.
    pub(super) fn new(headers: &'a [(String, Option<Bytes>)]) -> Self {
        let mut known = Self::default();
        for (name, value) in headers {
            let Some(value) = value.as_deref().filter(|value| !value.is_empty()) else {
                continue;
            };
            if let Some(place) = known.place(name) {
                place.get_or_insert(value);
            }
        }
        known
    }

    fn place(&mut self, name: &str) -> Option<&mut Option<&'a [u8]>> {
        let is = |known: &str| name.eq_ignore_ascii_case(known);
        match name.len() {
            5 if is("ce_id") => Some(&mut self.ce_id),
            7 if is("ce_type") => Some(&mut self.ce_type),
            7 if is("ce_time") => Some(&mut self.ce_time),
            8 if is("event-id") => Some(&mut self.event_id),
            11 if is("traceparent") => Some(&mut self.traceparent),
            12 if is("content-type") => Some(&mut self.content_type),
            14 if is("ce_traceparent") => Some(&mut self.ce_traceparent),
            _ => None,
        }
    }

    /// Whether the value is a CloudEvent with everything in it.
    pub(super) fn say_structured(&self) -> bool {
        const STRUCTURED: &[u8] = b"application/cloudevents";
        let start = self.content_type.and_then(|value| value.get(..STRUCTURED.len()));
        start.is_some_and(|start| start.eq_ignore_ascii_case(STRUCTURED))
    }
}
