//! The published schema and the reader must say the same.

use super::{MAX_ID_BYTES, decode, decode_tests::delivery};
use serde_json::{Value, json};
use std::{fs, path::PathBuf};

fn events() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../schema/events")
}

fn schema() -> Value {
    serde_json::from_slice(&fs::read(events().join("data.collected.json")).unwrap()).unwrap()
}

fn accepts(event: &Value) -> bool {
    decode(event.to_string().as_bytes(), None, delivery()).is_ok()
}

/// An event of the schema's own example.
fn example() -> Value {
    schema()["examples"][0].clone()
}

#[test]
fn every_example_is_read_as_its_name_says() {
    let mut seen = (0, 0);
    for entry in fs::read_dir(events().join("examples")).unwrap() {
        let file = entry.unwrap().path();
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        let found = decode(&fs::read(&file).unwrap(), None, delivery());
        match name.split('-').next() {
            Some("valid") => {
                seen.0 += 1;
                assert!(found.is_ok(), "{name}: {found:?}");
            }
            Some("invalid") => {
                seen.1 += 1;
                assert!(found.is_err(), "{name}: {found:?}");
            }
            _ => panic!("{name} says neither valid nor invalid"),
        }
    }
    assert!(seen.0 >= 4 && seen.1 >= 11, "{seen:?}");
    assert!(accepts(&example()));
}

#[test]
fn what_the_schema_requires_the_reader_requires_and_nothing_else() {
    let schema = schema();
    let objects = [("", &schema), ("/payload", &schema["properties"]["payload"])];
    for (pointer, object) in objects {
        let required = object["required"].as_array().unwrap();
        for name in object["properties"].as_object().unwrap().keys() {
            let mut event = example();
            event
                .pointer_mut(pointer)
                .unwrap()
                .as_object_mut()
                .unwrap()
                .remove(name);
            let is_required = required.contains(&json!(name));
            assert_eq!(accepts(&event), !is_required, "without {pointer}/{name}");
        }
    }
}

#[test]
fn every_field_is_described() {
    let schema = schema();
    for object in [&schema, &schema["properties"]["payload"]] {
        for (name, field) in object["properties"].as_object().unwrap() {
            assert!(
                field["description"].as_str().is_some_and(|text| text.len() > 10),
                "{name}"
            );
        }
    }
    assert_eq!(
        schema["$defs"]["id"]["anyOf"][0]["maxLength"],
        json!(MAX_ID_BYTES)
    );
}
