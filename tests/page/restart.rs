//! The page outlives the service.

use crate::site::{PATIENCE, Site, posts};
use crate::tab::{Screen, Tab};

#[tokio::test(flavor = "multi_thread")]
async fn the_page_survives_a_restart_of_the_service() {
    let site = Site::shared("page-restart").await;
    let tab = Tab::open(&site.page(), Screen::DESK).await;
    tab.until_well().await;
    tab.value("window.isStillTheSamePage = true").await;
    site.batch("evt_before", "proj_restart", posts("before", 1)).await;
    tab.until_text("#batches", "evt_before").await;
    assert_eq!(tab.problems(), Vec::<String>::new());

    assert_eq!(site.service.terminate().await.unwrap(), Some(0));
    tab.until("document.body.dataset.connection === 'lost'").await;
    tab.until_text("#outcome-title", "Disconnected since").await;
    tab.until_text("#outcome-detail", "it is old").await;
    tab.until_text("#outcome-detail", "Trying again").await;
    assert!(
        tab.text("#batches").await.contains("evt_before"),
        "what was there stays"
    );

    site.service.start_again().unwrap();
    site.service.wait_ready(PATIENCE).await.unwrap();
    tab.until_well().await;
    site.batch("evt_after", "proj_restart", posts("after", 1)).await;
    tab.until_text("#batches", "evt_after").await;
    assert_eq!(tab.value("window.isStillTheSamePage").await, true);
    let wrong: Vec<_> = tab
        .problems()
        .into_iter()
        .filter(|text| !text.contains("ERR_"))
        .collect();
    assert_eq!(wrong, Vec::<String>::new(), "nothing but lost connections");
}
