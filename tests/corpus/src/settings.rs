//! How a corpus is to look.

use jiff::Timestamp;

/// Seed, size and temper of a corpus.
#[derive(Clone, Debug, PartialEq)]
pub struct CorpusSettings {
    /// The same seed gives the same corpus, byte for byte.
    pub seed: u64,
    /// Items in all batches that are to be stored.
    pub items: usize,
    /// Mean of comments below a post.
    pub comments_per_item: usize,
    /// Projects that crawl.
    pub projects: usize,
    /// When the crawls began: a corpus reads no clock.
    pub base_time: Timestamp,
    /// The bucket that objects go to.
    pub bucket: String,
    /// A second bucket that is allowed, where there is one.
    pub extra_bucket: Option<String>,
    /// `host:port` of the store for paths that are written as URLs; none: no such paths.
    pub endpoint: Option<String>,
    /// The only platform that is crawled; none: a mix.
    pub platform: Option<Platform>,
    /// How well-behaved the crawlers are.
    pub temper: Temper,
    /// Whether some events are such as must be dead-lettered.
    pub dead_letters: DeadLetters,
    /// The caps that poison objects are to exceed.
    pub caps: Caps,
}

/// A platform with a crawler.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Platform {
    /// Batches of 50.
    Tiktok,
    /// Batches of 20, some with long transcriptions.
    Youtube,
    /// Batches of 50, items of two shapes.
    Facebook,
}

/// How well-behaved crawlers are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Temper {
    /// Realistic load: what a good day looks like.
    Plain,
    /// Every spelling, every malformed item, every packing.
    Hostile,
}

/// Which events must be dead-lettered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeadLetters {
    /// None.
    None,
    /// A few that need no waiting and no caps.
    Few,
    /// At least one of each reason.
    Every,
}

/// Caps of the service that reads the corpus.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Caps {
    /// Bytes of an object; none: no object is made to exceed it.
    pub max_object_bytes: Option<usize>,
    /// Bytes after decompression; none: no object is made to exceed it.
    pub max_decompressed_bytes: Option<usize>,
    /// Items in a batch.
    pub max_items: usize,
    /// Nesting of the JSON.
    pub max_depth: usize,
    /// Bytes of one text field.
    pub max_text_bytes: usize,
}

// === impl CorpusSettings ===

impl Default for CorpusSettings {
    fn default() -> Self {
        Self {
            seed: 1,
            items: 1_000,
            comments_per_item: 20,
            projects: 4,
            base_time: Timestamp::constant(1_764_979_200, 0), // 2025-12-06T00:00:00Z
            bucket: "crawl-results".to_owned(),
            extra_bucket: None,
            endpoint: None,
            platform: None,
            temper: Temper::Plain,
            dead_letters: DeadLetters::None,
            caps: Caps::default(),
        }
    }
}

// === impl Caps ===

impl Default for Caps {
    fn default() -> Self {
        Self {
            max_object_bytes: None,
            max_decompressed_bytes: None,
            max_items: 10_000,
            max_depth: 64,
            max_text_bytes: 1 << 20,
        }
    }
}
