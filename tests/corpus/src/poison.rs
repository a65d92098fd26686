//! Events that must be dead-lettered, at least one for each reason.

use super::{
    batch::{CrawlBatch, Expectation, ObjectUpload},
    clock::{self, Moment},
    dice::{Dice, Stream},
    packing,
    settings::{CorpusSettings, DeadLetters},
};
use bytes::Bytes;
use millrace_batches::domain::Reason;
use serde_json::{Value, json};
use std::io::Write;

/// Makes poison events, each with a number of its own.
struct Poison<'a> {
    settings: &'a CorpusSettings,
    number: u64,
}

/// The poison that the settings ask for.
pub(super) fn poison(settings: &CorpusSettings) -> Vec<CrawlBatch> {
    match settings.dead_letters {
        DeadLetters::None => Vec::new(),
        DeadLetters::Few => {
            let makers: [Maker; 3] = [malformed_json, decompression_failed, bad_path];
            numbered(settings, &makers, |ways| ways.into_iter().take(1).collect())
        }
        DeadLetters::Every => numbered(
            settings,
            &[
                malformed_event,
                unsupported_event_type,
                bad_path,
                bucket_not_allowed,
                object_missing,
                object_too_large,
                decompression_failed,
                decompressed_too_large,
                malformed_json,
                too_deep,
                too_many_items,
            ],
            |ways| ways,
        ),
    }
}

