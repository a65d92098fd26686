//! Finding the servers' programs, and saying what to install when one is missing.

use std::path::PathBuf;

const SEARCH: [&str; 6] = [
    "/usr/local/sbin",
    "/usr/local/bin",
    "/usr/sbin",
    "/usr/bin",
    "/sbin",
    "/bin",
];

/// A program that a Debian package should have brought.
#[derive(Debug, thiserror::Error)]
#[error(
    "{program} is missing: install the Debian package `{package}`, or run `make deps`, which installs all that the tests need"
)]
pub struct MissingPackage {
    /// The program or file that was looked for.
    pub program: String,
    /// The Debian package that holds it.
    pub package: &'static str,
}

/// The first of these files that exists.
pub(crate) fn file_of(
    package: &'static str,
    candidates: impl IntoIterator<Item = PathBuf>,
) -> Result<PathBuf, MissingPackage> {
    let mut program = package.to_owned();
    for candidate in candidates {
        if candidate.exists() {
            return Ok(candidate);
        }
        program = candidate.display().to_string();
    }
    Err(MissingPackage { program, package })
}

/// A program of that name on the usual paths.
pub(crate) fn program_of(package: &'static str, name: &str) -> Result<PathBuf, MissingPackage> {
    on_path(name).ok_or_else(|| MissingPackage {
        program: name.to_owned(),
        package,
    })
}

/// A program on `PATH` or in the system's folders, which a user's `PATH` may lack (`/usr/sbin`).
pub(crate) fn on_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let dirs: Vec<PathBuf> = std::env::split_paths(&path)
        .chain(SEARCH.map(PathBuf::from))
        .collect();
    dirs.into_iter()
        .map(|dir| dir.join(name))
        .find(|file| file.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_program_names_its_package_and_the_way_out() {
        let error = program_of("millrace-no-such-package", "millrace-no-such-program")
            .unwrap_err()
            .to_string();
        assert!(
            error.starts_with("millrace-no-such-program is missing"),
            "{error}"
        );
        assert!(error.contains("`millrace-no-such-package`"), "{error}");
        assert!(error.contains("`make deps`"), "{error}");
    }
}
