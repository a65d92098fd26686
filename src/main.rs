//! The program: everything is in the library.

use std::process::ExitCode;

/// Its settings are in `.cargo/config.toml`.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    // Before anything that may speak TLS: clients panic when they are built without a provider. It fails
    // only when there is one already, and then there is one.
    let _ = rustls::crypto::ring::default_provider().install_default();
    millrace::cli::main().into()
}
