//! A corpus as files, to be read without servers.
//!
//! `objects/BUCKET/KEY` holds each object, `objects.jsonl` one `{"bucket","key","metadata"}` a line,
//! `events.jsonl` one `{"body"}` a line in the order of publication.

use super::{
    ObjectUpload,
    load::{Publish, Upload},
};
use anyhow::Context;
use bytes::Bytes;
use serde_json::json;
use std::{
    fs::File,
    io::Write,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

/// A folder that takes objects and events.
pub struct Folder {
    root: PathBuf,
    objects: Mutex<File>,
    events: Mutex<File>,
}

// === impl Folder ===

impl Folder {
    /// Makes the folder where there is none; lists of an earlier corpus are replaced.
    ///
    /// # Errors
    /// The folder cannot be written.
    pub fn create(root: &Path) -> anyhow::Result<Self> {
        let list = |name: &str| {
            let path = root.join(name);
            File::create(&path).with_context(|| format!("cannot write {}", path.display()))
        };
        std::fs::create_dir_all(root).with_context(|| format!("cannot make {}", root.display()))?;
        Ok(Self {
            root: root.to_owned(),
            objects: Mutex::new(list("objects.jsonl")?),
            events: Mutex::new(list("events.jsonl")?),
        })
    }
}

// === impl Upload and Publish for Folder ===

impl Upload for Folder {
    async fn put(&self, object: ObjectUpload) -> anyhow::Result<()> {
        let path = self.root.join("objects").join(&object.bucket).join(&object.key);
        let folder = path.parent().context("an object outside any bucket")?;
        tokio::fs::create_dir_all(folder).await?;
        tokio::fs::write(&path, &object.body)
            .await
            .with_context(|| format!("cannot write {}", path.display()))?;
        let metadata: serde_json::Map<_, _> = object
            .metadata
            .into_iter()
            .map(|(name, value)| (name, value.into()))
            .collect();
        append(
            &self.objects,
            &json!({"bucket": object.bucket, "key": object.key, "metadata": metadata}),
        )
    }
}

impl Publish for Folder {
    async fn publish(&self, event: Bytes) -> anyhow::Result<()> {
        append(&self.events, &json!({ "body": String::from_utf8_lossy(&event) }))
    }
}

fn append(list: &Mutex<File>, line: &serde_json::Value) -> anyhow::Result<()> {
    // A panic while holding the lock leaves at worst a torn last line.
    let mut file = list.lock().unwrap_or_else(PoisonError::into_inner);
    Ok(file.write_all(format!("{line}\n").as_bytes())?)
}
