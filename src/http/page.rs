//! The page at `/`: one file without anything outside it, joined at start from the parts in `page/` and from those of the
//! pipelines that run.
//!
//! It is static: all data comes from the JSON API. Whatever the data holds, the policy lets the browser run
//! only this script and this style, talk only to this service, and make elements only from text.

use super::shown::{Panels, Shown};
use axum::Extension;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use base64::{Engine, engine::general_purpose::STANDARD};
use sha2::{Digest, Sha256};
use std::sync::Arc;

/// The page, as it is served. Cheap to clone.
#[derive(Clone)]
pub(super) struct Page {
    html: Arc<str>,
    policy: HeaderValue,
}

/// What is joined into one file.
struct Parts {
    body: String,
    style: String,
    /// One module, so that its names are its own.
    script: String,
}

const STYLE: [&str; 2] = [include_str!("page/page.css"), include_str!("page/parts.css")];

/// In the order in which the parts need each other; what pipelines add stands between the two.
const SCRIPT: [&str; 8] = [
    include_str!("page/dom.js"),
    include_str!("page/format.js"),
    include_str!("page/api.js"),
    include_str!("page/stream.js"),
    include_str!("page/model.js"),
    include_str!("page/outcome.js"),
    include_str!("page/pipeline.js"),
    include_str!("page/panel.js"),
];
const LAST_SCRIPT: [&str; 3] = [
    include_str!("page/troubles.js"),
    include_str!("page/dialog.js"),
    include_str!("page/main.js"),
];

// === impl Page ===

impl Page {
    pub(super) fn new(shown: &[Arc<dyn Shown>]) -> Self {
        let panels: Vec<_> = shown.iter().map(|shown| shown.panels()).collect();
        Self::of(&panels)
    }

    fn of(panels: &[Panels]) -> Self {
        let Parts { body, style, script } = Parts::of(panels);
        // Computed from the parts themselves: a hash that is copied by hand is wrong after the next change.
        let policy = format!(
            "default-src 'none'; script-src '{}'; style-src '{}'; connect-src 'self'; img-src data:; \
             base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
             require-trusted-types-for 'script'; trusted-types 'none'",
            hash(&script),
            hash(&style)
        );
        let head = include_str!("page/head.html");
        let html = format!(
            "<!doctype html>\n<html lang=\"en\" data-theme=\"auto\">\n<head>\n{head}<style>{style}</style>\n</head>\n\
             <body>\n{body}<script type=\"module\">{script}</script>\n</body>\n</html>\n"
        );
        Self {
            html: html.into(),
            policy: HeaderValue::try_from(policy).expect("a policy of visible ASCII"),
        }
    }

