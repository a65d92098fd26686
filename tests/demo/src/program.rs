//! The `millrace` program.

use std::path::{Path, PathBuf};
use std::process::Output;

use anyhow::Context;
use millrace_stack::{Tenant, built_millrace};

/// Where the program is.
pub(crate) struct Millrace(PathBuf);

// === impl Millrace ===

impl Millrace {
    /// What `MILLRACE_BIN` names, else the `millrace` beside this program.
    pub(crate) fn find() -> anyhow::Result<Self> {
        Ok(Self(built_millrace()?))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    pub(crate) async fn migrate(&self, tenant: &Tenant<'_>) -> anyhow::Result<()> {
        let output = tenant.command(&self.0, &["migrate"], &[]).await?;
        stdout_of("millrace migrate", output).map(drop)
    }
}

/// What a command printed; its complaint when it failed.
pub(crate) fn stdout_of(what: &str, output: Output) -> anyhow::Result<String> {
    if !output.status.success() {
        let complaint = String::from_utf8_lossy(&output.stderr);
        anyhow::bail!("{what} failed ({}): {complaint}", output.status);
    }
    String::from_utf8(output.stdout).with_context(|| format!("{what} printed what is no text"))
}
