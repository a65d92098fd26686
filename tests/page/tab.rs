//! One tab of the browser, and what a person does in it.

use chromiumoxide::cdp::browser_protocol::{
    emulation::{MediaFeature, SetDeviceMetricsOverrideParams, SetFocusEmulationEnabledParams},
    input::{DispatchKeyEventParams, DispatchKeyEventType},
    log::{EventEntryAdded, LogEntryLevel},
    network::{EventLoadingFailed, EventResponseReceived},
    target::{CreateBrowserContextParams, CreateTargetParams},
};
use chromiumoxide::cdp::js_protocol::runtime::{
    ConsoleApiCalledType, EventConsoleApiCalled, EventExceptionThrown,
};
use chromiumoxide::{Browser, Page};
use futures_util::StreamExt;
use millrace_stack::{Chromium, Stack, wait_for};
use serde_json::Value;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::{Mutex as Turn, MutexGuard, OnceCell};

const PATIENCE: Duration = Duration::from_secs(60);

static CHROMIUM: OnceCell<Chromium> = OnceCell::const_new();
/// One tab at a time: a browser gives mouse and keyboard to the tab in front.
static FRONT: Turn<()> = Turn::const_new(());

/// How the reader looks at the page.
#[derive(Clone, Copy)]
pub(crate) struct Screen {
    pub(crate) width: i64,
    pub(crate) height: i64,
    pub(crate) dark: bool,
}

/// A tab with storage of its own, and everything that went wrong in it.
pub(crate) struct Tab {
    page: Page,
    problems: Arc<Mutex<Vec<String>>>,
    // It ends what it has opened when it is dropped.
    _browser: Browser,
    _turn: MutexGuard<'static, ()>,
}

// === impl Screen ===

impl Screen {
    pub(crate) const DESK: Self = Self {
        width: 1400,
        height: 900,
        dark: false,
    };
    pub(crate) const PHONE: Self = Self {
        width: 360,
        height: 740,
        dark: false,
    };
    pub(crate) const NIGHT: Self = Self {
        dark: true,
        ..Self::DESK
    };
}

// === impl Tab ===

impl Tab {
    pub(crate) async fn open(url: &str, screen: Screen) -> Self {
        let turn = FRONT.lock().await;
        let chromium = CHROMIUM.get_or_try_init(async || Stack::shared().await.chromium().await);
        let chromium = chromium.await.expect("cannot start the browser");
        let (browser, mut handler) = Browser::connect(chromium.websocket()).await.unwrap();
        tokio::spawn(async move { while handler.next().await.is_some() {} });
        let storage = CreateBrowserContextParams::builder()
            .dispose_on_detach(true)
            .build();
        let storage = browser.create_browser_context(storage).await.unwrap();
        let blank = CreateTargetParams::builder()
            .url("about:blank")
            .browser_context_id(storage);
        let page = browser.new_page(blank.build().unwrap()).await.unwrap();
        let tab = Self {
            page,
            problems: Arc::default(),
            _browser: browser,
            _turn: turn,
        };
        tab.look(screen).await;
        tab.watch().await;
        tab.page.goto(url).await.unwrap();
        tab
    }

    async fn look(&self, screen: Screen) {
        let is_phone = screen.width < 600;
        let metrics = SetDeviceMetricsOverrideParams::new(screen.width, screen.height, 1.0, is_phone);
        self.page.execute(metrics).await.unwrap();
        self.page
            .execute(SetFocusEmulationEnabledParams::new(true))
            .await
            .unwrap();
        let scheme = if screen.dark { "dark" } else { "light" };
        let scheme = MediaFeature::new("prefers-color-scheme", scheme);
        self.page.emulate_media_features(vec![scheme]).await.unwrap();
    }

    /// Notes what a developer would see in red.
    async fn watch(&self) {
        self.page.enable_log().await.unwrap();
        self.note(|event: &EventEntryAdded| {
            let entry = &event.entry;
            let bad = matches!(entry.level, LogEntryLevel::Error | LogEntryLevel::Warning);
            bad.then(|| format!("log: {} {}", entry.text, entry.url.as_deref().unwrap_or_default()))
        })
        .await;
        self.note(|event: &EventConsoleApiCalled| {
            let bad = matches!(
                event.r#type,
                ConsoleApiCalledType::Error | ConsoleApiCalledType::Warning
            );
            bad.then(|| format!("console: {:?}", event.args))
        })
        .await;
        self.note(|event: &EventExceptionThrown| Some(format!("exception: {:?}", event.exception_details)))
            .await;
        self.note(|event: &EventLoadingFailed| {
            // What the page itself gave up is no failure.
            (event.canceled != Some(true)).then(|| format!("request: {}", event.error_text))
        })
        .await;
        self.note(|event: &EventResponseReceived| {
            let (status, url) = (event.response.status, &event.response.url);
            (status >= 400).then(|| format!("answer: {status} {url}"))
        })
        .await;
    }

