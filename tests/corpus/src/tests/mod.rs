mod oracle;

use super::*;
use millrace_batches::domain::{ErrorCode, Reason};
use serde_json::Value;
use std::collections::BTreeSet;

fn hostile(items: usize) -> CorpusSettings {
    CorpusSettings {
        items,
        comments_per_item: 4,
        temper: Temper::Hostile,
        dead_letters: DeadLetters::Every,
        endpoint: Some("127.0.0.1:9000".to_owned()),
        extra_bucket: Some("crawl-archive".to_owned()),
        caps: Caps {
            max_object_bytes: Some(4 << 20),
            max_decompressed_bytes: Some(8 << 20),
            ..Caps::default()
        },
        ..CorpusSettings::default()
    }
}

fn items_of(batch: &CrawlBatch) -> Vec<Value> {
    let body = &batch.object.as_ref().unwrap().body;
    let is_json = [&b"["[..], b"{", b"\xef"]
        .iter()
        .any(|start| body.starts_with(start));
    let text = if is_json {
        body.to_vec()
    } else {
        zstd::decode_all(&body[..]).unwrap()
    };
    let text = without_slips(&String::from_utf8(text).unwrap());
    let values = serde_json::Deserializer::from_str(&text).into_iter::<Value>();
    let items = values.map(|value| match value.unwrap() {
        Value::Array(items) => items,
        Value::Object(mut object) => match object.remove("items") {
            Some(items) => items.as_array().unwrap().clone(),
            None => vec![object.into()],
        },
        other => panic!("{other}"),
    });
    items.flatten().collect()
}

/// The text as JSON: a test that counts items need not know what is wrong with some.
fn without_slips(text: &str) -> String {
    let mut text = text
        .trim_matches(['\u{feff}', '\0'])
        .replace("\\ud83d", "?")
        .replace('\n', " ");
    for word in ["-Infinity", "Infinity", "NaN"] {
        text = text.replace(word, "null");
    }
    for slip in ["012", "\"\\x\"", "[1,]", "None", ".5", "'text'"] {
        for name in ["\"slip\":", "\"slip\": "] {
            text = text.replace(&format!("{name}{slip}"), &format!("{name}null"));
        }
    }
    text
}

#[test]
fn the_same_seed_gives_the_same_bytes_and_another_seed_does_not() {
    let corpus = |seed| Corpus::new(CorpusSettings { seed, ..hostile(400) }).collect::<Vec<_>>();
    assert_eq!(corpus(3), corpus(3));
    assert_ne!(corpus(3)[0], corpus(4)[0]);
}

#[test]
fn it_holds_exactly_the_items_asked_for() {
    for items in [0, 1, 49, 777] {
        for settings in [
            hostile(items),
            CorpusSettings {
                items,
                ..CorpusSettings::default()
            },
        ] {
            let batches: Vec<_> = Corpus::new(settings).collect();
            assert_eq!(batches.iter().map(|batch| batch.items).sum::<usize>(), items);
        }
    }
}

#[test]
fn good_batches_hold_what_they_claim_and_point_at_their_object() {
    for batch in Corpus::new(hostile(900)).filter(|batch| batch.expectation == Expectation::Stored) {
        assert_eq!(items_of(&batch).len(), batch.items);
        let event: Value = serde_json::from_slice(&batch.event).unwrap();
        assert_eq!(event["event_id"].as_str(), batch.event_id.as_deref());
        let object = batch.object.unwrap();
        let path = event["payload"]["minio_path"].as_str().unwrap();
        assert!(
            path.ends_with(&format!("{}/{}", object.bucket, object.key)),
            "{path}"
        );
    }
}

