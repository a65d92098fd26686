//! Numbers as crawlers write them: exact where it matters, however long.

/// More digits than any double has, before or after the point. `jsonb` takes 131,072 and 16,383.
const MAX_DIGITS: usize = 400;

/// Reads a whole number from 0 to 2^63-1, exactly: `12`, `12.0`, `1.2e1`, `120e-1`.
pub(super) fn whole(text: &str) -> Option<i64> {
    if let Ok(number) = text.parse::<i64>() {
        return (number >= 0).then_some(number);
    }
    let (mantissa, exponent) = split(text)?;
    let (integer, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if integer.is_empty() || !is_digits(integer) || !is_digits(fraction) {
        return None;
    }
    let all = format!("{integer}{fraction}");
    let digits = all.trim_start_matches('0');
    if digits.is_empty() {
        return Some(0);
    }
    let shift = exponent.checked_sub(i64::try_from(fraction.len()).ok()?)?;
    let count = usize::try_from(shift.unsigned_abs()).ok()?;
    if shift >= 0 {
        let fits = digits.len() + count.min(20) <= 19;
        return fits
            .then(|| format!("{digits}{}", "0".repeat(count)))?
            .parse()
            .ok();
    }
    let (kept, dropped) = digits.split_at_checked(digits.len().checked_sub(count)?)?;
    let is_whole = dropped.bytes().all(|byte| byte == b'0');
    is_whole.then(|| kept.parse().ok())?
}

/// Whether `jsonb` takes a JSON number. The bound is far below that of Postgres: what no double
/// can hold (`1e400000`) is no measurement, and would be written out digit by digit.
pub(super) fn is_storable(json: &str) -> bool {
    let plain_length = 40;
    if json.len() <= plain_length && !json.contains(['e', 'E']) {
        return true;
    }
    let digits = |(mantissa, exponent): (&str, i64)| {
        let shift = usize::try_from(exponent.unsigned_abs()).unwrap_or(usize::MAX);
        mantissa.len().saturating_add(shift)
    };
    split(json).map(digits).is_some_and(|digits| digits <= MAX_DIGITS)
}

fn split(text: &str) -> Option<(&str, i64)> {
    match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => Some((mantissa, exponent.parse().ok()?)),
        None => Some((text, 0)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_numbers_are_read_exactly_however_they_are_written() {
        for (text, expected) in [
            ("0", 0),
            ("125340", 125_340),
            ("4294967296", 1 << 32),
            ("9007199254740993", 9_007_199_254_740_993),
            ("9223372036854775807", i64::MAX),
            ("9223372036854775807.000", i64::MAX),
            ("1.0", 1),
            ("1e3", 1_000),
            ("1.25E2", 125),
            ("120e-1", 12),
            ("0.0", 0),
            ("0e999999999", 0),
            ("5e18", 5_000_000_000_000_000_000),
        ] {
            assert_eq!(whole(text), Some(expected), "{text}");
        }
    }

    #[test]
    fn everything_else_is_unreadable() {
        for text in [
            "-1",
            "-1.0",
            "1.5",
            "9223372036854775808",
            "1e19",
            "1e400000",
            "1e99999999999999999999",
            "",
            "abc",
            "1,234",
            "1.2K",
            "12e-2",
            "1e-400000",
            ".",
            "e",
            "1e",
            "NaN",
            "inf",
            "0x10",
        ] {
            assert_eq!(whole(text), None, "{text}");
        }
    }

    #[test]
    fn numbers_beyond_any_double_are_not_storable() {
        for text in [
            "1",
            "-1.5e308",
            "5e-324",
            "123456789012345678901234567890",
            "1.7976931348623157e+308",
        ] {
            assert!(is_storable(text), "{text}");
        }
        let long = "9".repeat(200_000);
        for text in ["1e400000", "1e-400000", "0e99999999999999999999", &long] {
            assert!(!is_storable(text), "{}", &text[..9]);
        }
    }
}
