//! The published schemas and the reader must say the same.

use crate::*;
use millrace_products::domain::EventType;
use serde_json::{Value, json};
use std::{fs, path::PathBuf};

const SCHEMAS: [(&str, EventType); 4] = [
    ("created", EventType::Created),
    ("updated", EventType::Updated),
    ("deleted", EventType::Deleted),
    ("low-stock", EventType::LowStock),
];

fn events() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../schema/events")
}

fn schema(name: &str) -> Value {
    serde_json::from_slice(&fs::read(events().join(format!("product.{name}.json"))).unwrap()).unwrap()
}

fn accepts(kind: EventType, event: &Value) -> bool {
    let read = read(kind.as_str(), record(event.to_string()));
    read.is_ok_and(|event| event.event_type == kind)
}

#[test]
fn every_example_is_read_and_validates_as_its_name_says() {
    let files = fs::read_dir(events().join("product-examples")).unwrap();
    let mut seen = 0;
    for file in files.map(|file| file.unwrap().path()) {
        let name = file.file_stem().unwrap().to_str().unwrap();
        let is_of = |(of, _): &&(&str, EventType)| name.starts_with(of);
        let (of, kind) = SCHEMAS.iter().find(is_of).unwrap();
        let is_valid = match name[of.len()..].split('-').nth(1) {
            Some("valid") => true,
            Some("invalid") => false,
            other => panic!("{name}: {other:?}"),
        };
        let event: Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
        let validator = jsonschema::validator_for(&schema(of)).unwrap();
        assert_eq!(validator.is_valid(&event), is_valid, "{name}");
        assert_eq!(accepts(*kind, &event), is_valid, "{name}");
        seen += 1;
    }
    assert!(seen >= 25, "{seen}");
}

/// Every field of an event, and nothing in its place, or something else.
#[test]
fn schema_and_reader_agree_on_every_field() {
    let others = [
        json!(null),
        json!(""),
        json!(" "),
        json!("x"),
        json!("1"),
        json!("1.5"),
        json!("2"),
        json!(7),
        json!(1.5),
        json!(1),
        json!(2),
        json!(-1),
        json!(true),
        json!({}),
        json!([]),
        json!("x.ProductCreated"),
        json!("LowStockWarning"),
        json!("p".repeat(257)),
        json!({"id": "q"}),
        json!("\0"),
    ];
    let mut compared = 0;
    for (name, kind) in SCHEMAS {
        let schema = schema(name);
        let validator = jsonschema::validator_for(&schema).unwrap();
        let mut compare = |event: &Value| {
            compared += 1;
            assert_eq!(validator.is_valid(event), accepts(kind, event), "{name}: {event}");
        };
        let example = &schema["examples"][0];
        compare(example);
        for (place, object) in [("", &schema), ("/product", &schema["properties"]["product"])] {
            let fields = object["properties"].as_object().cloned().unwrap_or_default();
            for field in fields.keys() {
                let mut without = example.clone();
                let Some(object) = without.pointer_mut(place).and_then(Value::as_object_mut) else {
                    continue;
                };
                object.remove(field);
                compare(&without);
                for other in &others {
                    let mut with = without.clone();
                    with.pointer_mut(place).unwrap()[field] = other.clone();
                    compare(&with);
                    // Where the other spelling has to do.
                    for preferred in ["type", "productId", "stock", "currentStock"] {
                        let mut second = with.clone();
                        if second
                            .pointer_mut(place)
                            .unwrap()
                            .as_object_mut()
                            .unwrap()
                            .remove(preferred)
                            .is_some()
                        {
                            compare(&second);
                        }
                    }
                }
            }
        }
    }
    assert!(compared > 1000, "{compared}");
}

#[test]
fn every_field_is_described() {
    for (name, kind) in SCHEMAS {
        let schema = schema(name);
        assert_eq!(schema["title"], kind.as_str());
        let limit = &schema["$defs"]["id"]["anyOf"][0]["maxLength"];
        assert_eq!(*limit, json!(millrace_products::event::MAX_ID_BYTES));
        for object in [&schema, &schema["properties"]["product"]] {
            for (field, about) in object["properties"].as_object().into_iter().flatten() {
                assert!(
                    about["description"].as_str().is_some_and(|text| text.len() > 10),
                    "{name}: {field}"
                );
            }
        }
    }
}
