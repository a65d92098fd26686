//! Sends rejected records to their topic again: after a release that reads them, or after a field was made optional.

use super::{Chosen, whole};
use crate::{
    cli::output,
    exit::{Exit, Failure},
    pipelines::products::commands::opened::{Opened, away},
};
use anyhow::Context;
use base64::{Engine as _, prelude::BASE64_STANDARD};
use bytes::Bytes;
use indicatif::{ProgressBar, ProgressDrawTarget};
use millrace_kafka::{Producer, Record};
use millrace_products::reports::RejectedWhole;
use serde_json::Value;

pub(super) async fn run(chosen: &Chosen, opened: &Opened) -> Result<Exit, Failure> {
    let places = chosen.places(opened).await?;
    let kafka = &opened.settings.kafka;
    let producer = Producer::new(&kafka.brokers, &kafka.client, &kafka.access).map_err(away)?;
    let bar = match chosen.json || chosen.dry_run {
        true => ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden()),
        false => ProgressBar::new(places.len() as u64),
    };
    let mut sent = 0;
    for place in &places {
        let whole = whole(place, opened).await?;
        bar.inc(1);
        if !whole.is_whole() {
            let (topic, partition, offset) = (&place.topic, place.partition, place.offset);
            output::error(&format!(
                "{topic}/{partition}/{offset} is kept only in part and cannot be sent again"
            ));
            continue;
        }
        if chosen.dry_run {
            continue;
        }
        // It is forgotten after it is safe: between the two it may be sent twice, and its id makes one of that.
        producer.send(&place.topic, &record(whole)?).await.map_err(away)?;
        let dropped = opened
            .reports
            .drop_rejected(&place.topic, place.partition, place.offset);
        sent += u64::from(dropped.await.map_err(away)?);
    }
    bar.finish_and_clear();
    chosen.report("sent", places.len(), sent)?;
    Ok(Exit::Fine)
}

fn record(whole: RejectedWhole) -> Result<Record, Failure> {
    let headers = whole.headers.as_deref().unwrap_or("[]");
    Ok(Record {
        offset: 0,
        timestamp: None,
        key: whole.key.map(Bytes::from),
        value: whole.raw.map(Bytes::from),
        headers: headers_of(headers).context("the headers that are kept")?,
    })
}

/// An array of names and values; a value that is no text is `{"base64": "…"}`.
fn headers_of(json: &str) -> anyhow::Result<Vec<(String, Option<Bytes>)>> {
    let headers: Vec<(String, Value)> = serde_json::from_str(json)?;
    let read = headers.into_iter().map(|(name, value)| {
        let value = match &value {
            Value::String(text) => Some(Bytes::from(text.clone())),
            Value::Object(coded) => {
                let coded = coded
                    .get("base64")
                    .and_then(Value::as_str)
                    .context("a value in base64")?;
                Some(BASE64_STANDARD.decode(coded)?.into())
            }
            _ => None,
        };
        Ok((name, value))
    });
    read.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_come_back_as_they_were_sent() {
        let json = r#"[["a","b"],["c",null],["a",{"base64":"AP8="}]]"#;
        let expected = vec![
            ("a".to_owned(), Some(Bytes::from_static(b"b"))),
            ("c".to_owned(), None),
            ("a".to_owned(), Some(Bytes::from_static(&[0, 255]))),
        ];
        assert_eq!(headers_of(json).unwrap(), expected);
        assert!(headers_of("{}").is_err());
    }
}
