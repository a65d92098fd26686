//! A real MinIO, where `MINIO_BIN` names one or one is on the `PATH`.

use std::path::PathBuf;

use super::{ACCESS_KEY, SECRET_KEY};
use crate::home::Home;
use crate::packages::on_path;
use crate::ports::free_port;
use crate::process::Recipe;

/// Its program; a `MINIO_BIN` that names no file is a mistake and not a reason to fall back.
pub(super) fn program() -> anyhow::Result<Option<PathBuf>> {
    let Some(named) = std::env::var_os("MINIO_BIN").filter(|value| !value.is_empty()) else {
        return Ok(on_path("minio"));
    };
    let named = PathBuf::from(named);
    if !named.is_file() {
        anyhow::bail!("MINIO_BIN names no file: {}", named.display());
    }
    // It is started from another directory.
    Ok(Some(named.canonicalize()?))
}

pub(super) fn recipe(home: &Home, program: PathBuf, port: u16) -> anyhow::Result<Recipe> {
    let dir = home.dir("minio")?;
    let console = free_port()?;
    Ok(Recipe {
        name: "minio",
        program,
        args: vec![
            "server".into(),
            format!("--address=127.0.0.1:{port}").into(),
            format!("--console-address=127.0.0.1:{console}").into(),
            home.dir("minio/data")?.into(),
        ],
        env: vec![
            ("HOME".to_owned(), dir.clone().into()),
            ("MINIO_ROOT_USER".to_owned(), ACCESS_KEY.into()),
            ("MINIO_ROOT_PASSWORD".to_owned(), SECRET_KEY.into()),
            ("MINIO_UPDATE".to_owned(), "off".into()),
        ],
        log: home.path().join("minio.log"),
        dir,
    })
}
