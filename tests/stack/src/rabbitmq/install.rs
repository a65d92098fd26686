//! A slimmed view of the installed RabbitMQ, or of the one that `RABBITMQ_ROOT` names.
//!
//! At boot Erlang looks for each of some thousand modules in every plugin's folder in turn. The Debian package
//! brings 70 plugins; with links to the 25 that the broker and its management need, a start takes two thirds of the time.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use anyhow::Context;

use crate::packages::file_of;

const PACKAGE: &str = "rabbitmq-server";
/// Names a folder that `deploy/scripts/rabbitmq4` made: another RabbitMQ with an Erlang of its own.
const ROOT: &str = "RABBITMQ_ROOT";
/// The script itself, below the root: the wrapper in /usr/sbin changes user and directory.
const SCRIPTS: &str = "usr/lib/rabbitmq/bin";
const ROOTS: [&str; 4] = [
    "rabbit",
    "rabbitmq_prelaunch",
    "rabbitmq_management",
    "rabbitmq_auth_mechanism_ssl",
];

/// The folder of Erlang's programs where it is not the system's.
pub(super) fn erlang() -> Option<PathBuf> {
    (root() != Path::new("/")).then(|| root().join("bin"))
}

/// What starts Erlang.
pub(super) fn erl() -> PathBuf {
    erlang().map_or_else(|| "erl".into(), |folder| folder.join("erl"))
}

fn root() -> PathBuf {
    let named = std::env::var_os(ROOT).filter(|root| !root.is_empty());
    named.map_or_else(|| "/".into(), PathBuf::from)
}

/// Makes `dir` look like an installation with the needed plugins only; returns its folder of scripts.
pub(super) fn private_copy(dir: &Path) -> anyhow::Result<PathBuf> {
    let installed = root().join(SCRIPTS);
    file_of(PACKAGE, [installed.join("rabbitmq-server")])?;
    let plugins = plugins_dir()?;
    let apps = installed_apps(&plugins)?;
    let links = dir.join("plugins");
    fs::create_dir_all(&links)?;
    for app in needed(&apps) {
        if let Some(folder) = apps.get(&app) {
            symlink(
                folder,
                links.join(folder.file_name().context("a plugin folder has a name")?),
            )?;
        }
    }
    let scripts = dir.join("sbin");
    symlink(installed, &scripts)?;
    Ok(scripts)
}

/// `/usr/lib/rabbitmq/lib/rabbitmq_server-<version>/plugins`.
fn plugins_dir() -> anyhow::Result<PathBuf> {
    let servers = fs::read_dir(root().join("usr/lib/rabbitmq/lib"))
        .into_iter()
        .flatten()
        .flatten();
    Ok(file_of(
        PACKAGE,
        servers.map(|entry| entry.path().join("plugins")),
    )?)
}

/// Application name to folder; folders are called `name-version`.
fn installed_apps(plugins: &Path) -> anyhow::Result<BTreeMap<String, PathBuf>> {
    let mut apps = BTreeMap::new();
    for entry in fs::read_dir(plugins).with_context(|| format!("cannot list {}", plugins.display()))? {
        let path = entry?.path();
        let name = path
            .file_name()
            .and_then(|name| name.to_str())
            .and_then(|name| name.rsplit_once('-'));
        if let Some((name, _version)) = name {
            apps.insert(name.to_owned(), path);
        }
    }
    Ok(apps)
}

/// The roots and all that they depend on, transitively.
fn needed(apps: &BTreeMap<String, PathBuf>) -> BTreeSet<String> {
    let mut needed = BTreeSet::new();
    let mut open: Vec<String> = ROOTS.map(str::to_owned).to_vec();
    while let Some(app) = open.pop() {
        let Some(folder) = apps.get(&app) else { continue };
        let description =
            fs::read_to_string(folder.join("ebin").join(format!("{app}.app"))).unwrap_or_default();
        if needed.insert(app) {
            open.extend(dependencies(&description));
        }
    }
    needed
}

/// The names in `{applications, [a, b, c]}` of an Erlang application's description.
fn dependencies(description: &str) -> Vec<String> {
    let list = description
        .split_once("{applications,")
        .and_then(|(_, rest)| rest.split_once(']'));
    let Some((list, _)) = list else { return Vec::new() };
    list.split([',', '['])
        .map(|name| name.trim().trim_matches('\'').to_owned())
        .filter(|name| !name.is_empty())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_dependencies_of_an_application_are_read_from_its_description() {
        let description = "{application, a, [{vsn, \"1\"},\n {applications,\n  [kernel,\n   'rabbit_common', ra]},\n {env, [x]}]}.";
        assert_eq!(dependencies(description), ["kernel", "rabbit_common", "ra"]);
    }

    #[test]
    fn the_installed_management_plugin_brings_its_web_server() {
        let needed = needed(&installed_apps(&plugins_dir().unwrap()).unwrap());
        assert!(needed.contains("cowboy"), "{needed:?}");
        assert!(!needed.contains("rabbitmq_mqtt"), "{needed:?}");
    }
}
