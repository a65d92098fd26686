//! Caps on what is parsed, and what becomes of error codes.

use crate::config::{self, List, Mebibytes, Problem, Reader, Setting, Whole, did_you_mean, settings};
use millrace_batches::domain::{ErrorCode, ErrorPolicy};
use millrace_batches::parse::{ParserLimits, ParserSettings};
use std::collections::BTreeSet;

settings! { "Parser";
    MAX_DECOMPRESSED: Mebibytes = Setting::new("MAX_DECOMPRESSED_MB", Mebibytes::between(1, 4096), "256", "Cap on an object's size after decompression.");
    MAX_ITEMS: Whole<usize> = Setting::new("MAX_ITEMS_PER_BATCH", Whole::between(1, 10_000_000), "10000", "Cap on the items of a batch.");
    MAX_COMMENTS: Whole<usize> = Setting::new("MAX_COMMENTS_PER_BATCH", Whole::between(1, 10_000_000), "200000", "Cap on the comments of a batch; the others stay in `extra` of their posts, counted, logged, and told in `rejected_items`.");
    MAX_TEXT: Whole<usize> = Setting::new("MAX_TEXT_BYTES", Whole::between(16, 1 << 30), "1048576", "Cap on one text field; longer text is truncated and counted, not lost.");
    PERMANENT: List = Setting::new("PERMANENT_ERROR_CODES", List, "CONTENT_REMOVED,CONTENT_NOT_FOUND,INVALID_URL,ACCESS_DENIED", "Error codes that no new crawl will fix: `retryable` is false.");
    TRANSIENT: List = Setting::new("TRANSIENT_ERROR_CODES", List, "NETWORK_ERROR,TIMEOUT,RATE_LIMITED,CONTENT_UNAVAILABLE,STORAGE_ERROR", "Error codes that are worth a new crawl: `retryable` is true.");
}

/// Reads the group.
pub(super) fn read(reader: &mut Reader<'_>) -> ParserSettings {
    let bytes = reader.get(&MAX_DECOMPRESSED);
    let limits = ParserLimits {
        max_decompressed_bytes: usize::try_from(bytes).unwrap_or(usize::MAX),
        max_items: reader.get(&MAX_ITEMS),
        max_comments: reader.get(&MAX_COMMENTS),
        max_depth: config::max_json_depth(reader),
        max_text_bytes: reader.get(&MAX_TEXT),
    };
    let permanent = codes(reader, &PERMANENT);
    let transient = codes(reader, &TRANSIENT);
    let both: Vec<&str> = permanent.intersection(&transient).map(String::as_str).collect();
    if !both.is_empty() {
        let what = format!("both list {}", both.join(", "));
        let hint = "an error is worth a new crawl or it is not: keep each code in one list";
        reader.problem(Problem::new(
            "PERMANENT_ERROR_CODES and TRANSIENT_ERROR_CODES",
            what,
            hint,
        ));
    }
    ParserSettings {
        limits,
        error_policy: ErrorPolicy { permanent, transient },
    }
}

/// Codes in upper case. A code outside the contract's list is kept, as it is kept in items, but it is
/// probably a typing error.
fn codes(reader: &mut Reader<'_>, setting: &'static Setting<List>) -> BTreeSet<String> {
    let codes: BTreeSet<String> = reader
        .get(setting)
        .iter()
        .map(|code| code.to_uppercase())
        .collect();
    let known: Vec<&str> = ErrorCode::known().collect();
    for code in codes.iter().filter(|code| !known.contains(&code.as_str())) {
        let advice = did_you_mean(code, known.iter().copied());
        reader.warn(format!(
            "{} lists {code}, which is no known error code{advice}",
            setting.name()
        ));
    }
    codes
}
