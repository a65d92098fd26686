//! The last log lines, kept in memory for the page and the API: the story of an event is what was logged
//! about it. Everything is bounded, and what is forgotten is what was quiet for longest.

use super::fields::Fields;
use jiff::Timestamp;
use lru::LruCache;
use serde_json::Value;
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::broadcast;

/// What is remembered, shared by its writer and its readers. Cheap to clone.
#[derive(Clone)]
pub struct Lines(Arc<Shared>);

struct Shared {
    kept: Mutex<Kept>,
    updates: broadcast::Sender<Update>,
}

/// A log line.
#[derive(Debug)]
pub struct Line {
    /// When.
    pub at: Timestamp,
    /// `ERROR`, `WARN`, `INFO` or `DEBUG`.
    pub level: &'static str,
    /// Which part of the program said it.
    pub target: &'static str,
    /// For people.
    pub message: String,
    /// For machines, those of the enclosing spans included.
    pub(super) fields: Fields,
}

/// A line that is worth telling at once.
#[derive(Clone, Debug)]
pub enum Update {
    /// Something was stored.
    Stored(Arc<Line>),
    /// An event was dead-lettered.
    DeadLetter(Arc<Line>),
    /// Something about an actor.
    Incident(Arc<Line>),
}

struct Kept {
    stories: LruCache<Arc<str>, VecDeque<Arc<Line>>>,
    /// Of all stories.
    bytes: usize,
    incidents: VecDeque<Arc<Line>>,
    dead_letters: VecDeque<(u64, Arc<Line>)>,
    /// Dead letters since the start, and how many of each reason.
    dead_lettered: u64,
    reasons: BTreeMap<String, u64>,
}

/// Events whose lines are kept.
const EVENTS: usize = 2_000;
/// Lines of one event.
const LINES_AN_EVENT: usize = 50;
/// Bytes of all of them, about.
const BYTES: usize = 8 << 20;
/// Lines about actors.
const INCIDENTS: usize = 100;
/// Dead letters.
const DEAD_LETTERS: usize = 500;
/// The longest text of a field, in bytes.
const LONGEST_TEXT: usize = 2_048;
/// How many [`Update`] a slow reader may be behind.
const BEHIND: usize = 256;

// === impl Lines ===

impl Default for Lines {
    fn default() -> Self {
        let kept = Kept {
            stories: LruCache::unbounded(),
            bytes: 0,
            incidents: VecDeque::new(),
            dead_letters: VecDeque::new(),
            dead_lettered: 0,
            reasons: BTreeMap::new(),
        };
        Self(Arc::new(Shared {
            kept: Mutex::new(kept),
            updates: broadcast::Sender::new(BEHIND),
        }))
    }
}

impl Lines {
    /// What was logged about an event, oldest first.
    pub fn story(&self, event_id: &str) -> Vec<Arc<Line>> {
        let kept = self.lock();
        let story = kept.stories.peek(event_id);
        story.into_iter().flatten().cloned().collect()
    }

    /// What was logged about actors, newest first.
    pub fn incidents(&self) -> Vec<Arc<Line>> {
        self.lock().incidents.iter().rev().cloned().collect()
    }

    /// Dead letters, newest first, each with its number: those `before` a number, of one `reason` if wanted.
    pub fn dead_letters(
        &self,
        before: Option<u64>,
        reason: Option<&str>,
        most: usize,
    ) -> Vec<(u64, Arc<Line>)> {
        let kept = self.lock();
        let newest_first = kept.dead_letters.iter().rev();
        let older = newest_first.filter(|(number, _)| before.is_none_or(|before| *number < before));
        let wanted = older.filter(|(_, line)| reason.is_none() || line.text("reason") == reason);
        wanted.take(most).cloned().collect()
    }

    /// How many dead letters of each reason there were since the start.
    pub fn reasons(&self) -> BTreeMap<String, u64> {
        self.lock().reasons.clone()
    }

    /// What happens from now on. Who is slow misses some.
    pub fn subscribe(&self) -> broadcast::Receiver<Update> {
        self.0.updates.subscribe()
    }

