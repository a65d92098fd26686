//! A real MinIO.

use std::path::PathBuf;

use super::{ACCESS_KEY, SECRET_KEY};
use crate::home::Home;
use crate::ports::free_port;
use crate::process::Recipe;

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