#[test]
fn ids_and_keys_are_unique() {
    let batches: Vec<_> = Corpus::new(hostile(3_000)).collect();
    let ids: Vec<_> = batches
        .iter()
        .filter_map(|batch| batch.event_id.as_ref())
        .collect();
    assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len());
    let keys: Vec<_> = batches
        .iter()
        .filter_map(|batch| batch.object.as_ref())
        .map(|o| (&o.bucket, &o.key))
        .collect();
    assert_eq!(keys.iter().collect::<BTreeSet<_>>().len(), keys.len());
}

#[test]
fn a_hostile_corpus_of_two_thousand_has_every_code_reason_and_platform() {
    let batches: Vec<_> = Corpus::new(hostile(2_000)).collect();
    let mut codes = BTreeSet::new();
    let mut platforms = BTreeSet::new();
    for batch in batches
        .iter()
        .filter(|batch| batch.expectation == Expectation::Stored)
    {
        for item in items_of(batch) {
            codes.extend(item["meta"]["error_code"].as_str().map(str::to_owned));
            platforms.extend(item["meta"]["platform"].as_str().map(str::to_owned));
        }
    }
    for code in ErrorCode::known().chain(["CAPTCHA_REQUIRED", " timeout ", "rate_limited"]) {
        assert!(codes.contains(code), "no item with {code}");
    }
    assert_eq!(
        platforms.into_iter().collect::<Vec<_>>(),
        ["facebook", "tiktok", "youtube"]
    );
    assert!(
        batches
            .iter()
            .any(|batch| batch.items == 0 && batch.expectation == Expectation::Stored)
    );

    let reasons: BTreeSet<_> = batches
        .iter()
        .map(|batch| batch.expectation)
        .filter_map(reason)
        .collect();
    let of_later_issues_or_items = [
        Reason::UndecodableMessage,
        Reason::RowRefused,
        Reason::AttemptsExhausted,
        Reason::KilledWorker,
        Reason::MalformedItem,
        Reason::MissingId,
        Reason::UnknownFetchStatus,
        Reason::TooManyComments,
    ];
    for wanted in Reason::ALL
        .iter()
        .filter(|reason| !of_later_issues_or_items.contains(reason))
    {
        assert!(reasons.contains(wanted), "no event for {wanted}");
    }
}

fn reason(expectation: Expectation) -> Option<Reason> {
    match expectation {
        Expectation::Stored => None,
        Expectation::DeadLetter(reason) => Some(reason),
    }
}

#[test]
fn the_same_post_is_crawled_again_later_and_earlier() {
    let mut times = std::collections::BTreeMap::<String, BTreeSet<String>>::new();
    for batch in Corpus::new(CorpusSettings {
        items: 3_000,
        ..CorpusSettings::default()
    }) {
        for item in items_of(&batch) {
            let id = item["meta"]["id"].as_str().unwrap().to_owned();
            let crawled_at = item["meta"]["crawled_at"].as_str().unwrap().to_owned();
            assert!(
                times.entry(id).or_default().insert(crawled_at),
                "two crawls at one time"
            );
        }
    }
    let again = times.values().filter(|times| times.len() == 2).count();
    assert!(again > 100, "{again} posts were crawled twice");
}

#[test]
fn a_plain_corpus_has_comments_as_asked_and_a_few_dead_letters_on_demand() {
    let settings = CorpusSettings {
        dead_letters: DeadLetters::Few,
        ..CorpusSettings::default()
    };
    let (mut items, mut comments, mut dead) = (0, 0, 0);
    for batch in Corpus::new(settings) {
        dead += usize::from(batch.expectation != Expectation::Stored);
        if batch.expectation == Expectation::Stored {
            let found = items_of(&batch);
            items += found.iter().filter(|item| item["content"].is_object()).count();
            comments += found
                .iter()
                .filter_map(|item| item["comments"].as_array())
                .map(Vec::len)
                .sum::<usize>();
        }
    }
    assert_eq!(dead, 3);
    let mean = comments as f64 / items as f64;
    assert!((18.0..22.0).contains(&mean), "{mean} comments an item");
}
