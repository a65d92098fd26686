//! Numbers as JSON writes them, without a detour through binary fractions.

/// Digits that `numeric` of Postgres has room for before the point, and behind it.
const MAX_WHOLE: i64 = 131_072;
const MAX_FRACTION: i64 = 16_383;

/// A number that was read as JSON, as its digits and the place of its point.
#[derive(Clone, Copy, Debug)]
pub(super) struct Decimal<'a> {
    is_negative: bool,
    whole: &'a str,
    fraction: &'a str,
    exponent: i64,
}

// === impl Decimal ===

impl<'a> Decimal<'a> {
    /// Of the text of a JSON number.
    pub(super) fn new(number: &'a str) -> Self {
        let (is_negative, digits) = match number.strip_prefix('-') {
            Some(digits) => (true, digits),
            None => (false, number),
        };
        let (digits, exponent) = digits.split_once(['e', 'E']).unwrap_or((digits, "0"));
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        // An exponent that fits no integer is far outside of every bound.
        let exponent = exponent.parse().unwrap_or(match exponent.starts_with('-') {
            true => i64::from(i32::MIN),
            false => i64::from(i32::MAX),
        });
        Self {
            is_negative,
            whole,
            fraction,
            exponent,
        }
    }

    /// Whether a `numeric` can hold it with every digit.
    pub(super) fn fits_numeric(&self) -> bool {
        let whole = self.whole.len() as i64 + self.exponent.max(0);
        let fraction = self.fraction.len() as i64 - self.exponent.min(0);
        whole <= MAX_WHOLE && fraction <= MAX_FRACTION
    }

    /// The integer that it is: `5`, `5.0` and `50e-1` are one.
    pub(super) fn integer(&self) -> Option<i64> {
        let digits = || self.whole.bytes().chain(self.fraction.bytes());
        let point = self.whole.len() as i64 + self.exponent;
        let mut value = 0_i64;
        let mut at = 0_i64;
        for digit in digits().map(|digit| i64::from(digit - b'0')) {
            if at >= point {
                if digit != 0 {
                    return None;
                }
            } else {
                value = self.append(value, digit)?;
            }
            at += 1;
        }
        while at < point && value != 0 {
            value = self.append(value, 0)?;
            at += 1;
        }
        Some(value)
    }

    /// Negative ones grow downwards: there is one more of them.
    fn append(&self, value: i64, digit: i64) -> Option<i64> {
        let value = value.checked_mul(10)?;
        if self.is_negative {
            value.checked_sub(digit)
        } else {
            value.checked_add(digit)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_in_every_spelling() {
        for (text, integer) in [
            ("0", Some(0)),
            ("-0", Some(0)),
            ("-0.0", Some(0)),
            ("17", Some(17)),
            ("17.000", Some(17)),
            ("1.7e1", Some(17)),
            ("170E-1", Some(17)),
            ("-9223372036854775808", Some(i64::MIN)),
            ("9223372036854775807", Some(i64::MAX)),
            ("9223372036854775808", None),
            ("0e999999999999999999999", Some(0)),
            ("1e999999999999999999999", None),
            ("1e-999999999999999999999", None),
            ("1e18", Some(1_000_000_000_000_000_000)),
            ("1e19", None),
            ("1.5", None),
            ("15e-1", None),
            ("0.1e0", None),
        ] {
            assert_eq!(Decimal::new(text).integer(), integer, "{text}");
        }
    }

    #[test]
    fn what_a_numeric_holds() {
        for (text, fits) in [
            ("12.50", true),
            ("1e131071", true),
            ("1e131072", false),
            ("1e-16383", true),
            ("1e-16384", false),
            ("1e99999999999999999999", false),
            ("1e-99999999999999999999", false),
        ] {
            assert_eq!(Decimal::new(text).fits_numeric(), fits, "{text}");
        }
    }
}
