//! A corpus of crawl batches that looks like the real thing: the same seed gives the same bytes. [`products`] is one of
//! product events.
//!
//! ```
//! use millrace_corpus::{Corpus, CorpusSettings};
//!
//! let corpus = Corpus::new(CorpusSettings { items: 120, ..CorpusSettings::default() });
//! assert_eq!(corpus.map(|batch| batch.items).sum::<usize>(), 120);
//! ```

mod author;
mod batch;
mod clock;
mod comment;
mod crawl_error;
mod dice;
mod event;
mod facebook;
pub mod folder;
mod item;
mod job;
pub mod load;
mod order;
mod packing;
mod poison;
pub mod products;
mod quirk;
mod settings;
mod text;
mod visit;

pub use batch::{CrawlBatch, Expectation, ObjectUpload};
pub use order::publish_order;
pub use settings::{Caps, CorpusSettings, DeadLetters, Platform, Temper};

use event::Announcement;
use job::Job;
use packing::Packing;
use std::collections::VecDeque;
use visit::{Turn, Visit};

/// The batches of a corpus, made one by one: a large corpus needs little memory.
pub struct Corpus {
    settings: CorpusSettings,
    /// Items still to be made.
    left: usize,
    next_job: u64,
    next_item: u64,
    next_batch: u64,
    /// Batches that are decided but not made.
    planned: VecDeque<Plan>,
    poison: VecDeque<CrawlBatch>,
    /// Good batches since the last poison.
    since_poison: usize,
}

/// A batch of a job: which items, in which turn.
struct Plan {
    job: Job,
    position: usize,
    items: std::ops::Range<u64>,
    turn: Turn,
}

/// A poison event follows this many good ones, while there are both.
const GOOD_BETWEEN_POISON: usize = 2;

// === impl Corpus ===

impl Corpus {
    /// The corpus of these settings.
    pub fn new(settings: CorpusSettings) -> Self {
        Self {
            left: settings.items,
            next_job: 0,
            next_item: 0,
            next_batch: 0,
            planned: VecDeque::new(),
            poison: poison::poison(&settings).into(),
            since_poison: 0,
            settings,
        }
    }

    /// Decides the batches of the next job, and which of them are crawled again.
    fn plan(&mut self) {
        let job = Job::new(&self.settings, self.next_job, self.left);
        self.next_job += 1;
        for (position, &size) in job.batches.iter().enumerate() {
            let items = self.next_item..self.next_item + size as u64;
            self.next_item = items.end;
            self.left -= size;
            let turn = Turn::First;
            self.planned.push_back(Plan {
                job: job.clone(),
                position,
                items,
                turn,
            });
        }
        self.plan_again(&job);
    }

    /// Some jobs are crawled again in part: nothing may depend on which crawl arrives first.
    fn plan_again(&mut self, job: &Job) {
        let number = self.next_job + job::AGAIN;
        let (turn, again) = match job.number % 8 {
            1 => (Turn::Later, job.again(number)),
            3 => (Turn::Later, job.by_another_crawler(number)),
            6 => (Turn::Earlier, job.again(number)),
            _ => return,
        };
        let Some(first) = self.planned.iter().find(|plan| plan.job.number == job.number) else {
            return;
        };
        let items = first.items.clone();
        let size = (items.end - items.start) as usize;
        if size > self.left {
            return;
        }
        self.left -= size;
        let job = Job {
            batches: vec![size],
            ..again
        };
        self.planned.push_back(Plan {
            job,
            position: 0,
            items,
            turn,
        });
    }

    fn make(&mut self, plan: &Plan) -> CrawlBatch {
        let batch = self.next_batch;
        self.next_batch += 1;
        let hostile = self.settings.temper == Temper::Hostile;
        let items: Vec<_> = plan
            .items
            .clone()
            .map(|item| {
                let (settings, job, turn) = (&self.settings, &plan.job, plan.turn);
                item::item(&Visit {
                    settings,
                    job,
                    item,
                    turn,
                })
            })
            .collect();
        // A lone string or number is no batch.
        let alone = hostile && items.len() == 1 && items[0].is_object();
        let times_needed = items.iter().any(|item| item["meta"]["crawled_at"].is_null());
        let size = items.len();
        let folder = &plan.job.folder;
        let stem = format!("{}/{folder}/batch_{:03}", plan.job.platform, plan.position);
        let bucket = match &self.settings.extra_bucket {
            Some(extra) if batch % 6 == 5 => extra,
            _ => &self.settings.bucket,
        };
        let object = Packing::of(batch, hostile).pack(bucket, &stem, items, alone);
        let announcement = Announcement {
            settings: &self.settings,
            job: &plan.job,
            batch,
            position: plan.position,
            items: size,
            key: &object.key,
            bucket,
            second: plan.turn.second(plan.items.end),
            times_needed,
        };
        CrawlBatch {
            event_id: Some(event::event_id(self.settings.seed, batch)),
            event: announcement.event().to_string().into(),
            object: Some(object),
            items: size,
            expectation: Expectation::Stored,
        }
    }
}

// === impl Iterator for Corpus ===

impl Iterator for Corpus {
    type Item = CrawlBatch;

    fn next(&mut self) -> Option<CrawlBatch> {
        if self.since_poison == GOOD_BETWEEN_POISON {
            self.since_poison = 0;
            if let Some(poison) = self.poison.pop_front() {
                return Some(poison);
            }
        }
        while self.planned.is_empty() && self.left > 0 {
            self.plan();
        }
        match self.planned.pop_front() {
            Some(plan) => {
                self.since_poison += 1;
                Some(self.make(&plan))
            }
            None => self.poison.pop_front(),
        }
    }
}

#[cfg(test)]
mod tests;
