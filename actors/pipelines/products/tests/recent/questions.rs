//! What the stores tell.

use crate::server::{TestDatabase, ago, dynamo, events};
use jiff::{SignedDuration, Timestamp};
use millrace_products::{
    domain::EventType,
    recent::{EventQuestion, JournalEvents, RecentEvent, RecentStore},
};
use std::cmp::Reverse;

/// All that fit, part by part.
async fn walk(store: &dyn RecentStore, question: &EventQuestion) -> Vec<RecentEvent> {
    let mut found = Vec::new();
    let mut question = question.clone();
    question.limit = 7;
    loop {
        let part = store.list(&question, Timestamp::now()).await.unwrap();
        assert!(part.len() <= question.limit, "{}", part.len());
        let Some(last) = part.last() else { return found };
        question.after = Some(last.place());
        found.extend(part);
    }
}

fn expected(events: &[RecentEvent], question: &EventQuestion) -> Vec<RecentEvent> {
    let fits = |event: &&RecentEvent| event.expires_at > Timestamp::now() && question.asks_for(event);
    let mut expected: Vec<_> = events.iter().filter(fits).cloned().collect();
    expected.sort_by_key(|event| Reverse(event.place()));
    expected
}

fn questions() -> Vec<EventQuestion> {
    let any = EventQuestion::default;
    let product = || Some("p-1".to_owned());
    let (since, until) = (ago(86_400 + 1_500), ago(86_400 + 300));
    vec![
        any(),
        EventQuestion {
            product_id: product(),
            ..any()
        },
        EventQuestion {
            event_type: Some(EventType::LowStock),
            ..any()
        },
        EventQuestion {
            product_id: product(),
            event_type: Some(EventType::Deleted),
            ..any()
        },
        EventQuestion {
            seller_id: Some("s-2".to_owned()),
            since: Some(since),
            ..any()
        },
        EventQuestion {
            product_id: product(),
            since: Some(since),
            until: Some(until),
            ..any()
        },
        EventQuestion {
            since: Some(until),
            until: Some(since),
            ..any()
        },
        EventQuestion {
            product_id: Some("none".to_owned()),
            ..any()
        },
    ]
}

#[tokio::test]
async fn both_stores_tell_the_same_newest_first_and_nothing_that_expired() {
    let all = events(280);
    let database = TestDatabase::new().await;
    database.store(&all).await;
    let journal = JournalEvents::new(database.database.clone());
    let (server, table) = dynamo().await;
    assert_eq!(table.put(&all).await.unwrap(), []);
    assert_eq!(
        server.items("RecentEvents").await.unwrap().len(),
        280,
        "expired ones too"
    );
    for question in questions() {
        let expected = expected(&all, &question);
        assert_eq!(walk(&journal, &question).await, expected, "{question:?}");
        assert_eq!(walk(&table, &question).await, expected, "{question:?}");
    }
    let stores: [&dyn RecentStore; 2] = [&journal, &table];
    for (number, event) in all.iter().enumerate() {
        let told = (number % 7 != 0).then(|| event.clone());
        for store in stores {
            assert_eq!(store.get(&event.id, Timestamp::now()).await.unwrap(), told);
        }
    }
}

#[tokio::test]
async fn an_event_is_told_until_the_moment_at_which_it_expires() {
    let mut event = events(2).remove(1);
    event.expires_at = ago(-1_000);
    let database = TestDatabase::new().await;
    database.store(std::slice::from_ref(&event)).await;
    let (_server, table) = dynamo().await;
    table.put(std::slice::from_ref(&event)).await.unwrap();
    let journal = JournalEvents::new(database.database.clone());
    let stores: [&dyn RecentStore; 2] = [&journal, &table];
    let just_before = event.expires_at - SignedDuration::from_millis(1);
    for store in stores {
        assert!(store.get(&event.id, just_before).await.unwrap().is_some());
        assert!(store.get(&event.id, event.expires_at).await.unwrap().is_none());
    }
}

#[tokio::test]
async fn a_store_that_is_away_says_so() {
    let (server, table) = dynamo().await;
    server.stop().await.unwrap();
    let question = EventQuestion {
        limit: 1,
        ..EventQuestion::default()
    };
    let why = table.list(&question, Timestamp::now()).await.unwrap_err();
    assert!(why.to_string().starts_with("DynamoDB busy:  (502)"), "{why}");
}
