//! Batches as crawlers send them.

use crate::fixtures::{at, author, batch, comment, event, post};
use millrace_batches::{
    domain::{Author, Comment, Items, Json, Post},
    messages::ParsedBatch,
};

const POSTS: u64 = 50;
const COMMENTS: u64 = 22;

/// What the rows of a run are, and what they meet in the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Case {
    /// New posts, authors and comments.
    New,
    /// The same without comments.
    Posts,
    /// New posts and comments of a few authors that every batch names.
    Hot,
    /// Rows of an earlier crawl, which change.
    Recrawl,
    /// Rows of the same crawl under other event ids, which stay.
    Same,
    /// Half of the comments are there, of another project's posts.
    Mixed,
    /// Events that are in the ledger.
    Again,
}

/// What is there before, and what is measured.
pub(crate) struct Load {
    pub(crate) before: Vec<ParsedBatch>,
    pub(crate) measured: Vec<ParsedBatch>,
}

// === impl Case ===

impl Case {
    pub(crate) const ALL: [Self; 7] = [
        Self::New,
        Self::Posts,
        Self::Hot,
        Self::Recrawl,
        Self::Same,
        Self::Mixed,
        Self::Again,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Posts => "posts",
            Self::Hot => "hot",
            Self::Recrawl => "recrawl",
            Self::Same => "same",
            Self::Mixed => "mixed",
            Self::Again => "again",
        }
    }
}

// === impl Load ===

impl Load {
    pub(crate) fn new(case: Case, items: u64) -> Self {
        let crawl = |name: &str, crawled: i64| {
            let one = |number| usual_batch(case, &format!("{name}{number}"), number, crawled);
            (0..items / POSTS).map(one).collect::<Vec<_>>()
        };
        let before = match case {
            Case::New | Case::Posts => Vec::new(),
            Case::Hot => vec![usual_batch(case, "first", u64::MAX / POSTS - 1, 1)],
            Case::Recrawl | Case::Same | Case::Again => crawl("first", 1),
            Case::Mixed => crawl("first", 1).into_iter().map(half).collect(),
        };
        let measured = match case {
            Case::Again => crawl("first", 1),
            Case::Same => crawl("second", 1),
            _ => crawl("second", 2),
        };
        Self { before, measured }
    }
}

/// A batch of which every other comment is there, and no post.
fn half(mut batch: ParsedBatch) -> ParsedBatch {
    let mut number = 0;
    batch.items.posts.clear();
    batch.items.comments.retain(|_| {
        number += 1;
        number % 2 == 0
    });
    batch
}

fn usual_batch(case: Case, event_id: &str, number: u64, crawled: i64) -> ParsedBatch {
    let mut items = Items::default();
    for index in 0..POSTS {
        let id = number * POSTS + index;
        // Crawlers find posts in no order.
        let id = format!(
            "7{:018}",
            id.wrapping_mul(0x9E37_79B9_7F4A_7C15) % 1_000_000_000_000_000_000
        );
        let author = if case == Case::Hot {
            format!("author{}", index % 20)
        } else {
            format!("author{id}")
        };
        items.posts.push(usual_post(&id, &author, crawled));
        items.authors.push(usual_author(&author, crawled));
        if case != Case::Posts {
            items
                .comments
                .extend((0..COMMENTS).map(|number| usual_comment(&id, number, crawled)));
        }
    }
    batch(event(event_id), items)
}

fn usual_post(id: &str, author: &str, crawled: i64) -> Post {
    let url = format!("https://www.tiktok.com/@{author}/video/{id}");
    Post {
        external_id: Some(id.to_owned()),
        permalink: Some(url.clone()),
        url: Some(url),
        content_text: Some("what a lovely day for a benchmark ".repeat(6)),
        content_transcription: Some("and this is what was said in it, word for word ".repeat(8)),
        transcription_status: Some("completed".to_owned()),
        hashtags: Some(["benchmark", "lovely", "day"].map(str::to_owned).to_vec()),
        lang: Some("vi".to_owned()),
        region: Some("VN".to_owned()),
        category: Some("Automotive".to_owned()),
        sound_name: Some("original sound".to_owned()),
        media_type: Some("audio".to_owned()),
        media_path: Some(format!("audio/{id}.mp3")),
        media_duration: Some(45.0),
        published_at: Some(at(-1_000)),
        view_count: Some(100_000 + crawled),
        like_count: Some(8_000 + crawled),
        comment_count: Some(342),
        share_count: Some(156),
        save_count: Some(89),
        author_key: Some(author.to_owned()),
        author_username: Some(author.to_owned()),
        author_name: Some("Car Evolution".to_owned()),
        follower_count: Some(125_000),
        task_type: Some("research_and_crawl".into()),
        keyword_source: Some("electric cars".into()),
        pipeline_version: Some("crawler_v3".to_owned()),
        fetch_status: Some("success".to_owned()),
        extra: Some(Json::from_clean(r#"{"is_ad": false, "duet": [1, 2]}"#.to_owned())),
        ..post(id, at(crawled))
    }
}

fn usual_author(key: &str, crawled: i64) -> Author {
    Author {
        username: Some(key.to_owned()),
        display_name: Some("Car Evolution".to_owned()),
        avatar_url: Some("https://www.tiktok.com/a/avatar.jpeg".to_owned()),
        bio: Some("all about cars".to_owned()),
        follower_count: Some(125_000),
        following_count: Some(456),
        total_likes: Some(2_500_000),
        video_count: Some(342),
        verified: Some(true),
        ..author(key, at(crawled))
    }
}

fn usual_comment(post: &str, number: u64, crawled: i64) -> Comment {
    Comment {
        post_id: post.into(),
        author_username: Some(format!("nguyen_van_{number}")),
        author_name: Some(format!("Nguyen Van {number}")),
        text: Some("first! and many happy returns, I would like one too".to_owned()),
        like_count: Some(crawled),
        reply_count: Some(1),
        parent_type: Some("CONTENT".to_owned()),
        commented_at: Some(at(-500)),
        ..comment(&format!("{post}{number:03}"), at(crawled))
    }
}
