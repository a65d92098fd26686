//! Several crawls of one thing.

use super::*;

fn crawl(at: &str, views: Value, category: Value) -> Value {
    json!([{
        "meta": {"id": "1", "fetch_status": "success", "crawled_at": at},
        "content": {"view_count": views, "category": category},
        "comments": [{"author_name": "B", "text": "hay quá", "like_count": views}],
    }])
}

#[test]
fn newer_values_win_and_older_ones_fill_gaps_in_any_order() {
    let old = ("old", crawl("2025-12-01T00:00:00Z", json!(10), json!("Food")));
    let mid = ("mid", crawl("2025-12-02T00:00:00Z", json!(20), Value::Null));
    let new = ("new", crawl("2025-12-03T00:00:00Z", json!(30), Value::Null));
    let one = [old.clone(), mid.clone(), new.clone()];
    for order in [one, [new.clone(), old.clone(), mid.clone()], [mid, new, old]] {
        let expected = expect_batches(&order);
        let post = &expected.posts["proj_xyz789 | tiktok | 1"];
        assert_eq!(
            (&post["view_count"], &post["category"]),
            (&json!(30), &json!("Food"))
        );
        assert_eq!(post["crawled_at"], "2025-12-03T00:00:00Z");
        assert_eq!(expected.comments.len(), 1);
        assert_eq!(expected.comments.values().next().unwrap()["like_count"], 30);
        assert_eq!(expected.ledger.len(), 3);
    }
}

#[test]
fn an_event_twice_changes_nothing_and_an_error_in_two_events_counts_two() {
    let error = |at: &str| {
        json!([{"meta": {"id": "9", "fetch_status": "error", "error_code": "timeout", "crawled_at": at,
                         "error_message": at}}])
    };
    let early = ("early", error("2025-12-01T00:00:00Z"));
    let late = ("late", error("2025-12-02T00:00:00Z"));
    let expected = expect_batches(&[late.clone(), early, late]);
    let row = &expected.crawl_errors["proj_xyz789 | tiktok | 9 | TIMEOUT"];
    assert_eq!(row["occurrences"], 2);
    assert_eq!(row["created_at"], "2025-12-01T00:00:00Z");
    assert_eq!(row["last_seen_at"], "2025-12-02T00:00:00Z");
    assert_eq!(row["error_message"], "2025-12-02T00:00:00Z");
    assert_eq!(row["retryable"], true);
}

#[test]
fn projects_keep_their_own_rows_and_a_dry_run_is_its_own_scope() {
    let mut dry = event("dry");
    dry["payload"]["project_id"] = Value::Null;
    dry["payload"]["job_id"] = "550e8400-e29b-41d4-a716-446655440000".into();
    let items = crawl("2025-12-01T00:00:00Z", json!(1), Value::Null).to_string();
    let objects = Objects::from([object("dry", items.clone()), object("own", items)]);
    let events = [dry.to_string(), event("own").to_string()];
    let expected = expect(events, &objects, &OracleSettings::default());
    assert_eq!(expected.posts.len(), 2);
    let row = &expected.posts["550e8400-e29b-41d4-a716-446655440000 | tiktok | 1"];
    assert_eq!(
        (&row["is_dryrun"], &row["project_id"]),
        (&json!(true), &Value::Null)
    );
}
