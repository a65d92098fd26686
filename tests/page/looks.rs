//! On a phone, in the dark.

use crate::site::{Site, posts};
use crate::tab::{Screen, Tab};

/// Brightness of the ground, 0 to 255.
const BRIGHTNESS: &str = "getComputedStyle(document.body).backgroundColor.match(/[0-9.]+/g).slice(0, 3).map(Number).reduce((a, b) => a + b) / 3";

#[tokio::test(flavor = "multi_thread")]
async fn a_phone_scrolls_only_downwards() {
    let site = Site::shared("page-phone").await;
    let long = "a-very-long-id-without-any-place-to-break-it"
        .repeat(5)
        .replace('-', "_");
    let tab = Tab::open(&site.page(), Screen::PHONE).await;
    tab.until_well().await;
    let fits = "document.documentElement.scrollWidth <= 360 && document.documentElement.scrollHeight > 740";
    tab.until(fits).await;
    site.batch(&long, &long, posts("phone", 1)).await;
    site.announce(&format!("dead_{long}"), &long, &format!("s4://{long}"))
        .await;
    tab.until_text("#batches", &long).await;
    tab.until_text("#dead", &long).await;
    tab.until_text("#projects", &long).await;
    tab.until(fits).await;
    tab.click("#batches tbody a").await;
    tab.until_text("#story .fate", "stored").await;
    tab.until("document.querySelector('#story').scrollWidth <= 360")
        .await;
    tab.until(fits).await;
    assert_eq!(tab.problems(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_is_dark_where_the_reader_wants_it_dark() {
    let site = Site::shared("page-dark").await;
    let tab = Tab::open(&site.page(), Screen::NIGHT).await;
    tab.until(&format!("{BRIGHTNESS} < 60")).await;
    // auto, light, dark: the button goes round, and the choice outlasts the visit.
    tab.click("#theme").await;
    tab.until(&format!("{BRIGHTNESS} > 200")).await;
    tab.reload().await;
    tab.until(&format!("{BRIGHTNESS} > 200")).await;
    tab.until_text("#theme", "light").await;
    tab.click("#theme").await;
    tab.until(&format!("{BRIGHTNESS} < 60")).await;
    assert_eq!(tab.problems(), Vec::<String>::new());
    drop(tab);
    let day = Tab::open(&site.page(), Screen::DESK).await;
    day.until(&format!("{BRIGHTNESS} > 200")).await;
}
