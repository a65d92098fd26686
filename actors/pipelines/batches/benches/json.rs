//! Which JSON library reads real batches: the numbers behind `docs/decisions/0002-json-library.md`.
//!
//! `cargo bench -p millrace-batches --bench json -- --quick`

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use jiff::Timestamp;
use millrace_batches::{
    domain::{CrawlEvent, Platform},
    parse::{ParserSettings, parse_body},
};
use millrace_engine::Delivery;
use serde_json::{json, value::RawValue};
use std::hint::black_box;

const SENTENCE: &str = "Hôm nay mình sẽ đánh giá chiếc xe điện được nhiều người quan tâm nhất Việt Nam. ";

fn comment(post: usize, index: usize) -> serde_json::Value {
    json!({
        "external_id": format!("73123456{post:05}{index:06}"),
        "author_username": format!("nguyen_van_{index}"),
        "author_display_name": format!("Nguyễn Văn {index}"),
        "text": "Xe đẹp quá! Muốn mua lắm rồi, giá bao nhiêu vậy bạn? 😍",
        "like_count": index * 7, "reply_count": index % 3,
        "created_at": "2025-12-05T16:00:00.000Z", "parent_type": "CONTENT",
    })
}

fn item(platform: &str, post: usize, comments: usize, transcription: &str) -> serde_json::Value {
    json!({
        "meta": {
            "id": format!("video73123456789{post:05}"), "platform": platform, "job_id": "proj_xyz-brand-0",
            "task_type": "research_and_crawl", "crawled_at": "2025-12-06T10:15:30.123Z",
            "published_at": "2025-12-05T15:30:00.000Z", "permalink": format!("https://example.com/video/{post}"),
            "keyword_source": "VinFast VF8", "lang": "vi", "region": "VN", "pipeline_version": "crawler_v3",
            "fetch_status": "success", "fetch_error": null, "error_code": null, "error_details": {},
        },
        "content": {
            "external_id": format!("73123456789{post:05}"), "url": format!("https://example.com/video/{post}"),
            "description": SENTENCE.repeat(3), "view_count": 125_340 + post, "like_count": 8_567,
            "comment_count": 342, "share_count": 156, "save_count": 89, "duration_seconds": 45,
            "tags": ["VinFast", "VF8", "xe điện"], "sound_name": "âm thanh gốc", "category": "Automotive",
            "media_type": "audio", "media_path": format!("audio/{post}.mp3"), "transcription": transcription,
            "transcription_status": "completed", "transcription_error": null,
        },
        "author": {
            "username": format!("user{}", post % 20), "display_name": "Car Evolution VN",
            "avatar_url": "https://example.com/a.jpeg", "bio": "Đánh giá xe 🚗", "follower_count": 125_000,
            "following_count": 456, "total_likes": 2_567_890, "video_count": 342, "verified": true,
        },
        "comments": (0..comments).map(|index| comment(post, index)).collect::<Vec<_>>(),
    })
}

fn batch(platform: &str, items: usize, comments: usize, transcription_bytes: usize) -> Vec<u8> {
    let transcription = SENTENCE.repeat(transcription_bytes / SENTENCE.len());
    let items: Vec<_> = (0..items)
        .map(|post| item(platform, post, comments, &transcription))
        .collect();
    serde_json::to_vec(&items).expect("it is JSON")
}

fn event(platform: &str) -> CrawlEvent {
    let delivery = Delivery::first(Timestamp::UNIX_EPOCH);
    CrawlEvent::new("evt", "proj_xyz-brand-0", Platform::new(platform), delivery)
}

fn libraries(criterion: &mut Criterion) {
    for (platform, body) in [
        ("tiktok", batch("tiktok", 50, 20, 80)),
        ("youtube", batch("youtube", 20, 20, 60_000)),
    ] {
        let mut group = criterion.benchmark_group(platform);
        group.throughput(Throughput::Bytes(body.len() as u64));
        let mut bench = |name: &str, run: &mut dyn FnMut(&[u8])| {
            group.bench_with_input(BenchmarkId::from_parameter(name), &body, |bencher, body| {
                bencher.iter(|| run(black_box(body)));
            });
        };
        bench("serde_json raw items", &mut |body| {
            black_box(serde_json::from_slice::<Vec<&RawValue>>(body).expect("JSON"));
        });
        bench("serde_json value", &mut |body| {
            black_box(serde_json::from_slice::<serde_json::Value>(body).expect("JSON"));
        });
        bench("sonic-rs value", &mut |body| {
            black_box(sonic_rs::from_slice::<sonic_rs::Value>(body).expect("JSON"));
        });
        bench("simd-json value", &mut |body| {
            // It works in place: the copy is part of the price, our bytes are shared.
            let mut copy = body.to_vec();
            black_box(simd_json::to_borrowed_value(&mut copy).expect("JSON"));
        });
        let (event, settings) = (event(platform), ParserSettings::default());
        bench("the whole stage", &mut |body| {
            black_box(parse_body(body, false, &event, &settings).expect("a batch"));
        });
        group.finish();
    }
}

criterion_group!(benches, libraries);
criterion_main!(benches);
