//! Programs that no package installs: the scripts in `deploy/scripts` build or unpack them into a cache of ours.

use std::path::PathBuf;

use crate::packages::on_path;

/// A program that the cache should have held.
#[derive(Debug, thiserror::Error)]
#[error("{name} is missing: {remedy}, or name one in {named}")]
pub struct MissingTool {
    /// The program that was looked for.
    pub name: &'static str,
    /// What brings it.
    pub remedy: &'static str,
    /// The environment variable that may name it.
    pub named: &'static str,
}

/// A program, where to look for it first, and what brings it.
#[derive(Debug, Clone, Copy)]
pub struct Tool {
    name: &'static str,
    named: &'static str,
    remedy: &'static str,
}

const BY_CONFORMANCE: &str = "run `deploy/scripts/conformance-tools`, which builds it";

// === impl Tool ===

impl Tool {
    /// The object storage.
    pub const MINIO: Self = Self {
        name: "minio",
        named: "MINIO_BIN",
        remedy: BY_CONFORMANCE,
    };
    /// The collector and viewer of traces.
    pub const JAEGER: Self = Self {
        name: "jaeger",
        named: "JAEGER_BIN",
        remedy: BY_CONFORMANCE,
    };
    /// Microsoft's own server that speaks as Azure's object storage does.
    pub const AZURITE: Self = Self {
        name: "azurite-blob",
        named: "AZURITE_BIN",
        remedy: BY_CONFORMANCE,
    };
    /// A server that speaks as Google's object storage does.
    pub const GOOGLE: Self = Self {
        name: "fake-gcs-server",
        named: "FAKE_GCS_SERVER_BIN",
        remedy: BY_CONFORMANCE,
    };
    /// The checker of metrics.
    pub const PROMTOOL: Self = Self {
        name: "promtool",
        named: "PROMTOOL_BIN",
        remedy: "run `deploy/scripts/install-deps --promtool`, which unpacks it",
    };

    /// A server that speaks as DynamoDB does.
    pub const MOTO: Self = Self {
        name: "moto_server",
        named: "MOTO_SERVER_BIN",
        remedy: "run `deploy/scripts/moto`, which installs it",
    };

    /// Where it is: as its variable says, on the `PATH`, or in the cache.
    ///
    /// # Errors
    /// It is nowhere, or the variable names no file: that is a mistake and not a reason to fall back.
    pub fn find(self) -> anyhow::Result<PathBuf> {
        if let Some(program) = self.given()? {
            return Ok(program);
        }
        let cached = cache().map(|cache| cache.join("bin").join(self.name));
        let missing = MissingTool {
            name: self.name,
            remedy: self.remedy,
            named: self.named,
        };
        Ok(cached.filter(|program| program.is_file()).ok_or(missing)?)
    }

    /// Where it is when it was provided on purpose: by its variable, or on the `PATH`.
    pub(crate) fn given(self) -> anyhow::Result<Option<PathBuf>> {
        let Some(named) = std::env::var_os(self.named).filter(|value| !value.is_empty()) else {
            return Ok(on_path(self.name));
        };
        let named = PathBuf::from(named);
        if !named.is_file() {
            anyhow::bail!("{} names no file: {}", self.named, named.display());
        }
        // It is started from another directory.
        Ok(Some(named.canonicalize()?))
    }
}

/// The folder that `deploy/scripts/kafka4` made: a broker's jars, and its formatted log.
///
/// # Errors
/// It is nowhere, or `KAFKA_ROOT` names no such folder.
pub(crate) fn kafka_root() -> anyhow::Result<PathBuf> {
    if let Some(named) = std::env::var_os("KAFKA_ROOT").filter(|value| !value.is_empty()) {
        let named = PathBuf::from(named);
        anyhow::ensure!(
            named.join("libs").is_dir(),
            "KAFKA_ROOT names no folder with `libs`: {}",
            named.display()
        );
        return Ok(named.canonicalize()?);
    }
    let cached = cache().map(|cache| cache.join("kafka-4.1.1"));
    let missing = MissingTool {
        name: "kafka",
        remedy: "run `deploy/scripts/kafka4`, which gets it",
        named: "KAFKA_ROOT",
    };
    Ok(cached.filter(|folder| folder.is_dir()).ok_or(missing)?)
}

/// The same directory as in the scripts.
fn cache() -> Option<PathBuf> {
    let from = |name: &str| {
        std::env::var_os(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    from("MILLRACE_TOOLS")
        .or_else(|| from("XDG_CACHE_HOME").map(|cache| cache.join("millrace-tools")))
        .or_else(|| from("HOME").map(|home| home.join(".cache/millrace-tools")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_tool_says_what_brings_it() {
        let nowhere = Tool {
            name: "millrace-no-such-tool",
            named: "MILLRACE_NO_SUCH_TOOL_BIN",
            ..Tool::JAEGER
        };
        let error = nowhere.find().unwrap_err().to_string();
        assert!(error.starts_with("millrace-no-such-tool is missing"), "{error}");
        assert!(error.contains("conformance-tools"), "{error}");
        assert!(error.contains("MILLRACE_NO_SUCH_TOOL_BIN"), "{error}");
    }
}
