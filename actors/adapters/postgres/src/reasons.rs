//! Why a message cannot be stored, whatever is done: stable codes.

/// The database refuses a row, whatever we do.
pub const ROW_REFUSED: &str = "row_refused";
