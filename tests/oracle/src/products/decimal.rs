//! Numbers by hand: moving the point.

/// A number without exponent: sign, digits before the point, digits behind it.
fn plain(number: &str) -> Option<(bool, String, String)> {
    let (mantissa, exponent) = match number.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i64>().ok()),
        None => (number, Some(0)),
    };
    let exponent = exponent.filter(|exponent| exponent.abs() < 200_000)?;
    let (negative, mantissa) = match mantissa.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, mantissa),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let (mut whole, mut fraction) = (whole.to_owned(), fraction.to_owned());
    for _ in 0..exponent {
        let first = if fraction.is_empty() {
            '0'
        } else {
            fraction.remove(0)
        };
        whole.push(first);
    }
    for _ in exponent..0 {
        fraction.insert(0, whole.pop().unwrap_or('0'));
    }
    let whole = whole.trim_start_matches('0').to_owned();
    Some((negative, whole, fraction))
}

/// As `numeric` of Postgres shows it: every digit, no exponent. None where it is beyond that type.
pub fn numeric(number: &str) -> Option<String> {
    let (negative, whole, fraction) = plain(number)?;
    let is_zero = whole.is_empty() && fraction.chars().all(|digit| digit == '0');
    let sign = if negative && !is_zero { "-" } else { "" };
    let whole = if whole.is_empty() { "0" } else { &whole };
    let point = if fraction.is_empty() { "" } else { "." };
    (whole.len() <= 131_072 && fraction.len() <= 16_383).then(|| format!("{sign}{whole}{point}{fraction}"))
}

/// The whole number that it is.
pub(super) fn integer(number: &str) -> Option<i64> {
    let mantissa = number.split(['e', 'E']).next().unwrap_or_default();
    if !mantissa.contains(|digit: char| matches!(digit, '1'..='9')) {
        return Some(0);
    }
    let (negative, whole, fraction) = plain(number)?;
    if fraction.chars().any(|digit| digit != '0') {
        return None;
    }
    let whole = if whole.is_empty() { "0" } else { &whole };
    let sign = if negative { "-" } else { "" };
    format!("{sign}{whole}").parse().ok()
}
