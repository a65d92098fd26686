//! Lists come in parts. A cursor says what comes after, so nothing is told twice and nothing is left out,
//! however much is added in front meanwhile.

use super::error::ApiError;
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use utoipa::IntoParams;

/// Which part of a list.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct PartOf {
    /// Entries at most.
    #[param(value_type = Option<u8>, minimum = 1, maximum = 200, default = 50)]
    pub limit: Option<String>,
    /// `next` of the part before; absent for the first one.
    pub cursor: Option<String>,
}

const MOST: usize = 200;
const DEFAULT: usize = 50;

/// How many entries are asked for.
///
/// # Errors
/// Not a number, or too many, or none.
pub fn limit(text: Option<&str>) -> Result<usize, ApiError> {
    let Some(text) = text else { return Ok(DEFAULT) };
    let number = text.parse().ok().filter(|n| (1..=MOST).contains(n));
    number.ok_or_else(|| ApiError::bad(format!("limit is {text:?}: expected 1 to {MOST}")))
}

/// What a cursor stands for.
///
/// # Errors
/// It is none of ours, or of another list.
pub fn cursor<T: DeserializeOwned>(text: Option<&str>) -> Result<Option<T>, ApiError> {
    let Some(text) = text else { return Ok(None) };
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(text).ok();
    let known = bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok());
    let refused = || ApiError::bad("cursor is not what this list gave as `next`");
    known.map(Some).ok_or_else(refused)
}

/// The cursor that stands for something.
pub fn cursor_of(place: &impl Serialize) -> Option<String> {
    let json = serde_json::to_vec(place).ok()?;
    Some(BASE64_URL_SAFE_NO_PAD.encode(json))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_comes_back_as_it_was_and_nothing_else_does() {
        let place = ("2026-01-02T03:04:05.000006Z".to_owned(), "é/1".to_owned());
        let text = cursor_of(&place).unwrap();
        assert_eq!(cursor(Some(&text)), Ok(Some(place)));
        for bad in ["", "x", "bnVsbA", "W10", "ZXZ0XzE"] {
            assert!(cursor::<(String, String)>(Some(bad)).is_err(), "{bad}");
        }
    }

    #[test]
    fn limits_have_limits() {
        assert_eq!(limit(None), Ok(50));
        assert_eq!(limit(Some("200")), Ok(200));
        for bad in ["0", "201", "-1", "", "ten", "99999999999999999999"] {
            assert!(limit(Some(bad)).is_err(), "{bad}");
        }
    }
}
