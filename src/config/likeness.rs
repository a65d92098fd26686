//! Names that are nearly others: most likely a typing error.

/// Letters to change, add, drop or swap with a neighbour to get from one name to the other.
pub(super) use strsim::osa_distance as distance;

/// `; did you mean …?`, or nothing.
pub(crate) fn did_you_mean<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> String {
    let name = name.to_ascii_uppercase();
    let allowed = (name.len() / 5).clamp(1, 3);
    known
        .map(|candidate| (distance(&name, candidate), candidate))
        .filter(|(distance, _)| *distance <= allowed)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| format!("; did you mean {candidate}?"))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distance_counts_a_swap_once() {
        assert_eq!(distance("HOST", "HOST"), 0);
        assert_eq!(distance("HOTS", "HOST"), 1);
        assert_eq!(distance("HST", "HOST"), 1);
        assert_eq!(distance("", "HOST"), 4);
    }
}
