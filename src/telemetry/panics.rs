//! Panics as log lines. The engine catches the panics of stages; without this they would still leave raw
//! text among the lines of JSON.

use std::backtrace::Backtrace;
use std::panic::PanicHookInfo;

/// Logs every panic from now on, with where it came from if wanted.
pub(super) fn log_them(backtraces: bool) {
    std::panic::set_hook(Box::new(move |panic| log(panic, backtraces)));
}

fn log(panic: &PanicHookInfo<'_>, backtraces: bool) {
    let what = panic.payload_as_str().unwrap_or("(a panic without words)");
    let place = panic.location().map(ToString::to_string).unwrap_or_default();
    let thread = std::thread::current();
    let thread = thread.name().unwrap_or("(unnamed)");
    if backtraces {
        let backtrace = Backtrace::force_capture();
        tracing::error!(panic.location = place, panic.thread = thread, panic.backtrace = %backtrace, "panic: {what}");
    } else {
        tracing::error!(panic.location = place, panic.thread = thread, "panic: {what}");
    }
}
