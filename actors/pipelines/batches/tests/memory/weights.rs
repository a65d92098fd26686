//! What rows weigh in memory is what the budget counts, however small they are.

use crate::{heap, item_fields::message, pipeline::Pipeline};

/// Room that is not for one batch: lists of as many rows as a batch may have, the buffers of a connection.
const SLACK: usize = 24 << 20;

/// Bodies of about 2 MiB whose rows are as heavy as rows can be for what was sent.
fn bodies() -> Vec<(&'static str, String)> {
    let many =
        |count: usize, unit: &dyn Fn(usize) -> String| (0..count).map(unit).collect::<Vec<_>>().join(",");
    let comments =
        |comments: String| format!(r#"[{{"meta":{{"id":"1"}},"content":{{}},"comments":[{comments}]}}]"#);
    vec![
        (
            "comments of three bytes",
            comments(many(199_000, &|_| "{}".to_owned())),
        ),
        (
            "comments with an id",
            comments(many(150_000, &|n| format!(r#"{{"id":{n}}}"#))),
        ),
        (
            "comments with a field of their own",
            comments(many(100_000, &|n| format!(r#"{{"id":{n},"a":1}}"#))),
        ),
        (
            "items",
            format!(
                "[{}]",
                many(10_000, &|n| format!(r#"{{"meta":{{"id":{n}}},"content":{{}}}}"#))
            ),
        ),
        (
            "items with an author",
            format!(
                "[{}]",
                many(10_000, &|n| format!(
                    r#"{{"meta":{{"id":{n}}},"content":{{}},"author":{{"id":{n}}}}}"#
                ))
            ),
        ),
        (
            "errors",
            format!(
                "[{}]",
                many(10_000, &|n| format!(
                    r#"{{"meta":{{"id":{n},"fetch_status":"error"}}}}"#
                ))
            ),
        ),
        (
            "rejected items",
            format!("[{}]", many(10_000, &|_| "1".to_owned())),
        ),
        (
            "tags",
            format!(
                "[{}]",
                many(50, &|n| format!(
                    r#"{{"meta":{{"id":{n}}},"content":{{"tags":[{}]}}}}"#,
                    many(9_000, &|_| r#""a""#.to_owned())
                ))
            ),
        ),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_weigh_what_the_budget_counts_however_small_they_are() {
    let _alone = heap::alone().await;
    let mut pipeline = Pipeline::start().await;
    for (number, (what, body)) in bodies().into_iter().enumerate() {
        let sent = body.len();
        let decoded = Pipeline::decode(&message(number)).unwrap();
        let before = heap::used();
        let (peak, batch) = heap::peak_of(before, pipeline.parse(decoded, body.into_bytes())).await;
        let batch = batch.unwrap();
        let rows = heap::used() - before;
        let counted = pipeline.budget.used() as usize;
        let (written, ()) = heap::peak_of(before, pipeline.write(&batch)).await;
        eprintln!("{what}: sent {sent}, rows {rows}, counted {counted}, parsing {peak}, writing {written}");
        assert!(
            rows <= counted,
            "{what}: {rows} bytes of rows, {counted} are counted"
        );
        assert!(
            peak <= sent + 2 * counted + SLACK,
            "{what}: {peak} bytes while they were made"
        );
        assert!(
            written <= 2 * counted + SLACK,
            "{what}: {written} bytes while they were written"
        );
    }
}
