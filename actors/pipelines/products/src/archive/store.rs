//! The store of the archive: what is there stays, and is looked at before it counts as ours.

use super::{
    journal::Archived,
    layout::{self, encoded, hex},
    render::Rendered,
};
use bytes::Bytes;
use jiff::Timestamp;
use millrace_engine::Fault;
use millrace_objects::{Head, ObjectWriter, Put};
use sha2::{Digest, Sha256};
use std::borrow::Cow;

/// The bucket of the archive. Cheap to clone.
#[derive(Clone, Debug)]
pub struct ArchiveStore {
    objects: ObjectWriter,
}

/// What the store has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Kept {
    pub(super) etag: Option<String>,
    pub(super) bytes: u64,
    pub(super) sha256: String,
}

/// Which form files have.
const FORMAT: &str = "1";

// === impl ArchiveStore ===

impl ArchiveStore {
    /// The archive in this bucket.
    pub fn new(objects: ObjectWriter) -> Self {
        Self { objects }
    }

    /// Whether the bucket serves.
    ///
    /// # Errors
    /// An outage that says what to do.
    pub async fn ping(&self) -> Result<(), Fault> {
        self.objects.ping().await
    }

    /// Makes the bucket where it is missing.
    ///
    /// # Errors
    /// An outage that says what to do.
    pub async fn create_bucket(&self) -> Result<(), Fault> {
        match self.objects.ping().await {
            Ok(()) => Ok(()),
            Err(_) => self.objects.create_bucket().await,
        }
    }

    pub(super) fn objects(&self) -> &ObjectWriter {
        &self.objects
    }

    /// Stores a file, or finds that it is there.
    pub(super) async fn keep_file(&self, key: &str, hour: Timestamp, file: &Rendered) -> Result<Kept, Fault> {
        let events = file.events.to_string();
        let hour = hour.to_string();
        let metadata = [
            ("events", &*events),
            ("sha256", &*file.sha256),
            ("hour", &*hour),
            ("format", FORMAT),
        ];
        self.objects.put(key, file.body.clone(), &metadata).await?;
        // Whichever process wrote it: what counts is what the store says that it has.
        let Some(head) = self.objects.head(key).await? else {
            let detail = format!("{key} is not there, though it was just written");
            return Err(Fault::transient("object_vanished", detail));
        };
        let length = file.body.len() as u64;
        if head.bytes == length
            && head
                .metadata
                .get("sha256")
                .is_some_and(|found| *found == file.sha256)
        {
            return Ok(Kept {
                etag: head.etag,
                bytes: length,
                sha256: file.sha256.clone(),
            });
        }
        self.look_at(key, file).await
    }

    /// What is there may be packed by another version of this program, and a folder keeps no metadata.
    async fn look_at(&self, key: &str, file: &Rendered) -> Result<Kept, Fault> {
        let found = self.objects.get(key).await?;
        if let Some((head, body)) = found {
            let sha256 = hex(&Sha256::digest(&body));
            if sha256 == file.sha256 || content_of(&body).is_some_and(|content| content == file.content) {
                return Ok(Kept {
                    etag: head.etag,
                    bytes: head.bytes,
                    sha256,
                });
            }
        }
        let detail = format!("{key} holds something else than the events that it was planned for");
        Err(Fault::transient("object_differs", detail))
    }

    /// Stores an event's own object, or finds that it is there.
    pub(super) async fn keep_event(&self, folder: &str, event: &Archived) -> Result<Kept, Fault> {
        let key = layout::event_key(folder, &event.id);
        let body = Bytes::copy_from_slice(event.payload.as_bytes());
        let (at, id) = (event.at.to_string(), in_a_header(&event.id));
        let metadata = [
            ("eventType", &*event.event_type),
            ("timestamp", &*at),
            ("eventId", &*id),
        ];
        let kept = |etag| Kept {
            etag,
            bytes: body.len() as u64,
            sha256: hex(&Sha256::digest(&body)),
        };
        if let Put::Stored(etag) = self.objects.put(&key, body.clone(), &metadata).await? {
            return Ok(kept(etag));
        }
        match self.objects.get(&key).await? {
            Some((Head { etag, .. }, found)) if found == body => Ok(kept(etag)),
            _ => {
                let detail = format!("{key} holds something else than event {}", event.id);
                Err(Fault::transient("object_differs", detail))
            }
        }
    }
}

fn content_of(body: &[u8]) -> Option<String> {
    let mut content = Sha256::new();
    zstd::stream::copy_decode(body, HashedBy(&mut content)).ok()?;
    Some(hex(&content.finalize()))
}

/// Hashes what is written to it.
struct HashedBy<'a>(&'a mut Sha256);

impl std::io::Write for HashedBy<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// A header takes visible ASCII only.
fn in_a_header(id: &str) -> Cow<'_, str> {
    match id.bytes().all(|byte| byte.is_ascii_graphic()) {
        true => id.into(),
        false => encoded(id),
    }
}