type Maker = fn(&mut Poison<'_>) -> Vec<CrawlBatch>;

/// What each maker makes, or as much of it as `choose` wants.
fn numbered(
    settings: &CorpusSettings,
    makers: &[Maker],
    choose: fn(Vec<CrawlBatch>) -> Vec<CrawlBatch>,
) -> Vec<CrawlBatch> {
    let mut poison = Poison { settings, number: 0 };
    makers.iter().flat_map(|make| choose(make(&mut poison))).collect()
}

fn malformed_event(poison: &mut Poison<'_>) -> Vec<CrawlBatch> {
    let mut made: Vec<CrawlBatch> = [
        "",
        "không phải JSON",
        "[1,2]",
        "{\"payload\":{\"job_id\":\"proj_cut",
    ]
    .into_iter()
    .map(|body| CrawlBatch {
        event_id: None,
        event: Bytes::from_static(body.as_bytes()),
        object: None,
        items: 0,
        expectation: Expectation::DeadLetter(Reason::MalformedEvent),
    })
    .collect();
    let damages: [fn(&mut Value); 5] = [
        |event| event["payload"]["job_id"] = Value::Null,
        |event| event["payload"]["job_id"] = "".into(),
        |event| event["payload"]["minio_path"] = Value::Null,
        |event| event["payload"] = Value::Null,
        |event| event["event_id"] = "".into(),
    ];
    for damage in damages {
        let mut event = poison.event("tiktok/never/read.json");
        damage(&mut event);
        made.push(poisoned(event, None, Reason::MalformedEvent));
    }
    made
}

fn unsupported_event_type(poison: &mut Poison<'_>) -> Vec<CrawlBatch> {
    let mut event = poison.event("tiktok/never/read.json");
    event["event_type"] = "data.deleted".into();
    vec![poisoned(event, None, Reason::UnsupportedEventType)]
}

fn bad_path(poison: &mut Poison<'_>) -> Vec<CrawlBatch> {
    let bucket = poison.settings.bucket.clone();
    let paths = [
        format!("/{bucket}/a.json"),
        bucket.clone(),
        format!("{bucket}/"),
        format!("{bucket}//a.json"),
        format!("{bucket}/a/./b.json"),
        format!("{bucket}/../secrets/b.json"),
        format!("ftp://{bucket}/a.json"),
        format!("http://elsewhere.example.com/{bucket}/a.json"),
        "s3:///a.json".to_owned(),
    ];
    let mut made = Vec::new();
    for path in paths {
        let mut event = poison.event("x");
        event["payload"]["minio_path"] = path.into();
        made.push(poisoned(event, None, Reason::BadPath));
    }
    made
}

fn bucket_not_allowed(poison: &mut Poison<'_>) -> Vec<CrawlBatch> {
    let mut event = poison.event("x");
    event["payload"]["minio_path"] = "not-allowed/tiktok/batch_000.json".into();
    vec![poisoned(event, None, Reason::BucketNotAllowed)]
}

fn object_missing(poison: &mut Poison<'_>) -> Vec<CrawlBatch> {
    let event = poison.event("tiktok/lost/batch_000.json");
    vec![poisoned(event, None, Reason::ObjectMissing)]
}

fn object_too_large(poison: &mut Poison<'_>) -> Vec<CrawlBatch> {
    let Some(cap) = poison.settings.caps.max_object_bytes else {
        return Vec::new();
    };
    let mut body = b"[\"".to_vec();
    body.resize(cap + 1, b'x');
    body.extend(b"\"]");
    vec![poison.with_object("json", body, Reason::ObjectTooLarge)]
}

fn decompression_failed(poison: &mut Poison<'_>) -> Vec<CrawlBatch> {
    let text = json!([{"meta": {"id": "1", "fetch_status": "success"}, "content": {}}]).to_string();
    let whole = packing::sized_frame(text.repeat(50).as_bytes());
    let mut garbage = vec![0x28, 0xb5, 0x2f, 0xfd];
    garbage.extend([0xff; 60]);
    let cut = whole[..whole.len() / 2].to_vec();
    vec![
        poison.with_object("json.zst", cut, Reason::DecompressionFailed),
        poison.with_object("json", garbage, Reason::DecompressionFailed),
    ]
}

fn decompressed_too_large(poison: &mut Poison<'_>) -> Vec<CrawlBatch> {
    let Some(cap) = poison.settings.caps.max_decompressed_bytes else {
        return Vec::new();
    };
    // Space is valid JSON, so that nothing but its size is wrong with it.
    let space = vec![b' '; 1 << 20];
    let mut encoder = zstd::Encoder::new(Vec::new(), 1).expect("a new encoder");
    for _ in 0..=cap.div_ceil(space.len()) {
        encoder.write_all(&space).expect("compressing into memory");
    }
    encoder.write_all(b"[]").expect("compressing into memory");
    let bomb = encoder.finish().expect("compressing into memory");
    vec![poison.with_object("json.zst", bomb, Reason::DecompressedTooLarge)]
}

fn malformed_json(poison: &mut Poison<'_>) -> Vec<CrawlBatch> {
    let bodies: [&[u8]; 5] = [
        b"[{\"meta\":{\"id\":\"1\"",
        b"",
        b"\"a batch\"",
        b"<html>502 Bad Gateway</html>",
        b"[] []",
    ];
    let make = |body: &&[u8]| poison.with_object("json", body.to_vec(), Reason::MalformedJson);
    bodies.iter().map(make).collect()
}

fn too_deep(poison: &mut Poison<'_>) -> Vec<CrawlBatch> {
    // An item that is too deep costs itself; only where its end cannot be found is it the batch's affair.
    let deep = "[".repeat(poison.settings.caps.max_depth + 1);
    // Deep enough to exhaust the stack of a reader that recurses.
    let abyss = "[".repeat(200_000);
    vec![
        poison.with_object("json", deep.into_bytes(), Reason::TooDeep),
        poison.with_object("json", abyss.into_bytes(), Reason::TooDeep),
    ]
}

fn too_many_items(poison: &mut Poison<'_>) -> Vec<CrawlBatch> {
    let items = vec!["{}"; poison.settings.caps.max_items + 1].join(",");
    vec![poison.with_object("json", format!("[{items}]").into_bytes(), Reason::TooManyItems)]
}

fn poisoned(event: Value, object: Option<ObjectUpload>, reason: Reason) -> CrawlBatch {
    let id = event["event_id"].as_str().filter(|id| !id.is_empty());
    CrawlBatch {
        event_id: id.map(str::to_owned),
        event: event.to_string().into(),
        object,
        items: 0,
        expectation: Expectation::DeadLetter(reason),
    }
}

// === impl Poison ===

impl Poison<'_> {
    fn with_object(&mut self, suffix: &str, body: Vec<u8>, reason: Reason) -> CrawlBatch {
        let key = format!("tiktok/poison/{}_{}.{suffix}", reason.code(), self.number);
        let event = self.event(&key);
        let object = ObjectUpload {
            bucket: self.settings.bucket.clone(),
            key,
            body: body.into(),
            metadata: Vec::new(),
        };
        poisoned(event, Some(object), reason)
    }

    /// An event with nothing wrong but its object.
    fn event(&mut self, key: &str) -> Value {
        self.number += 1;
        let mut dice = Dice::new(self.settings.seed, Stream::Poison, self.number);
        let at = clock::at(self.settings.base_time, self.number as i64, Moment::Announced);
        json!({
            "event_id": format!("evt_bad_{:012x}", dice.below(1 << 48)),
            "event_type": "data.collected",
            "timestamp": clock::iso(at),
            "payload": {
                "job_id": format!("proj_poison-brand-{}", self.number),
                "platform": "tiktok",
                "minio_path": format!("{}/{key}", self.settings.bucket),
                "content_count": 1,
                "batch_index": 1,
                "total_batches": 1,
            },
        })
    }
}
