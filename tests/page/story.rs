//! The story of an event: by mouse, by keyboard, by address.

use crate::site::{Site, posts};
use crate::tab::{Screen, Tab};
use serde_json::json;

const OPEN: &str = "document.querySelector('#story').open";

#[tokio::test(flavor = "multi_thread")]
async fn clicking_an_event_shows_its_story() {
    let site = Site::shared("page-story").await;
    let tab = Tab::open(&site.page(), Screen::DESK).await;
    let mut items = posts("story", 2);
    items
        .as_array_mut()
        .unwrap()
        .push(json!({"meta": {"fetch_status": "success"}, "content": {}}));
    site.batch("evt_story", "proj_story", items).await;
    tab.until_text("#batches", "evt_story").await;

    tab.click("#batches a[href='#event=evt_story']").await;
    tab.until(OPEN).await;
    tab.until_text("#story-title", "evt_story").await;
    tab.until_text("#story .fate", "stored").await;
    tab.until_text("#story .facts-list", "object_path").await;
    tab.until_text("#story .facts-list", "proj_story-brand-0").await;
    tab.until_text("#story table", "missing_id").await;
    assert_eq!(tab.value("location.hash").await, "#event=evt_story");
    tab.click("#story-close").await;
    tab.until(&format!("!{OPEN} && location.hash === ''")).await;

    site.announce("evt_lost", "proj_story", "another-bucket/key.json")
        .await;
    tab.until_text("#dead", "evt_lost").await;
    tab.click("#dead a[href='#event=evt_lost']").await;
    tab.until_text("#story .fate", "dead-lettered").await;
    tab.until_text("#story .fate", "bucket_not_allowed").await;
    tab.until("document.querySelectorAll('#story .history li').length > 0")
        .await;
    assert_eq!(tab.problems(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_story_has_an_address() {
    let site = Site::shared("page-address").await;
    site.batch("evt/with #odd?signs&%", "proj_address", json!([]))
        .await;
    let tab = Tab::open(&site.page(), Screen::DESK).await;
    tab.until_text("#batches", "evt/with #odd?signs&%").await;
    tab.click("#batches tbody a").await;
    tab.until_text("#story .fate", "stored").await;
    tab.reload().await;
    tab.until_text("#story-title", "evt/with #odd?signs&%").await;
    tab.until_text("#story .fate", "stored").await;
    assert_eq!(tab.problems(), Vec::<String>::new());

    tab.value("location.hash = '#event=unknown-to-all'").await;
    tab.until_text("#story-body", "Another replica").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_keyboard_reaches_a_story_and_escape_closes_it() {
    let site = Site::shared("page-keys").await;
    site.batch("evt_keys", "proj_keys", posts("keys", 1)).await;
    let tab = Tab::open(&site.page(), Screen::DESK).await;
    tab.until_text("#batches", "evt_keys").await;

    tab.press("Tab").await;
    let focused = "document.activeElement.textContent";
    assert_eq!(tab.value(focused).await, "Skip to the content");
    let mut steps = 1;
    while tab.value(focused).await != "evt_keys" {
        tab.press("Tab").await;
        steps += 1;
        assert!(steps < 60, "the keyboard does not get there");
    }
    let outline = "getComputedStyle(document.activeElement).outlineStyle";
    assert_eq!(tab.value(outline).await, "solid", "one sees where one is");

    tab.press("Enter").await;
    tab.until_text("#story .fate", "stored").await;
    for _ in 0..12 {
        tab.press("Tab").await;
        let inside = "document.activeElement === document.body || document.querySelector('#story').contains(document.activeElement)";
        assert_eq!(tab.value(inside).await, true, "the focus left the dialog");
    }
    tab.press("Escape").await;
    tab.until(&format!("!{OPEN}")).await;
    tab.until(&format!("{focused} === 'evt_keys'")).await;
    assert_eq!(tab.problems(), Vec::<String>::new());
}
