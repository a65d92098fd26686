//! `process_*`: the figures that every Prometheus client library shows, read at the moment of a scrape.

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric},
    metrics::{counter::ConstCounter, gauge::ConstGauge},
    registry::Unit,
};
use std::fmt;

/// This process as the kernel sees it.
#[derive(Debug)]
pub(super) struct Process;

impl Collector for Process {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let now = metrics_process::collector::collect();
        if let Some(seconds) = now.cpu_seconds_total {
            let cpu = ConstCounter::new(seconds);
            let help = "User and system time spent";
            let unit = Some(&Unit::Seconds);
            cpu.encode(encoder.encode_descriptor("process_cpu", help, unit, cpu.metric_type())?)?;
        }
        let (bytes, seconds) = (Some(&Unit::Bytes), Some(&Unit::Seconds));
        let gauges = [
            (
                "process_resident_memory",
                "Resident memory",
                bytes,
                now.resident_memory_bytes,
            ),
            (
                "process_virtual_memory",
                "Virtual memory",
                bytes,
                now.virtual_memory_bytes,
            ),
            (
                "process_start_time",
                "Start, since the Unix epoch",
                seconds,
                now.start_time_seconds,
            ),
            ("process_open_fds", "Open file descriptors", None, now.open_fds),
            (
                "process_max_fds",
                "File descriptors that may be open",
                None,
                now.max_fds,
            ),
            (
                "process_threads",
                "Threads of the operating system",
                None,
                now.threads,
            ),
        ];
        for (name, help, unit, figure) in gauges {
            let Some(figure) = figure else { continue };
            let gauge = ConstGauge::new(i64::try_from(figure).unwrap_or(i64::MAX));
            gauge.encode(encoder.encode_descriptor(name, help, unit, gauge.metric_type())?)?;
        }
        Ok(())
    }
}
