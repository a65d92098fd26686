//! Does one kind of work so many times, for `benches/counts/run` to count instructions: what two counts differ by is the work
//! alone, so everything else must be the same whatever the number.

mod hop;
mod load;
mod write;

use anyhow::{Context, bail};

/// As the product has it.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> anyhow::Result<()> {
    let mut words = std::env::args().skip(1);
    let (what, times) = (words.next(), words.next());
    let times: usize = times.context("usage: millrace-counts NAME TIMES")?.parse()?;
    match what.as_deref() {
        Some("parse-tiktok") => load::parse(millrace_corpus::Platform::Tiktok, times),
        Some("parse-youtube") => load::parse(millrace_corpus::Platform::Youtube, times),
        Some("write") => write::run(times),
        Some("hop") => {
            hop::run(times);
            Ok(())
        }
        other => bail!("there is no count {other:?}"),
    }
}
