//! The page at `/`: one file without anything outside it, joined here from the parts in `page/`.
//!
//! It is static: all data comes from the JSON API. Whatever the data holds, the policy lets the browser run
//! only this script and this style, talk only to this service, and make elements only from text.

use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use base64::{Engine, engine::general_purpose::STANDARD};
use sha2::{Digest, Sha256};
use std::sync::LazyLock;

macro_rules! style {
    () => {
        concat!(include_str!("page/page.css"), include_str!("page/parts.css"))
    };
}

/// One module, so that its names are its own; in the order in which its parts need each other.
macro_rules! script {
    () => {
        concat!(
            include_str!("page/dom.js"),
            include_str!("page/format.js"),
            include_str!("page/api.js"),
            include_str!("page/stream.js"),
            include_str!("page/model.js"),
            include_str!("page/outcome.js"),
            include_str!("page/pipeline.js"),
            include_str!("page/plots.js"),
            include_str!("page/panels.js"),
            include_str!("page/batches.js"),
            include_str!("page/troubles.js"),
            include_str!("page/story.js"),
            include_str!("page/main.js"),
        )
    };
}

const PAGE: &str = concat!(
    "<!doctype html>\n<html lang=\"en\" data-theme=\"auto\">\n<head>\n",
    include_str!("page/head.html"),
    "<style>",
    style!(),
    "</style>\n</head>\n<body>\n",
    include_str!("page/page.html"),
    "<script type=\"module\">",
    script!(),
    "</script>\n</body>\n</html>\n",
);

/// Computed from the parts themselves: a hash that is copied by hand is wrong after the next change.
static POLICY: LazyLock<HeaderValue> = LazyLock::new(|| {
    let (script, style) = (hash(script!()), hash(style!()));
    let policy = format!(
        "default-src 'none'; script-src '{script}'; style-src '{style}'; connect-src 'self'; img-src data:; \
         base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
         require-trusted-types-for 'script'; trusted-types 'none'"
    );
    HeaderValue::try_from(policy).expect("a policy of visible ASCII")
});

/// The page for browsers, a list of addresses for all other clients.
pub(super) async fn index(headers: HeaderMap) -> Response {
    let html = if wants_html(&headers) { page() } else { addresses() };
    // Caches between us and the reader must tell the two apart.
    ([(header::VARY, "accept")], html).into_response()
}

/// Browsers name it; curl and Prometheus do not.
fn wants_html(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(header::ACCEPT);
    let mut named = accepted.iter().filter_map(|accept| accept.to_str().ok());
    named.any(|accept| accept.contains("text/html"))
}

fn page() -> Response {
    let headers = [
        (
            header::CONTENT_TYPE,
            HeaderValue::from_static("text/html; charset=utf-8"),
        ),
        (header::CONTENT_SECURITY_POLICY, POLICY.clone()),
        (header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
        (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
        // After an upgrade the old page must not be shown.
        (header::CACHE_CONTROL, HeaderValue::from_static("no-cache")),
    ];
    (headers, PAGE).into_response()
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

    async fn asked_with(accept: &'static str) -> (HeaderMap, String) {
        let headers = HeaderMap::from_iter([(header::ACCEPT, HeaderValue::from_static(accept))]);
        let (parts, body) = index(headers).await.into_parts();
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
        assert!(!script!().contains("</script"), "the script would end there");
        assert!(!style!().contains("</style"), "the style would end there");
        // Namespaces are names and not addresses.
        let page = PAGE.replace("http://www.w3.org/2000/svg", "");
        for outside in ["http:", "https:", "url(", "@import", "src="] {
            assert!(!page.contains(outside), "{outside} leads out of the page");
        }
    }

    #[test]
    fn data_never_becomes_markup() {
        for danger in [
            "innerHTML",
            "outerHTML",
            "insertAdjacentHTML",
            "document.write",
            "eval(",
            "DOMParser",
        ] {
            assert!(
                !script!().contains(danger),
                "{danger} makes markup or code of text"
            );
        }
    }
}
