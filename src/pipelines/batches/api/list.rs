//! Lists in the database: they are sorted by time and name, so a cursor is a place between two rows.

use crate::http::{ApiError, cursor, cursor_of, limit};
use millrace_batches::reports::{Page, Position};

/// The part of a list in the database. One entry more than asked for tells whether there is a next part.
///
/// # Errors
/// A parameter is not as it should be.
pub(super) fn page(limit_text: Option<&str>, cursor_text: Option<&str>) -> Result<(usize, Page), ApiError> {
    let limit = limit(limit_text)?;
    let after: Option<Position> = cursor(cursor_text)?;
    if let Some(Position(_, name, part)) = &after
        && (name.contains('\0') || part.contains('\0'))
    {
        return Err(ApiError::bad("cursor holds a zero byte"));
    }
    let page = Page {
        after,
        limit: limit + 1,
    };
    Ok((limit, page))
}

/// Takes off what is one too many; then the cursor of the last entry leads on.
pub(super) fn next_of<T>(
    entries: &mut Vec<T>,
    limit: usize,
    place: impl Fn(&T) -> Position,
) -> Option<String> {
    if entries.len() <= limit {
        return None;
    }
    entries.truncate(limit);
    cursor_of(&place(entries.last()?))
}
