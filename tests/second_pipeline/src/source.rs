//! A source of its own: files in a folder. A file that is stored is removed; what is to be tried again stays.

use crate::sink::Note;
use millrace::pipeline::SourceView;
use millrace_engine::{DeliveryHandle, Envelope, Fault, Intake, Outcome, Settlement, Source};
use std::{collections::HashMap, fs, io, path::PathBuf, time::Duration};
use tokio::{
    sync::{mpsc::unbounded_channel, watch},
    time::{Instant, sleep},
};
use tracing::Span;

/// Pause between two looks into the folder.
const PAUSE: Duration = Duration::from_millis(50);

/// Files in flight, and when that last changed.
#[derive(Clone)]
pub(crate) struct Progress(watch::Sender<(usize, Instant)>);

pub(crate) struct Spool {
    pub(crate) folder: PathBuf,
    pub(crate) progress: Progress,
}

// === impl Spool ===

impl Spool {
    /// Folders are small and on local disks, so it may block.
    fn files(&self) -> io::Result<Vec<PathBuf>> {
        let entries = fs::read_dir(&self.folder)?;
        entries.map(|entry| Ok(entry?.path())).collect()
    }
}

impl Source for Spool {
    type Out = Note;

    async fn pull(&mut self, intake: Intake<Note>) -> Result<(), Fault> {
        let (acks, mut settled) = unbounded_channel();
        let mut open: HashMap<u64, PathBuf> = HashMap::new();
        let mut next = 0;
        intake.consuming();
        loop {
            let paused = intake.drain.is_ordered() || intake.breaker.suspension().is_some();
            let files = if paused { Ok(Vec::new()) } else { self.files() };
            for path in files.map_err(|error| Fault::outage("spool_folder", error.to_string()))? {
                let known = open.values().any(|known| *known == path);
                let (false, Ok(body)) = (known, fs::read_to_string(&path)) else {
                    continue;
                };
                let name = path.file_name().unwrap_or_default();
                let name = name.to_string_lossy().into_owned();
                next += 1;
                open.insert(next, path);
                let handle = DeliveryHandle::new(next, acks.clone());
                let subject = name.clone();
                let note = Note { name, body };
                intake
                    .out
                    .post(Envelope::new(note, subject, Span::none(), handle));
            }
            if open.is_empty() && intake.drain.is_ordered() {
                return Ok(());
            }
            tokio::select! {
                Some(Settlement { tag, outcome }) = settled.recv() => {
                    if let Some(path) = open.remove(&tag)
                        && !matches!(outcome, Outcome::Retry { .. })
                    {
                        let _ = fs::remove_file(path);
                    }
                }
                () = sleep(PAUSE) => {}
                () = intake.drain.shortened() => return Ok(()),
            }
            self.progress.0.send_if_modified(|seen| {
                let moved = seen.0 != open.len();
                if moved {
                    *seen = (open.len(), Instant::now());
                }
                moved
            });
        }
    }
}

// === impl Progress ===

impl Default for Progress {
    fn default() -> Self {
        Self(watch::Sender::new((0, Instant::now())))
    }
}

impl SourceView for Progress {
    fn in_flight(&self) -> usize {
        self.0.borrow().0
    }

    fn moved_at(&self) -> Instant {
        self.0.borrow().1
    }
}
