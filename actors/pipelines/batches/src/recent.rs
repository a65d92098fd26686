//! What happened in the last minutes, in slots: for rates, alerts and plots. Counters tell how much there
//! was since the start; this tells how it went lately, also without a scraper.

use hdrhistogram::Histogram;
use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// The last fifteen minutes of one process. Cheap to clone; clones share what they hold.
#[derive(Clone, Debug)]
pub struct Recent(Arc<Mutex<Slots>>);

/// What happened in a slot, or in several.
#[derive(Clone, Debug, Default)]
pub struct Happened {
    /// Events stored and acknowledged.
    pub stored: u64,
    /// Events that ended as dead letters.
    pub dead_lettered: u64,
    /// Events sent back to be tried again.
    pub retried: u64,
    /// Items stored, by platform label.
    pub items: BTreeMap<&'static str, ItemCounts>,
    /// How long the stored events took.
    pub latency: Latency,
}

/// Items by outcome.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ItemCounts {
    /// Posts.
    pub success: u64,
    /// Crawl errors.
    pub error: u64,
    /// Rejected items.
    pub rejected: u64,
}

/// Times from delivery to acknowledgement; none where there were none.
#[derive(Clone, Debug, Default)]
pub struct Latency(Option<Histogram<u32>>);

/// A slot and how long ago it began.
#[derive(Clone, Debug)]
pub struct Slot {
    /// Time since its beginning.
    pub age: Duration,
    /// What happened in it.
    pub happened: Happened,
}

#[derive(Debug)]
struct Slots {
    /// Slots are counted from here.
    start: Instant,
    /// Only slots in which something happened, by number.
    slots: VecDeque<(u64, Happened)>,
}

/// Length of a slot.
pub const SLOT: Duration = Duration::from_secs(5);
/// What is remembered.
pub const WINDOW: Duration = Duration::from_secs(15 * 60);

/// Longer than any event takes; what is longer counts as this.
const LONGEST_MS: u64 = 3_600_000;

// === impl Recent ===

impl Recent {
    /// Nothing has happened yet; slots are counted from `start`.
    pub fn new(start: Instant) -> Self {
        let slots = VecDeque::new();
        Self(Arc::new(Mutex::new(Slots { start, slots })))
    }

    /// Notes what happens at `now`.
    pub fn note(&self, now: Instant, what: impl FnOnce(&mut Happened)) {
        what(self.lock().at(now));
    }

    /// What happened within `span` before `now`, to the slot.
    pub fn within(&self, now: Instant, span: Duration) -> Happened {
        let slots = self.lock();
        let mut sum = Happened::default();
        for (_, happened) in slots.since(slots.first(now, span)) {
            sum.add(happened);
        }
        sum
    }

    /// Every slot within `span` before `now`, oldest first, also those in which nothing happened. The
    /// last one is not over yet.
    pub fn series(&self, now: Instant, span: Duration) -> Vec<Slot> {
        let slots = self.lock();
        let first = slots.first(now, span);
        let mut all: Vec<_> = (first..=slots.number(now))
            .map(|number| Slot {
                age: now.saturating_duration_since(slots.start + SLOT * number as u32),
                happened: Happened::default(),
            })
            .collect();
        for (number, happened) in slots.since(first) {
            // A thread whose clock is ahead may have opened a slot after `now`.
            if let Some(slot) = all.get_mut((number - first) as usize) {
                slot.happened = happened.clone();
            }
        }
        all
    }

    fn lock(&self) -> MutexGuard<'_, Slots> {
        // Counts stay sound whatever happened to the thread that held them.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for Recent {
    fn default() -> Self {
        Self::new(Instant::now())
    }
}

// === impl Slots ===

impl Slots {
    fn number(&self, now: Instant) -> u64 {
        now.saturating_duration_since(self.start).as_secs() / SLOT.as_secs()
    }

    /// The oldest slot of `span`, the one that is not over included.
    fn first(&self, now: Instant, span: Duration) -> u64 {
        let slots = span.min(WINDOW).as_secs().div_ceil(SLOT.as_secs());
        (self.number(now) + 1).saturating_sub(slots)
    }

    fn since(&self, first: u64) -> impl Iterator<Item = (u64, &Happened)> {
        let known = self.slots.iter().map(|(number, happened)| (*number, happened));
        known.skip_while(move |(number, _)| *number < first)
    }

    /// The slot of `now`. Threads come a moment out of order, so an older one serves what comes late.
    fn at(&mut self, now: Instant) -> &mut Happened {
        let oldest = self.first(now, WINDOW);
        while self.slots.front().is_some_and(|(number, _)| *number < oldest) {
            self.slots.pop_front();
        }
        let number = self.number(now);
        if self.slots.back().is_none_or(|(last, _)| *last < number) {
            self.slots.push_back((number, Happened::default()));
        }
        let last = self.slots.len() - 1;
        &mut self.slots[last].1
    }
}

// === impl Happened ===

