//! A service that wants a token.

use crate::site::{Site, posts};
use crate::tab::{Screen, Tab};
use millrace_stack::Stack;

#[tokio::test(flavor = "multi_thread")]
async fn the_page_asks_for_the_token_and_keeps_it_in_the_tab() {
    let settings = [("API_TOKEN", "a-secret-for-this-test")];
    let site = Site::start(Stack::shared().await, "page-token", &settings).await;
    let tab = Tab::open(&site.page(), Screen::DESK).await;
    tab.until("!document.querySelector('#token-form').hidden").await;
    tab.until_text("#outcome-title", "A token is needed").await;
    tab.type_into("#token", "wrong").await;
    tab.press("Enter").await;
    tab.until_text("#token-why", "refused the token").await;
    tab.type_into("#token", "a-secret-for-this-test").await;
    tab.press("Enter").await;
    tab.until_well().await;
    tab.until("document.querySelector('#token-form').hidden").await;
    site.batch("evt_token", "proj_token", posts("token", 1)).await;
    tab.until_text("#batches", "evt_token").await;
    tab.reload().await;
    tab.until_well().await;
    let wrong: Vec<_> = tab
        .problems()
        .into_iter()
        .filter(|text| !text.contains("401"))
        .collect();
    assert_eq!(wrong, Vec::<String>::new());
}