    fn served(&self) -> Response {
        let headers = [
            (
                header::CONTENT_TYPE,
                HeaderValue::from_static("text/html; charset=utf-8"),
            ),
            (header::CONTENT_SECURITY_POLICY, self.policy.clone()),
            (header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
            (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
            // After an upgrade the old page must not be shown.
            (header::CACHE_CONTROL, HeaderValue::from_static("no-cache")),
        ];
        (headers, self.html.to_string()).into_response()
    }
}

// === impl Parts ===

impl Parts {
    fn of(panels: &[Panels]) -> Self {
        let all = |part: fn(&Panels) -> &'static str| -> String { panels.iter().map(part).collect() };
        let many = |part: fn(&Panels) -> &'static [&'static str]| -> String {
            panels.iter().flat_map(part).copied().collect()
        };
        let wide = match all(|panels| panels.wide) {
            none if none.is_empty() => none,
            wide => format!("    <div class=\"stackup\">\n{wide}    </div>\n\n"),
        };
        let (top, bottom) = (include_str!("page/top.html"), include_str!("page/bottom.html"));
        let (above, narrow) = (all(|panels| panels.above), all(|panels| panels.narrow));
        Self {
            body: format!(
                "{top}\n{above}\n  <div class=\"columns\">\n{wide}    <div class=\"stackup\">\n{narrow}\n{bottom}"
            ),
            style: STYLE.concat() + &many(|panels| panels.style),
            script: SCRIPT.concat() + &many(|panels| panels.script) + &LAST_SCRIPT.concat(),
        }
    }
}

/// The page for browsers, a list of addresses for all other clients.
pub(super) async fn index(Extension(page): Extension<Page>, headers: HeaderMap) -> Response {
    let html = if wants_html(&headers) {
        page.served()
    } else {
        addresses()
    };
    // Caches between us and the reader must tell the two apart.
    ([(header::VARY, "accept")], html).into_response()
}

/// Browsers name it; curl and Prometheus do not.
fn wants_html(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(header::ACCEPT);
    let mut named = accepted.iter().filter_map(|accept| accept.to_str().ok());
    named.any(|accept| accept.contains("text/html"))
}

fn addresses() -> Response {
    let version = env!("CARGO_PKG_VERSION");
    let text = format!(
        "millrace {version}\n\n/ in a browser: the dashboard\n/metrics\n/livez\n/readyz\n/health\n\
         /api/v1/status\n/api/v1/stream\n/api/v1/openapi.json\n"
    );
    ([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], text).into_response()
}

fn hash(text: &str) -> String {
    format!("sha256-{}", STANDARD.encode(Sha256::digest(text)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipelines::BATCHES_PANELS;

    /// What the pipelines of the program show, and one that shows nothing.
    fn everything() -> Vec<Panels> {
        vec![Panels::default(), BATCHES_PANELS]
    }

    async fn asked_with(accept: &'static str) -> (HeaderMap, String) {
        let headers = HeaderMap::from_iter([(header::ACCEPT, HeaderValue::from_static(accept))]);
        let (parts, body) = index(Extension(Page::of(&everything())), headers)
            .await
            .into_parts();
        let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
        (parts.headers, String::from_utf8(body.to_vec()).unwrap())
    }

    fn between<'a>(text: &'a str, start: &str, end: &str) -> &'a str {
        let (_, rest) = text.split_once(start).unwrap();
        rest.split_once(end).unwrap().0
    }

    #[tokio::test]
    async fn browsers_get_the_page_and_others_get_addresses() {
        let (headers, page) = asked_with("text/html,application/xhtml+xml,*/*;q=0.8").await;
        assert_eq!(headers[header::CONTENT_TYPE], "text/html; charset=utf-8");
        assert_eq!(headers[header::VARY], "accept");
        assert!(page.starts_with("<!doctype html>"));
        let (headers, list) = asked_with("*/*").await;
        assert_eq!(headers[header::CONTENT_TYPE], "text/plain; charset=utf-8");
        assert_eq!(headers[header::VARY], "accept");
        assert!(list.contains("/metrics"));
    }

    #[tokio::test]
    async fn the_policy_allows_the_parts_that_are_sent_and_nothing_else() {
        let (headers, page) = asked_with("text/html").await;
        let policy = headers[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
        let script = hash(between(&page, "<script type=\"module\">", "</script>"));
        let style = hash(between(&page, "<style>", "</style>"));
        assert!(policy.contains(&format!("script-src '{script}';")), "{policy}");
        assert!(policy.contains(&format!("style-src '{style}';")), "{policy}");
        assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"));
        assert!(!policy.contains("unsafe"), "{policy}");
    }

    #[test]
    fn nothing_in_the_parts_ends_them_early_or_comes_from_elsewhere() {
        let Parts { script, style, .. } = Parts::of(&everything());
        assert!(!script.contains("</script"), "the script would end there");
        assert!(!style.contains("</style"), "the style would end there");
        // Namespaces are names and not addresses.
        let page = Page::of(&everything())
            .html
            .replace("http://www.w3.org/2000/svg", "");
        for outside in ["http:", "https:", "url(", "@import", "src="] {
            assert!(!page.contains(outside), "{outside} leads out of the page");
        }
    }

    #[test]
    fn data_never_becomes_markup() {
        let Parts { script, .. } = Parts::of(&everything());
        for danger in [
            "innerHTML",
            "outerHTML",
            "insertAdjacentHTML",
            "document.write",
            "eval(",
            "DOMParser",
        ] {
            assert!(!script.contains(danger), "{danger} makes markup or code of text");
        }
    }
}