impl Happened {
    /// Items of all platforms.
    pub fn all_items(&self) -> ItemCounts {
        let mut sum = ItemCounts::default();
        self.items.values().for_each(|counts| sum.add(*counts));
        sum
    }

    fn add(&mut self, other: &Self) {
        self.stored += other.stored;
        self.dead_lettered += other.dead_lettered;
        self.retried += other.retried;
        for (platform, counts) in &other.items {
            self.items.entry(platform).or_default().add(*counts);
        }
        self.latency.add(&other.latency);
    }
}

// === impl ItemCounts ===

impl ItemCounts {
    /// Items of every outcome.
    pub fn total(self) -> u64 {
        self.success + self.error + self.rejected
    }

    /// Percent of the items that are posts; none of no items: a rate of nothing is not 0 %.
    pub fn success_percent(self) -> Option<f64> {
        (self.total() > 0).then(|| 100.0 * self.success as f64 / self.total() as f64)
    }

    /// Adds other items.
    pub fn add(&mut self, other: Self) {
        self.success += other.success;
        self.error += other.error;
        self.rejected += other.rejected;
    }
}

// === impl Latency ===

impl Latency {
    /// Notes one event.
    pub fn record(&mut self, took: Duration) {
        let ms = u64::try_from(took.as_millis()).unwrap_or(LONGEST_MS);
        // Two digits are enough to look at and to compare with a threshold.
        let fresh = || Histogram::new_with_bounds(1, LONGEST_MS, 2).expect("the bounds are in order");
        self.0.get_or_insert_with(fresh).saturating_record(ms.max(1));
    }

    /// The time that `percent` of the events did not exceed, to one percent.
    pub fn percentile(&self, percent: f64) -> Option<Duration> {
        let times = self.0.as_ref()?;
        Some(Duration::from_millis(times.value_at_percentile(percent)))
    }

    fn add(&mut self, other: &Self) {
        let Some(times) = &other.0 else { return };
        match &mut self.0 {
            Some(sum) => sum.add(times).expect("all histograms have the same bounds"),
            None => self.0 = Some(times.clone()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn items(success: u64, error: u64) -> ItemCounts {
        ItemCounts {
            success,
            error,
            rejected: 0,
        }
    }

    #[test]
    fn what_is_older_than_the_span_no_longer_counts() {
        let start = Instant::now();
        let after = |seconds| start + Duration::from_secs(seconds);
        let recent = Recent::new(start);
        for (second, counts) in [(0, items(0, 10)), (9, items(10, 0)), (100, items(19, 1))] {
            recent.note(after(second), |now| {
                now.items.entry("tiktok").or_default().add(counts);
            });
        }
        let five_minutes = Duration::from_secs(300);
        let all = recent.within(after(299), five_minutes).items["tiktok"];
        assert_eq!(all, items(29, 11));
        assert_eq!(all.success_percent(), Some(72.5));
        assert_eq!(
            recent.within(after(309), five_minutes).items["tiktok"],
            items(19, 1)
        );
        let none = recent.within(after(400), five_minutes);
        assert!(none.items.is_empty());
        assert_eq!(none.all_items().success_percent(), None);
    }

    #[test]
    fn a_series_has_every_slot_and_forgets_what_is_older_than_the_window() {
        let start = Instant::now();
        let after = |seconds| start + Duration::from_secs(seconds);
        let recent = Recent::new(start);
        recent.note(after(1), |now| now.stored += 1);
        recent.note(after(12), |now| now.stored += 2);
        let stored = |now, span| {
            let series = recent.series(after(now), Duration::from_secs(span));
            series
                .iter()
                .map(|slot| (slot.age.as_secs(), slot.happened.stored))
                .collect::<Vec<_>>()
        };
        assert_eq!(stored(13, 60), [(13, 1), (8, 0), (3, 2)]);
        assert_eq!(stored(21, 10), [(6, 0), (1, 0)]);
        assert_eq!(stored(5_000, 900).len(), 180);
        recent.note(after(5_000), |now| now.stored += 1);
        assert_eq!(recent.lock().slots.len(), 1, "the old ones are gone");
    }

    #[test]
    fn percentiles_are_of_all_events_of_the_span() {
        let start = Instant::now();
        let recent = Recent::new(start);
        for ms in 1..=100 {
            let at = start + Duration::from_secs(ms % 20);
            recent.note(at, |now| now.latency.record(Duration::from_millis(ms)));
        }
        let latency = recent.within(start + Duration::from_secs(20), WINDOW).latency;
        assert_eq!(latency.percentile(50.0), Some(Duration::from_millis(50)));
        assert_eq!(latency.percentile(95.0), Some(Duration::from_millis(95)));
        assert_eq!(Latency::default().percentile(95.0), None);
    }

    #[test]
    fn what_comes_late_is_not_lost() {
        let start = Instant::now();
        let recent = Recent::new(start);
        recent.note(start + Duration::from_secs(7), |now| now.stored += 1);
        recent.note(start + Duration::from_secs(4), |now| now.stored += 1);
        assert_eq!(recent.within(start + Duration::from_secs(8), WINDOW).stored, 2);
    }
}
