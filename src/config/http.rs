//! The one HTTP port.

use super::numbers::Whole;
use super::reader::Reader;
use super::rule::{Flag, Parsed};
use super::setting::{Setting, settings};
use std::net::{IpAddr, Ipv4Addr};

settings! { "HTTP";
    ENABLED: Flag = Setting::new("METRICS_ENABLED", Flag, "true", "Serve `/metrics`, `/livez`, `/readyz` and `/health`; off, there is no port at all.");
    PORT: Whole<u16> = Setting::new("METRICS_PORT", Whole::between(0, 65_535), "9090", "That port; 0 takes a free one and logs it.");
    ADDRESS: Parsed<IpAddr> = Setting::new("METRICS_ADDRESS", Parsed::new("IP address", address, || Ipv4Addr::UNSPECIFIED.into()), "0.0.0.0", "Address to listen on; `::` for IPv6.");
}

/// Where the HTTP server listens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HttpSettings {
    /// Whether there is one.
    pub enabled: bool,
    /// Address to listen on.
    pub address: IpAddr,
    /// Port; 0 takes a free one.
    pub port: u16,
}

/// Reads the group.
pub(super) fn read(reader: &mut Reader<'_>) -> HttpSettings {
    HttpSettings {
        enabled: reader.get(&ENABLED),
        address: reader.get(&ADDRESS),
        port: reader.get(&PORT),
    }
}

fn address(text: &str) -> Result<IpAddr, String> {
    text.parse().map_err(|_| "is not an IP address".to_owned())
}
