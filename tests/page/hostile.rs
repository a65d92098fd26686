//! Whatever comes from outside is text.

use crate::site::{Site, crawl_error, posts};
use crate::tab::{Screen, Tab};
use serde_json::json;

const EVENT: &str = "<img src=x onerror=\"window.pwned=1\">&amp;</script><script>window.pwned=2</script>";
const PROJECT: &str = "<svg onload=window.pwned=3>'\"";
const CODE: &str = "<B ONCLICK=ALERT(1)>";
const NOTHING_RUNS: &str = "document.querySelectorAll('img, iframe, object, embed, b, script:not([type=module])').length === 0 \
     && document.querySelectorAll('script').length === 1 && window.pwned === undefined";

#[tokio::test(flavor = "multi_thread")]
async fn hostile_text_is_shown_as_text() {
    let site = Site::shared("page-hostile").await;
    let tab = Tab::open(&site.page(), Screen::DESK).await;
    let mut items = posts("hostile", 1);
    let more = [
        crawl_error("hostile-e", CODE),
        json!({"meta": {"fetch_status": EVENT, "id": EVENT}}),
    ];
    items.as_array_mut().unwrap().extend(more);
    site.batch(EVENT, PROJECT, items).await;
    let dead = format!("dead {EVENT}");
    site.announce(&dead, PROJECT, &format!("s4://{EVENT}/key")).await;

    tab.until_text("#batches tbody th", EVENT).await;
    tab.until_text("#projects .opener", PROJECT).await;
    tab.until_text("#errors .code", CODE).await;
    tab.until_text("#dead tbody th", &dead).await;
    tab.click("#projects .opener").await;
    tab.until("document.querySelector('#projects tr.job') !== null")
        .await;
    tab.click("#batches tbody a").await;
    tab.until_text("#story .fate", "stored").await;
    tab.until_text("#story-title", EVENT).await;
    tab.until_text("#story table", "unknown_fetch_status").await;
    tab.press("Escape").await;
    tab.click("#dead tbody a").await;
    tab.until_text("#story .fate", "dead-lettered").await;
    tab.until(NOTHING_RUNS).await;
    assert_eq!(tab.problems(), Vec::<String>::new());
}

/// The policy itself: what a mistake in the page would meet.
#[tokio::test(flavor = "multi_thread")]
async fn the_policy_lets_nothing_run_that_is_not_the_page() {
    let site = Site::shared("page-policy").await;
    let tab = Tab::open(&site.page(), Screen::DESK).await;
    tab.until_well().await;
    let refused = "(() => { try { document.body.innerHTML = '<p>'; return false } catch (error) { return error instanceof TypeError } })()";
    assert_eq!(tab.value(refused).await, true, "markup from text is refused");
    tab.value("const one = document.createElement('script'); one.async = true; document.body.append(one)")
        .await;
    tab.value("fetch('http://127.0.0.1:1/').catch(() => { window.wasRefused = true })")
        .await;
    tab.until("window.wasRefused === true").await;
    assert!(
        tab.problems()
            .iter()
            .any(|text| text.contains("Content Security Policy")),
        "the browser says which rule was broken: {:?}",
        tab.problems()
    );
}
