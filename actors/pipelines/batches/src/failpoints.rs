//! Where a test may stop the process between the event and its rows.

use millrace_engine::failpoints::Point;

/// A fetcher has an event.
pub const FETCH_BEGIN: Point = Point("fetch.begin");
/// A fetcher has the object.
pub const FETCH_END: Point = Point("fetch.end");
/// A parser has an object.
pub const PARSE_BEGIN: Point = Point("parse.begin");
/// A parser has the rows.
pub const PARSE_END: Point = Point("parse.end");
/// A transaction has begun; nothing is written.
pub const WRITE_BEGIN: Point = Point("write.begin");
/// All rows are written; not committed.
pub const WRITE_END: Point = Point("write.end");
/// The transaction is committed; nothing was told yet.
pub const WRITE_COMMITTED: Point = Point("write.committed");

/// Every place there is, in the order of the way.
pub const ALL: [Point; 7] = [
    FETCH_BEGIN,
    FETCH_END,
    PARSE_BEGIN,
    PARSE_END,
    WRITE_BEGIN,
    WRITE_END,
    WRITE_COMMITTED,
];
