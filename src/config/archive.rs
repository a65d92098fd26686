//! The archive of product events: where it is, and how events become objects.

use super::numbers::{Mebibytes, Whole};
use super::objects;
use super::reader::Reader;
use super::rule::{Flag, Name, Parsed, Text};
use super::setting::{Setting, settings};
use millrace_objects::FetcherSettings;
use millrace_products::archive::{ArchiveSettings, Layout};
use std::time::Duration;

settings! { "Archive";
    BUCKET: Name = Setting::new("ARCHIVE_BUCKET_NAME", Name, "event-archive", "Bucket of the archive, in the object store of all pipelines; it must be there.");
    STORE_URL: Parsed<String> = Setting::optional(
        "ARCHIVE_STORE_URL",
        Parsed::new("`s3://bucket`, `gs://bucket`, `az://container`, `file:///folder`", objects::store_url, String::new),
        "the object store of all pipelines",
        "Another store for the archive; a bucket in it wins over `ARCHIVE_BUCKET_NAME`, which is a folder in `file:///folder`.",
    ).hidden_in_url();
    CREATE_BUCKET: Flag = Setting::new("ARCHIVE_CREATE_BUCKET", Flag, "false", "Make the bucket where it is missing.");
    PREFIX: Text = Setting::optional("ARCHIVE_PREFIX", Text, "none", "In front of every key, as a folder.");
    LAYOUT: Parsed<Layout> = Setting::new("ARCHIVE_LAYOUT", Parsed::new("`hourly`, `per-event`", layout, Layout::default), "hourly", "A compressed file of lines for the events of an hour, or an object for each event, as it was sent.");
    GRACE: Whole<u64> = Setting::new("ARCHIVE_GRACE_MINUTES", Whole::between(0, 1_440), "5", "How long after its end an hour is flushed to the archive; what comes later is late.");
    LATE: Whole<u64> = Setting::new("ARCHIVE_LATE_MINUTES", Whole::between(0, 10_080), "60", "How long late events of an hour may gather, so that they make few files.");
    FILE_MB: Mebibytes = Setting::new("ARCHIVE_FILE_MB", Mebibytes::between(1, 1024), "64", "At so many bytes of records, or 100,000 events, a file is written before the time.");
    CLOSE_MARKER: Flag = Setting::new("ARCHIVE_CLOSE_MARKER", Flag, "false", "Write an object `_CLOSED` into the folder of an hour that is complete.");
}

/// What this group says.
#[derive(Clone)]
pub struct ArchiveGroup {
    /// How events become objects.
    pub archive: ArchiveSettings,
    /// Where they are.
    pub store: FetcherSettings,
    /// Make the bucket where it is missing.
    pub create_bucket: bool,
}

/// Reads the group, and the object store of all pipelines.
pub fn read(reader: &mut Reader<'_>) -> ArchiveGroup {
    let (bucket, own) = (reader.get(&BUCKET), reader.optional(&STORE_URL));
    let prefix = reader.optional(&PREFIX).unwrap_or_default();
    let prefix = prefix.trim_matches('/');
    let prefix = if prefix.is_empty() {
        String::new()
    } else {
        format!("{prefix}/")
    };
    ArchiveGroup {
        archive: ArchiveSettings {
            layout: reader.get(&LAYOUT),
            prefix,
            grace: minutes(reader.get(&GRACE)),
            late: minutes(reader.get(&LATE)),
            file_bytes: reader.get(&FILE_MB),
            close_marker: reader.get(&CLOSE_MARKER),
            ..ArchiveSettings::default()
        },
        create_bucket: reader.get(&CREATE_BUCKET),
        store: objects::read_beside(reader, own, &bucket),
    }
}

fn minutes(count: u64) -> Duration {
    Duration::from_secs(count * 60)
}

fn layout(text: &str) -> Result<Layout, String> {
    Layout::named(text).ok_or_else(|| "is neither hourly nor per-event".to_owned())
}