    /// Takes a line in, or drops it where it is about nothing that is kept.
    pub(super) fn add(&self, mut line: Line) {
        line.fields.cut(LONGEST_TEXT);
        let line = Arc::new(line);
        let event_id = line.text("event_id");
        let incident = line.is_incident();
        let fate = line.text("fate");
        if event_id.is_none() && !incident && fate.is_none() {
            return;
        }
        let mut kept = self.lock();
        if let Some(event_id) = event_id {
            kept.tell(event_id, &line);
        }
        if incident {
            push(&mut kept.incidents, line.clone(), INCIDENTS);
        }
        if fate == Some("dead_lettered") {
            kept.dead_letter(&line);
        }
        drop(kept);
        let update = match fate {
            _ if incident => Update::Incident(line.clone()),
            Some("stored") => Update::Stored(line.clone()),
            Some("dead_lettered") => Update::DeadLetter(line.clone()),
            _ => return,
        };
        let _ = self.0.updates.send(update); // without a reader it is dropped
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        // Nothing panics while holding the lock, and nothing is logged.
        self.0.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Kept ===

impl Kept {
    fn tell(&mut self, event_id: &str, line: &Arc<Line>) {
        if self.stories.get(event_id).is_none() {
            self.stories.put(event_id.into(), VecDeque::new());
        }
        let Some(story) = self.stories.get_mut(event_id) else {
            return;
        };
        self.bytes += line.weight();
        let forgotten = push(story, line.clone(), LINES_AN_EVENT);
        self.bytes -= forgotten.map_or(0, |line| line.weight());
        while self.stories.len() > EVENTS || (self.bytes > BYTES && self.stories.len() > 1) {
            let Some((_, story)) = self.stories.pop_lru() else {
                break;
            };
            self.bytes -= story.iter().map(|line| line.weight()).sum::<usize>();
        }
    }

    fn dead_letter(&mut self, line: &Arc<Line>) {
        self.dead_lettered += 1;
        let reason = line.text("reason").unwrap_or("unknown");
        *self.reasons.entry(reason.to_owned()).or_default() += 1;
        push(
            &mut self.dead_letters,
            (self.dead_lettered, line.clone()),
            DEAD_LETTERS,
        );
    }
}

/// Adds one and takes the oldest out where there are too many.
fn push<T>(queue: &mut VecDeque<T>, new: T, most: usize) -> Option<T> {
    queue.push_back(new);
    (queue.len() > most).then(|| queue.pop_front()).flatten()
}

// === impl Line ===

impl Line {
    /// A field that is text.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.field(name)?.as_str()
    }

    /// A field that is a count.
    pub fn count(&self, name: &str) -> Option<u64> {
        self.field(name)?.as_u64()
    }

    /// Whether there is such a field.
    pub fn has(&self, name: &str) -> bool {
        self.field(name).is_some()
    }

    /// All fields, in the order in which they were recorded.
    pub fn fields(&self) -> impl Iterator<Item = (&'static str, &Value)> {
        self.fields.iter()
    }

    fn field(&self, name: &str) -> Option<&Value> {
        let mut fields = self.fields.iter();
        fields.find_map(|(known, value)| (known == name).then_some(value))
    }

    /// Supervision speaks of actors and breakers; its details are for debugging.
    fn is_incident(&self) -> bool {
        self.target.starts_with("millrace_engine")
            && self.level != "DEBUG"
            && self
                .fields
                .iter()
                .any(|(name, _)| name == "actor" || name.starts_with("breaker."))
    }

    /// Bytes in memory, about.
    fn weight(&self) -> usize {
        size_of::<Self>() + self.message.len() + self.fields.weight()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(fields: &[(&'static str, &str)]) -> Line {
        Line {
            at: Timestamp::UNIX_EPOCH,
            level: "INFO",
            target: "millrace_amqp",
            message: "something happened".to_owned(),
            fields: fields
                .iter()
                .map(|(name, text)| (*name, Value::from(*text)))
                .collect(),
        }
    }

    #[test]
    fn the_quietest_event_is_forgotten_first() {
        let lines = Lines::default();
        let name = |n: usize| format!("e{n}");
        for n in 0..EVENTS {
            lines.add(line(&[("event_id", &name(n))]));
        }
        lines.add(line(&[("event_id", "e0")]));
        lines.add(line(&[("event_id", "new")]));
        assert_eq!(lines.story("e0").len(), 2);
        assert!(lines.story("e1").is_empty());
        assert_eq!(lines.story("e2").len(), 1);
    }

    #[test]
    fn an_event_keeps_its_last_lines() {
        let lines = Lines::default();
        for n in 0..LINES_AN_EVENT + 7 {
            lines.add(line(&[("event_id", "e"), ("n", &n.to_string())]));
        }
        let story = lines.story("e");
        assert_eq!(story.len(), LINES_AN_EVENT);
        assert_eq!(story[0].text("n"), Some("7"));
    }

    #[test]
    fn memory_is_bounded_whatever_is_logged() {
        let lines = Lines::default();
        let long = "é".repeat(100_000);
        let weigh = |lines: &Lines| -> usize {
            let kept = lines.lock();
            let all = kept.stories.iter().flat_map(|(_, story)| story);
            all.map(|line| line.weight()).sum()
        };
        for n in 0..20_000 {
            lines.add(line(&[("event_id", &(n % 100).to_string()), ("detail", &long)]));
        }
        let story = lines.story("99");
        assert!(story[0].text("detail").unwrap().len() <= LONGEST_TEXT + "…".len());
        assert!(weigh(&lines) <= BYTES);
        assert_eq!(weigh(&lines), lines.lock().bytes, "the count is kept right");
    }

    #[test]
    fn dead_letters_are_counted_for_ever_and_listed_newest_first() {
        let lines = Lines::default();
        for n in 0..DEAD_LETTERS + 10 {
            let reason = if n % 2 == 0 { "bad_path" } else { "too_deep" };
            lines.add(line(&[
                ("fate", "dead_lettered"),
                ("reason", reason),
                ("n", &n.to_string()),
            ]));
        }
        assert_eq!(lines.reasons()["bad_path"], 255);
        let newest = lines.dead_letters(None, None, 3);
        assert_eq!(newest[0].1.text("n"), Some("509"));
        let next = lines.dead_letters(Some(newest[2].0), Some("too_deep"), 1);
        assert_eq!(next[0].1.text("n"), Some("505"));
        assert_eq!(lines.dead_letters(None, None, 1_000).len(), DEAD_LETTERS);
    }

    #[test]
    fn what_is_about_no_event_and_no_actor_is_not_kept() {
        let lines = Lines::default();
        lines.add(line(&[("queue", "q")]));
        lines.add(line(&[("actor", "ingress")]));
        assert!(lines.incidents().is_empty(), "not from the supervision");
        let failed = Line {
            target: "millrace_engine::announce",
            ..line(&[("actor", "fetcher-0"), ("event_id", "e")])
        };
        lines.add(failed);
        assert_eq!(lines.incidents().len(), 1);
        assert_eq!(lines.story("e").len(), 1);
    }
}
