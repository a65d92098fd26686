//! It loads, and it lives.

use crate::site::{Site, crawl_error, posts};
use crate::tab::{Screen, Tab};
use millrace_stack::Stack;
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn it_loads_without_a_complaint_and_says_what_to_do_when_nothing_has_arrived() {
    let site = Site::shared("page-empty").await;
    let tab = Tab::open(&site.page(), Screen::DESK).await;
    tab.until_well().await;
    tab.until_text("#outcome", "waiting for the first event").await;
    tab.until_text("#batches", "millrace generate").await;
    tab.until_text("#errors", "No crawl error is stored").await;
    tab.until_text("#dead", "None since the start").await;
    for stop in [
        "rabbitmq",
        "ingress",
        "object_store",
        "fetcher",
        "parser",
        "writer",
        "database",
    ] {
        tab.until(&format!(
            "document.querySelector('[data-stop={stop}]').dataset.level === 'ok'"
        ))
        .await;
    }
    assert_eq!(tab.problems(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_appears_without_a_reload() {
    let site = Site::shared("page-live").await;
    let tab = Tab::open(&site.page(), Screen::DESK).await;
    tab.until_well().await;
    tab.value("window.isStillTheSamePage = true").await;

    let mut items = posts("live", 9);
    items
        .as_array_mut()
        .unwrap()
        .push(crawl_error("live-e", "TIMEOUT"));
    site.batch("evt_live", "proj_live", items).await;

    tab.until_text("#batches tr[data-event='evt_live']", "proj_live-brand-0")
        .await;
    tab.until_text("[data-figure=events]", "1 in 15 min").await;
    tab.until_text("[data-figure=items]", "10 in 15 min").await;
    tab.until_text("#projects tr.project", "proj_live").await;
    tab.until_text("#projects tr.project", "100 %").await;
    tab.until_text("#errors", "TIMEOUT").await;
    tab.until_text("#errors", "network").await;
    tab.click("#projects .opener").await;
    tab.until_text("#projects tr.job", "proj_live-brand-0").await;
    assert_eq!(tab.value("window.isStillTheSamePage").await, true);
    assert_eq!(tab.problems(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn plots_draw_what_happened_and_read_it_out_to_the_keyboard() {
    let site = Site::shared("page-plots").await;
    let tab = Tab::open(&site.page(), Screen::DESK).await;
    site.batch("evt_plot", "proj_plot", posts("plot", 5)).await;
    // A slot is drawn when it is over.
    tab.until(
        "document.querySelector('[data-plot=events] path.series-stored')?.getAttribute('d').length > 0",
    )
    .await;
    tab.until("document.querySelector('[data-plot=latency]').querySelector('circle, path[d^=M]') !== null")
        .await;
    assert!(
        tab.value("document.querySelectorAll('[data-plot=events] text.tick').length")
            .await
            .as_i64()
            .unwrap()
            >= 5
    );

    let slider = "document.querySelector('[data-plot=items] input')";
    tab.until(&format!("Number({slider}.max) >= 1")).await;
    tab.value(&format!("{slider}.focus()")).await;
    tab.until("document.querySelectorAll('.cursor-line').length === 3")
        .await;
    let read = format!("{slider}.getAttribute('aria-valuetext')");
    let newest = tab.value(&read).await;
    assert!(newest.as_str().unwrap().contains("posts"), "{newest}");
    tab.press("Home").await;
    tab.until(&format!("{read} !== {newest}")).await;

    tab.click("#plots-table summary").await;
    tab.until("document.querySelectorAll('#plots-table tbody tr').length > 0")
        .await;
    assert_eq!(tab.problems(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn dead_letters_are_shown_by_reason_with_samples() {
    let site = Site::shared("page-dead").await;
    let tab = Tab::open(&site.page(), Screen::DESK).await;
    site.announce("evt_astray", "proj_dead", "another-bucket/key.json")
        .await;
    site.announce("evt_up", "proj_dead", "../key.json").await;
    tab.until_text("#dead tr[data-event='evt_astray']", "bucket_not_allowed")
        .await;
    tab.until_text("#dead tr[data-event='evt_up']", "bad_path").await;
    tab.until_text("[data-figure=dead] .value", "2").await;
    tab.click("#dead .chip").await;
    tab.until("document.querySelectorAll('#dead tbody tr').length === 1")
        .await;
    tab.until("document.querySelector('#dead .chip').getAttribute('aria-pressed') === 'true'")
        .await;
    assert_eq!(tab.problems(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_search_finds_batches_by_the_beginning_of_an_id() {
    let site = Site::shared("page-search").await;
    let tab = Tab::open(&site.page(), Screen::DESK).await;
    for (event, project) in [
        ("evt_apple", "proj_a"),
        ("evt_pear", "proj_b"),
        ("other", "proj_b"),
    ] {
        site.batch(event, project, json!([])).await;
        tab.until_text("#batches", event).await;
    }
    tab.type_into("#query", "evt_p").await;
    tab.until("document.querySelectorAll('#batches tbody tr').length === 1")
        .await;
    assert!(tab.text("#batches tbody").await.contains("evt_pear"));
    tab.type_into("#query", "lum").await;
    tab.until_text("#batches", "No stored batch").await;
    assert_eq!(tab.problems(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outage_is_seen_and_so_is_its_end() {
    let stack = Stack::start().await.unwrap();
    let site = Site::start(&stack, "page-outage", &[]).await;
    let tab = Tab::open(&site.page(), Screen::DESK).await;
    tab.until_well().await;

    stack.postgres.kill().await.unwrap();
    site.batch("evt_held", "proj_held", posts("held", 3)).await;
    tab.until("document.querySelector('[data-stop=database]').dataset.level === 'bad'")
        .await;
    tab.until("document.querySelector('#outcome').dataset.level === 'bad'")
        .await;
    tab.until_text("#outcome-title", "Postgres has been down since")
        .await;
    tab.until_text("#announcer", "Postgres has been down").await;
    tab.until("document.title.includes('Postgres')").await;
    tab.until_text("[data-stop=writer]", "down for").await;
    tab.until_text("[data-stop=ingress]", "not consuming").await;
    tab.until_text("#supervision", "database unavailable").await;
    tab.until("!document.querySelector('#batches-panel [data-notice]').hidden")
        .await;

    stack.postgres.start().await.unwrap();
    tab.until_well().await;
    tab.until_text("#batches", "evt_held").await;
    tab.until("document.querySelector('#batches-panel [data-notice]').hidden")
        .await;
    tab.until("document.querySelector('[data-stop=database]').dataset.level === 'ok'")
        .await;
    // Nothing but the database's own refusals went wrong.
    let others: Vec<_> = tab
        .problems()
        .into_iter()
        .filter(|text| !text.contains("503"))
        .collect();
    assert_eq!(others, Vec::<String>::new());
}
