//! Panics as log lines. The engine catches the panics of stages; without this they would still leave raw
//! text among the lines of JSON.

use std::backtrace::Backtrace;
use std::panic::PanicHookInfo;

/// Logs every panic from now on.
pub(super) fn log_them() {
    std::panic::set_hook(Box::new(log));
}

fn log(panic: &PanicHookInfo<'_>) {
    let what = panic.payload_as_str().unwrap_or("(a panic without words)");
    let place = panic.location().map(ToString::to_string).unwrap_or_default();
    let thread = std::thread::current();
    let thread = thread.name().unwrap_or("(unnamed)");
    if tracing::enabled!(tracing::Level::DEBUG) {
        let backtrace = Backtrace::force_capture();
        tracing::error!(panic.location = place, panic.thread = thread, panic.backtrace = %backtrace, "panic: {what}");
    } else {
        tracing::error!(panic.location = place, panic.thread = thread, "panic: {what}");
    }
}
