//! `millrace healthcheck`: the image has no curl.

use super::output;
use crate::config::{Config, Source};
use crate::exit::{Exit, Failure};
use anyhow::Context;
use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::time::Duration;

/// Bound on connecting and on each read.
const PATIENCE: Duration = Duration::from_secs(3);

pub(super) fn run(source: &Source) -> Result<Exit, Failure> {
    let http = Config::load_http(source)?;
    if !http.enabled {
        output::print("METRICS_ENABLED is false: there is no port to ask\n")?;
        return Ok(Exit::Fine);
    }
    let address = SocketAddr::new(reachable(http.address), http.port);
    let answer = ask(address).with_context(|| format!("no answer from {address}"));
    let answer = answer.map_err(Failure::unavailable)?;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    output::print(&format!("{body}\n"))?;
    let alive = head.split_whitespace().nth(1) == Some("200");
    Ok(if alive { Exit::Fine } else { Exit::Unavailable })
}

/// A server that listens everywhere listens on the loopback.
fn reachable(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(v4) if v4.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(v6) if v6.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        chosen => chosen,
    }
}

fn ask(address: SocketAddr) -> std::io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(b"GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.take(64 << 10).read_to_string(&mut answer)?;
    Ok(answer)
}
