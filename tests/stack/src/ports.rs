//! Free loopback ports.

use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};
use std::net::Ipv4Addr;
use std::ops::Range;
use std::sync::{LazyLock, Mutex, PoisonError};

use anyhow::Context;
use tokio::net::TcpSocket;

/// Below the kernel's ephemeral range: a port of that range can be taken by any outgoing connection
/// while our server is down between a kill and a restart.
const PORTS: Range<u16> = 14_000..32_000;

/// Handed out by this process: a port stays with its server while that server is down.
static TAKEN: LazyLock<Mutex<HashSet<u16>>> = LazyLock::new(Mutex::default);

/// A loopback port that is not listened on and that this process has not handed out before.
pub(crate) fn free_port() -> anyhow::Result<u16> {
    // Random, so that stacks of several processes that look at the same moment find different ports.
    let start = RandomState::new().hash_one(std::process::id());
    let width = u64::from(PORTS.end - PORTS.start);
    for step in 0..width {
        let offset =
            u16::try_from((start.wrapping_add(step)) % width).context("the port range fits 16 bits")?;
        let port = PORTS.start + offset;
        if is_free(port)? && TAKEN.lock().unwrap_or_else(PoisonError::into_inner).insert(port) {
            return Ok(port);
        }
    }
    anyhow::bail!("no free loopback port between {} and {}", PORTS.start, PORTS.end)
}

/// Bound, and never listened on: a program that is being started has copies of our sockets for a moment, and
/// the copy of one that listens would keep the port from the server that it is for.
fn is_free(port: u16) -> anyhow::Result<bool> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    Ok(socket.bind((Ipv4Addr::LOCALHOST, port).into()).is_ok())
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::process::Command;
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    #[test]
    fn no_port_is_handed_out_twice() {
        let ports: HashSet<u16> = (0..200).map(|_| free_port().unwrap()).collect();
        assert_eq!(ports.len(), 200);
    }

    #[test]
    fn a_port_that_is_listened_on_is_not_free() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        assert!(!is_free(listener.local_addr().unwrap().port()).unwrap());
    }

    #[test]
    fn a_port_can_be_listened_on_while_programs_are_started() {
        let done = AtomicBool::new(false);
        std::thread::scope(|threads| {
            threads.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    Command::new("true").status().unwrap();
                }
            });
            let listened = (0..2_000).all(|_| {
                let port = free_port().unwrap();
                TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
            });
            done.store(true, Ordering::Relaxed);
            assert!(listened);
        });
    }
}
