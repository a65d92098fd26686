//! What this replica did in the last minutes.

use crate::http::{Extent, Replica};
use jiff::Timestamp;
use millrace_batches::recent::{ItemCounts, Recent, SLOT, Slot, WINDOW};
use serde::Serialize;
use std::time::{Duration, Instant};
use utoipa::ToSchema;

/// What the pipeline adds to the status document.
#[derive(Serialize, ToSchema)]
pub(super) struct Lately {
    recent: Series,
    rates: Rates,
}

/// The last minutes.
#[derive(Serialize, ToSchema)]
struct Series {
    /// Length of a slot.
    slot_seconds: u64,
    /// Oldest first; the last one is not over. At most 180, and 2 in a stream.
    slots: Vec<SlotReport>,
}

/// What happened in a slot.
#[derive(Serialize, ToSchema)]
struct SlotReport {
    /// When it began.
    at: Timestamp,
    /// Events stored.
    stored: u64,
    /// Events given up.
    dead_lettered: u64,
    /// Events sent back to be tried again.
    retried: u64,
    /// Items that are posts.
    success: u64,
    /// Items that are crawl errors.
    error: u64,
    /// Items that could not be read.
    rejected: u64,
    /// Half of the stored events took no longer, from delivery to acknowledgement.
    p50_ms: Option<u64>,
    /// 95 of 100 took no longer.
    p95_ms: Option<u64>,
}

/// Items of the last minutes.
#[derive(Serialize, ToSchema)]
struct Rates {
    /// What they speak of.
    window_seconds: u64,
    /// Those that had any.
    platforms: Vec<PlatformRate>,
}

/// Items of one platform.
#[derive(Serialize, ToSchema)]
struct PlatformRate {
    /// `tiktok`, `youtube`, `other`.
    platform: &'static str,
    /// Posts.
    success: u64,
    /// Crawl errors.
    error: u64,
    /// Items that could not be read.
    rejected: u64,
    /// Part that is posts.
    success_percent: Option<f64>,
}

/// What the rates speak of.
const RATES_OF: Duration = Duration::from_secs(5 * 60);

/// In a stream: the slot that is not over, and the one before it, which may just have ended.
const NEWEST: u32 = 2;

// === impl Lately ===

impl Lately {
    pub(super) fn now(recent: &Recent, replica: &Replica, extent: Extent) -> Self {
        let now = Instant::now();
        let span = match extent {
            Extent::Whole => WINDOW,
            Extent::Newest => SLOT * NEWEST,
        };
        Self {
            recent: Series::new(recent, replica, now, span),
            rates: Rates::new(recent, now),
        }
    }
}

// === impl Series ===

impl Series {
    fn new(recent: &Recent, replica: &Replica, now: Instant, span: Duration) -> Self {
        let report = |slot: Slot| {
            let began = now.checked_sub(slot.age).unwrap_or(now);
            SlotReport::new(replica.time_of(began), slot)
        };
        Self {
            slot_seconds: SLOT.as_secs(),
            slots: recent.series(now, span).into_iter().map(report).collect(),
        }
    }
}

// === impl SlotReport ===

impl SlotReport {
    fn new(at: Timestamp, Slot { happened, .. }: Slot) -> Self {
        let items = happened.all_items();
        let ms = |percent| {
            let took = happened.latency.percentile(percent)?;
            u64::try_from(took.as_millis()).ok()
        };
        Self {
            at,
            stored: happened.stored,
            dead_lettered: happened.dead_lettered,
            retried: happened.retried,
            success: items.success,
            error: items.error,
            rejected: items.rejected,
            p50_ms: ms(50.0),
            p95_ms: ms(95.0),
        }
    }
}

// === impl Rates ===

impl Rates {
    fn new(recent: &Recent, now: Instant) -> Self {
        let items = recent.within(now, RATES_OF).items;
        let rate = |(platform, counts): (_, ItemCounts)| PlatformRate {
            platform,
            success: counts.success,
            error: counts.error,
            rejected: counts.rejected,
            success_percent: counts.success_percent(),
        };
        Self {
            window_seconds: RATES_OF.as_secs(),
            platforms: items.into_iter().map(rate).collect(),
        }
    }
}
