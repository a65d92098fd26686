//! Batches in memory: made once, and used by all who compete.

use crate::{item::item, shape::Shape};
use bytes::Bytes;
use serde_json::json;

/// As crawlers compress.
const LEVEL: i32 = 3;
const BATCHES_A_JOB: usize = 4;

/// An object and what its event says of it.
pub(crate) struct Batch {
    pub(crate) event_id: String,
    pub(crate) key: String,
    pub(crate) body: Bytes,
    pub(crate) unpacked: usize,
    pub(crate) items: usize,
    pub(crate) comments: usize,
    project: usize,
    /// Its number among those of the project.
    of_project: usize,
    platform: &'static str,
    crawl: u32,
}

/// The batches of so many items, numbered from `first` on.
pub(crate) fn batches(shape: &Shape, seed: u64, first: usize, items: usize, crawl: u32) -> Vec<Batch> {
    let size = shape.items_a_batch;
    let numbers = first / size..(first + items).div_ceil(size);
    numbers
        .map(|number| Batch::new(shape, seed, number, crawl))
        .collect()
}

// === impl Batch ===

impl Batch {
    fn new(shape: &Shape, seed: u64, number: usize, crawl: u32) -> Self {
        let size = shape.items_a_batch as u64;
        let first = number as u64 * size;
        let items: Vec<_> = (first..first + size)
            .map(|number| item(shape, seed, number, crawl))
            .collect();
        let comments = items
            .iter()
            .map(|item| item["comments"].as_array().map_or(0, Vec::len))
            .sum();
        let text = serde_json::Value::Array(items).to_string();
        let unpacked = text.len();
        let (body, end) = if shape.is_packed {
            let packed = zstd::bulk::compress(text.as_bytes(), LEVEL).expect("compressing into memory");
            (packed, "json.zst")
        } else {
            (text.into_bytes(), "json")
        };
        Self {
            event_id: format!("evt-{seed}-{crawl}-{number}"),
            key: format!("{}/{crawl}/batch_{number:06}.{end}", shape.platform),
            body: body.into(),
            unpacked,
            items: shape.items_a_batch,
            comments,
            project: number % shape.projects,
            of_project: number / shape.projects,
            platform: shape.platform,
            crawl,
        }
    }

    /// The event that announces it in this bucket.
    pub(crate) fn event(&self, bucket: &str) -> String {
        let (project, job) = (self.project, self.of_project / BATCHES_A_JOB);
        json!({
            "event_id": self.event_id,
            "event_type": "data.collected",
            "timestamp": "2025-12-06T00:00:00.503Z",
            "payload": {
                "project_id": format!("proj_{project:04}"),
                "job_id": format!("proj_{project:04}-brand-{}-{job}", self.crawl),
                "platform": self.platform,
                "minio_path": format!("{bucket}/{}", self.key),
                "content_count": self.items,
                "batch_index": self.of_project % BATCHES_A_JOB,
                "total_batches": BATCHES_A_JOB,
                "task_type": "research_and_crawl",
                "keyword": "VinFast VF8",
                "brand_name": "VinFast",
            },
        })
        .to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shape::Case;

    #[test]
    fn items_are_as_large_as_the_cases_say() {
        let bytes_an_item = |case: Case| {
            let batches = batches(&case.shape(), 1, 0, 200, 0);
            let bytes: usize = batches.iter().map(|batch| batch.unpacked).sum();
            bytes / batches.iter().map(|batch| batch.items).sum::<usize>()
        };
        let tiktok = bytes_an_item(Case::A);
        assert!((9_000..11_500).contains(&tiktok), "{tiktok}");
        let youtube = bytes_an_item(Case::B);
        assert!((60_000..80_000).contains(&youtube), "{youtube}");
    }

    #[test]
    fn the_same_seed_gives_the_same_bytes_and_a_later_crawl_others() {
        let body = |seed, crawl| batches(&Shape::tiktok(), seed, 0, 50, crawl).remove(0).body;
        assert_eq!(body(1, 0), body(1, 0));
        assert_ne!(body(1, 0), body(1, 1));
        assert_ne!(body(1, 0), body(2, 0));
    }
}
