//! The one HTTP port.

use super::numbers::Whole;
use super::reader::Reader;
use super::rule::{Flag, Parsed, Text};
use super::setting::{Setting, settings};
use secrecy::SecretString;
use std::net::{IpAddr, Ipv4Addr};
use url::Url;

settings! { "HTTP";
    ENABLED: Flag = Setting::new("METRICS_ENABLED", Flag, "true", "Serve `/metrics`, `/livez`, `/readyz`, `/health`, the page and the JSON API; off, there is no port at all.");
    PORT: Whole<u16> = Setting::new("METRICS_PORT", Whole::between(0, 65_535), "9090", "That port; 0 takes a free one and logs it.").alias(&["HEALTH_PORT"]);
    ADDRESS: Parsed<IpAddr> = Setting::new("METRICS_ADDRESS", Parsed::new("IP address", address, || Ipv4Addr::UNSPECIFIED.into()), "0.0.0.0", "Address to listen on; `::` for IPv6.");
    TOKEN: Text = Setting::optional("API_TOKEN", Text, "open to all", "Requests for `/api/v1/*` have to send it as `Authorization: Bearer …`.").hidden();
    JAEGER_UI: Parsed<String> = Setting::optional("JAEGER_UI_URL", Parsed::new("`http(s)://host:port`, a path may follow", ui, String::new), "no links", "Where people look at traces; the page links there.");
}

/// Where the HTTP server listens, and what its API wants to know.
#[derive(Clone, Debug)]
pub struct HttpSettings {
    /// Whether there is one.
    pub enabled: bool,
    /// Address to listen on.
    pub address: IpAddr,
    /// Port; 0 takes a free one.
    pub port: u16,
    /// What API requests have to show, if anything.
    pub token: Option<SecretString>,
    /// Where people look at traces, without a slash at the end.
    pub jaeger_ui: Option<String>,
}

/// Reads the group.
pub(super) fn read(reader: &mut Reader<'_>) -> HttpSettings {
    HttpSettings {
        enabled: reader.get(&ENABLED),
        address: reader.get(&ADDRESS),
        port: reader.get(&PORT),
        token: reader.optional(&TOKEN).map(SecretString::from),
        jaeger_ui: reader.optional(&JAEGER_UI),
    }
}

fn address(text: &str) -> Result<IpAddr, String> {
    text.parse().map_err(|_| "is not an IP address".to_owned())
}

/// Paths are put behind it, and it goes to every browser: so no query, and no password.
fn ui(text: &str) -> Result<String, String> {
    let url = Url::parse(text).map_err(|error| format!("is not a URL ({error})"))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err("has a scheme that is neither http nor https".to_owned());
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("holds a login, and every browser would see it".to_owned());
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err("has a query or a fragment, and paths are to follow it".to_owned());
    }
    Ok(url.as_str().trim_end_matches('/').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_for_links_has_no_secrets_and_takes_a_path() {
        assert_eq!(ui("http://jaeger:16686/").unwrap(), "http://jaeger:16686");
        assert_eq!(ui("https://x.org/jaeger").unwrap(), "https://x.org/jaeger");
        for bad in [
            "jaeger:16686",
            "javascript:alert(1)",
            "http://a:SECRET@x",
            "http://x/?a",
            "http://x/#a",
        ] {
            let why = ui(bad).unwrap_err();
            assert!(!why.contains("SECRET"), "{bad}: {why}");
        }
    }
}
