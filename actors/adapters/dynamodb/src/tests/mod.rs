//! Against a server of the API.

use crate::{DynamoError, DynamoKeys, DynamoSettings, Index, Item, Question, Shape, Table, Value};
use millrace_access::renewable::Renewable;
use millrace_stack::{DynamoDb, Refusal};
use serde_json::json;
use std::{collections::BTreeSet, time::Duration};

const SHAPE: Shape = Shape {
    key: "id",
    indexes: &[Index {
        name: "by_product",
        hash: "productId",
        range: "timestamp",
    }],
    ttl: "ttl",
};

async fn server_and_table() -> (DynamoDb, Table) {
    let server = DynamoDb::launch().await.unwrap();
    let table = Table::new(DynamoSettings::at(server.url(), "Things"));
    table.create(&SHAPE).await.unwrap();
    (server, table)
}

fn item(id: &str, timestamp: usize) -> Item {
    Item::from([
        ("id".to_owned(), Value::from(id)),
        ("productId".to_owned(), Value::from("p")),
        ("timestamp".to_owned(), Value::Text(format!("{timestamp:04}"))),
        ("data".to_owned(), Value::from_json(r#"{"price":19.90}"#).unwrap()),
    ])
}

fn ids(items: &[Item]) -> Vec<&str> {
    items.iter().map(|item| item["id"].as_text().unwrap()).collect()
}

#[tokio::test]
async fn a_table_is_made_described_and_left_alone_when_it_is_there() {
    let server = DynamoDb::launch().await.unwrap();
    let table = Table::new(DynamoSettings::at(server.url(), "Things"));
    assert_eq!(table.describe().await.unwrap(), None);
    for _ in 0..2 {
        table.create(&SHAPE).await.unwrap();
    }
    let description = table.describe().await.unwrap().unwrap();
    assert!(description.active);
    assert_eq!(description.has_key_of(&SHAPE), Ok(()));
    assert_eq!(description.lacks(&SHAPE), Vec::<String>::new());
    assert_eq!(server.asked("CreateTable"), 1);
    assert_eq!(server.asked("UpdateTable"), 0);
}

#[tokio::test]
async fn what_a_table_lacks_is_told_and_made() {
    let server = DynamoDb::launch().await.unwrap();
    let make = |name: &str, key: &str| {
        json!({
            "TableName": name,
            "BillingMode": "PAY_PER_REQUEST",
            "KeySchema": [{"AttributeName": key, "KeyType": "HASH"}],
            "AttributeDefinitions": [{"AttributeName": key, "AttributeType": "S"}],
        })
    };
    server.ask("CreateTable", &make("Things", "id")).await.unwrap();
    server.ask("CreateTable", &make("Others", "other")).await.unwrap();
    let others = Table::new(DynamoSettings::at(server.url(), "Others"));
    let description = others.describe().await.unwrap().unwrap();
    let why = description.has_key_of(&SHAPE).unwrap_err();
    assert_eq!(why, r#"its key is "other", and not "id""#);

    let table = Table::new(DynamoSettings::at(server.url(), "Things"));
    let lacks = table.describe().await.unwrap().unwrap().lacks(&SHAPE);
    assert_eq!(lacks.len(), 2, "{lacks:?}");
    assert!(
        lacks[0].contains("by_product") && lacks[1].contains("TTL"),
        "{lacks:?}"
    );
    table.create(&SHAPE).await.unwrap();
    let lacks = table.describe().await.unwrap().unwrap().lacks(&SHAPE);
    assert_eq!(lacks, Vec::<String>::new());
}

#[tokio::test]
async fn items_are_found_by_key_and_by_index_newest_first() {
    let (_server, table) = server_and_table().await;
    let items = (0..60)
        .map(|number| item(&format!("i{number}"), number))
        .collect();
    assert_eq!(table.put_many("id", items).await.unwrap(), []);
    let found = table.get("id", "i7").await.unwrap().unwrap();
    assert_eq!(found, item("i7", 7));
    assert_eq!(found["data"].to_json(), r#"{"price":19.90}"#, "with its digits");
    assert_eq!(table.get("id", "none").await.unwrap(), None);

    let question = Question {
        index: "by_product",
        of: ("productId", "p"),
        between: ("timestamp", "0010", "0052"),
        most: 20,
    };
    let first = table.query(&question, None).await.unwrap();
    assert_eq!(ids(&first.items)[..2], ["i52", "i51"]);
    assert_eq!(first.items.len(), 20);
    let second = table.query(&question, first.next).await.unwrap();
    let third = table.query(&question, second.next).await.unwrap();
    assert_eq!(ids(&third.items), ["i12", "i11", "i10"]);
    assert!(third.next.is_none());
}

#[tokio::test]
async fn throttling_and_unprocessed_items_lose_nothing() {
    let (server, table) = server_and_table().await;
    server.refuse(Refusal::Half);
    let items: Vec<_> = (0..200)
        .map(|number| item(&format!("i{number}"), number))
        .collect();
    assert_eq!(table.put_many("id", items).await.unwrap(), []);
    assert!(server.refused() > 8, "{}", server.refused());
    let there = server.items("Things").await.unwrap();
    let ids: BTreeSet<_> = there
        .iter()
        .map(|item| item["id"]["S"].as_str().unwrap())
        .collect();
    assert_eq!((there.len(), ids.len()), (200, 200));
}

#[tokio::test]
async fn a_refused_item_costs_its_neighbours_nothing() {
    let (server, table) = server_and_table().await;
    let mut items: Vec<_> = (0..30)
        .map(|number| item(&format!("i{number}"), number))
        .collect();
    for bad in [3, 17] {
        items[bad].insert("big".to_owned(), Value::Text("x".repeat(500_000)));
    }
    let mut refused = table.put_many("id", items).await.unwrap();
    refused.sort_by(|a, b| a.key.cmp(&b.key));
    let keys: Vec<_> = refused.iter().map(|refused| refused.key.as_str()).collect();
    assert_eq!(keys, ["i17", "i3"], "{refused:?}");
    assert!(refused[0].why.contains("ValidationException"), "{refused:?}");
    assert_eq!(server.items("Things").await.unwrap().len(), 28);
}

#[tokio::test]
async fn patience_ends_and_what_was_written_does_no_harm_when_it_is_put_again() {
    let (server, table) = server_and_table().await;
    let mut settings = (*table.settings).clone();
    settings.patience = Duration::from_millis(300);
    let hurried = Table::new(settings);
    for (refusal, busy) in [(Refusal::Throttled, true), (Refusal::Broken, true)] {
        server.refuse(refusal);
        let error = hurried.put_many("id", vec![item("a", 1)]).await.unwrap_err();
        assert_eq!(matches!(error, DynamoError::Busy(_)), busy, "{error}");
    }
    server.refuse(Refusal::None);
    for _ in 0..2 {
        table.put_many("id", vec![item("a", 1)]).await.unwrap();
    }
    assert_eq!(server.items("Things").await.unwrap().len(), 1);
}

#[tokio::test]
async fn failures_say_what_helps() {
    let (server, table) = server_and_table().await;
    server.refuse(Refusal::Named("AccessDeniedException"));
    let error = table.put_many("id", vec![item("a", 1)]).await.unwrap_err();
    assert!(matches!(error, DynamoError::Denied(_)), "{error}");
    server.refuse(Refusal::None);
    let missing = Table::new(DynamoSettings::at(server.url(), "None"));
    let error = missing.put_many("id", vec![item("a", 1)]).await.unwrap_err();
    assert!(matches!(error, DynamoError::Missing(_)), "{error}");
    let mut settings = DynamoSettings::at("http://127.0.0.1:1", "None");
    settings.patience = Duration::ZERO;
    let error = Table::new(settings)
        .put_many("id", vec![item("a", 1)])
        .await
        .unwrap_err();
    assert!(matches!(error, DynamoError::Away(_)), "{error}");
}

#[tokio::test]
async fn keys_are_read_again() {
    let (server, table) = server_and_table().await;
    let file = tempfile::NamedTempFile::new().unwrap();
    let path = file.path().to_owned();
    let read = move || -> Result<DynamoKeys, String> {
        let access = std::fs::read_to_string(&path).map_err(|error| error.to_string())?;
        Ok(DynamoKeys {
            access,
            ..DynamoKeys::assumed()
        })
    };
    let mut settings = (*table.settings).clone();
    settings.keys = Some(Renewable::new("the keys", DynamoKeys::assumed(), read));
    let table = Table::new(settings);
    for access in ["first", "second"] {
        std::fs::write(file.path(), access).unwrap();
        table.get("id", "a").await.unwrap();
        assert_eq!(server.last_access_key().as_deref(), Some(access));
    }
}
