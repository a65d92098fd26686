//! A stack's own directory, and the reaper that ends everything inside it when the owner ends.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::Context;

const REAPER: &str = include_str!("reaper.sh");

/// A temporary directory in which all processes of one stack live.
///
/// A small shell waits for the end of this process, whether by return, panic or SIGKILL: then it kills every
/// process that works below the directory, and removes the directory. Dropping the home does the same, and waits for it.
#[derive(Debug)]
pub(crate) struct Home {
    path: PathBuf,
    reaper: Child,
}

// === impl Home ===

impl Home {
    pub(crate) fn new() -> anyhow::Result<Self> {
        let dir = tempfile::Builder::new()
            .prefix("millrace-stack-")
            // Postgres runs as another user when we are root, and must be able to enter.
            .permissions(Permissions::from_mode(0o755))
            .tempdir()
            .context("cannot make a temporary directory for the servers")?;
        // The kernel names working directories without symbolic links, and the reaper compares with those.
        let path = dir.path().canonicalize()?;
        let reaper = Command::new("/bin/sh")
            .args(["-c", REAPER, "millrace-reaper"])
            .arg(&path)
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // Its own group, so that Ctrl-C in a terminal does not reach it.
            .process_group(0)
            .spawn()
            .context("cannot start the shell that cleans up after the servers")?;
        // From here on the reaper removes it.
        let _ = dir.keep();
        Ok(Self { path, reaper })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Makes a directory below the home.
    pub(crate) fn dir(&self, name: &str) -> anyhow::Result<PathBuf> {
        let path = self.path.join(name);
        std::fs::create_dir_all(&path)
            .with_context(|| format!("cannot make the directory {}", path.display()))?;
        Ok(path)
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        drop(self.reaper.stdin.take());
        // Nothing can be done about a reaper that was killed.
        let _ = self.reaper.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dropping_the_home_ends_what_works_in_it_and_removes_it() {
        let home = Home::new().unwrap();
        let path = home.path().to_owned();
        let dir = home.dir("sleeper").unwrap();
        let mut sleeper = Command::new("sleep").arg("600").current_dir(dir).spawn().unwrap();
        drop(home);
        let status = sleeper.wait().unwrap();
        assert!(!status.success());
        assert!(!path.exists());
    }
}