    async fn note<E>(&self, problem: impl Fn(&E) -> Option<String> + Send + 'static)
    where
        E: chromiumoxide::cdp::IntoEventKind + Unpin + Send + Sync + 'static,
    {
        let mut events = self.page.event_listener::<E>().await.unwrap();
        let problems = self.problems.clone();
        tokio::spawn(async move {
            while let Some(event) = events.next().await {
                problems.lock().unwrap().extend(problem(&event));
            }
        });
    }

    pub(crate) async fn reload(&self) {
        self.page.reload().await.unwrap();
    }

    /// What went wrong so far.
    pub(crate) fn problems(&self) -> Vec<String> {
        self.problems.lock().unwrap().clone()
    }

    /// The value of a JavaScript expression.
    pub(crate) async fn value(&self, expression: &str) -> Value {
        let found = self.page.evaluate_expression(expression).await;
        let found = found.unwrap_or_else(|error| panic!("{expression}: {error}"));
        found.value().cloned().unwrap_or(Value::Null)
    }

    /// The text of the first element that a selector finds.
    pub(crate) async fn text(&self, selector: &str) -> String {
        let selector = Value::from(selector);
        let text = self
            .value(&format!(
                "document.querySelector({selector})?.textContent ?? '(none)'"
            ))
            .await;
        text.as_str().unwrap().to_owned()
    }

    /// Waits until an expression is true.
    pub(crate) async fn until(&self, expression: &str) {
        let shown = wait_for(expression, PATIENCE, async || {
            let found = self.page.evaluate_expression(expression).await;
            match found.map(|found| found.value().cloned()) {
                Ok(Some(Value::Bool(true))) => Ok(()),
                other => Err(format!("{other:?}")),
            }
        });
        if let Err(error) = shown.await {
            let seen = self.value("document.body.innerText").await;
            panic!("{error:#}\nproblems: {:#?}\nthe page: {seen}", self.problems());
        }
    }

    /// Waits until an element is there whose text contains these words.
    pub(crate) async fn until_text(&self, selector: &str, words: &str) {
        let (selector, words) = (Value::from(selector), Value::from(words));
        self.until(&format!(
            "[...document.querySelectorAll({selector})].some((one) => one.textContent.includes({words}))"
        ))
        .await;
    }

    /// Waits until the stream is open and says that all is well.
    pub(crate) async fn until_well(&self) {
        self.until("document.body.dataset.connection === 'live'").await;
        self.until("document.querySelector('#outcome').dataset.level === 'ok'")
            .await;
    }

    /// Clicks with a mouse in the middle of the element, wherever that is, once it moves no more.
    pub(crate) async fn click(&self, selector: &str) {
        let place = format!(
            "(() => {{ const one = document.querySelector({}); one?.scrollIntoView({{ block: 'center' }}); \
             const box = one?.getBoundingClientRect(); \
             const seen = box && document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2); \
             return one?.contains(seen) ? `${{box.x}} ${{box.y}} ${{box.width}} ${{box.height}}` : null }})()",
            Value::from(selector)
        );
        let mut before = Value::Null;
        let what = format!("{selector} to rest");
        let rest = wait_for(&what, PATIENCE, async || {
            let now = self.value(&place).await;
            let rests = now.is_string() && now == before;
            before = now;
            rests
        });
        rest.await.unwrap();
        self.page
            .find_element(selector)
            .await
            .unwrap()
            .click()
            .await
            .unwrap();
    }

    /// Clicks into a field and types.
    pub(crate) async fn type_into(&self, selector: &str, text: &str) {
        self.click(selector).await;
        let field = self.page.find_element(selector).await.unwrap();
        field.type_str(text).await.unwrap();
    }

    /// Presses a key wherever the focus is.
    pub(crate) async fn press(&self, key: &str) {
        let (code, text) = match key {
            "Tab" => (9, None),
            "Enter" => (13, Some("\r")),
            "Escape" => (27, None),
            "Home" => (36, None),
            other => panic!("no such key: {other}"),
        };
        let event = |kind| {
            let event = DispatchKeyEventParams::builder().r#type(kind).key(key).code(key);
            event.windows_virtual_key_code(code)
        };
        let down = match text {
            Some(text) => event(DispatchKeyEventType::KeyDown).text(text),
            None => event(DispatchKeyEventType::RawKeyDown),
        };
        self.page.execute(down.build().unwrap()).await.unwrap();
        let up = event(DispatchKeyEventType::KeyUp);
        self.page.execute(up.build().unwrap()).await.unwrap();
    }
}
