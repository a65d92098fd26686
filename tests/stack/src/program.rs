//! The product's program.

use std::path::PathBuf;

const OVERRIDE: &str = "MILLRACE_BIN";

/// What `MILLRACE_BIN` names, else the `millrace` beside the running program.
///
/// # Errors
/// There is none.
pub fn built_millrace() -> anyhow::Result<PathBuf> {
    let path = match std::env::var_os(OVERRIDE).filter(|value| !value.is_empty()) {
        Some(named) => PathBuf::from(named),
        None => std::env::current_exe()?.with_file_name("millrace"),
    };
    if !path.is_file() {
        anyhow::bail!(
            "there is no program {}: build it with `cargo build -p millrace` in the same profile, or set {OVERRIDE}",
            path.display()
        );
    }
    Ok(path)
}
