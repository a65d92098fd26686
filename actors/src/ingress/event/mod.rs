//! stub
use crate::{
    domain::{CrawlEvent, Delivery, Reason},
    messages::BatchSource,
};
pub struct Decoded {
    pub event: CrawlEvent,
    pub source: BatchSource,
    pub notes: Vec<Note>,
}
pub struct Refusal {
    pub reason: Reason,
    pub detail: String,
    pub event_id: Option<String>,
}
pub enum Note {
    JobIdUnparsed,
}
impl Note {
    pub fn code(&self) -> &'static str {
        "x"
    }
}
pub fn decode(_: &[u8], _: Option<&str>, _: Delivery) -> Result<Decoded, Refusal> {
    Err(Refusal {
        reason: Reason::MalformedEvent,
        detail: String::new(),
        event_id: None,
    })
}
pub fn trace_id(_: &str) -> Option<String> {
    None
}
