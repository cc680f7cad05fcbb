//! The name that was probably meant.

/// The candidate that `given` was most likely meant to be; `None` if nothing is near.
///
/// Near is a Jaro-Winkler similarity of at least 0.8 without regard to ASCII case: `signor` is
/// near `signer`, `admin` is near nothing of the kind. Of equally near ones the first wins.
#[must_use]
pub fn nearest<'a>(given: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    /// Below this, a suggestion is more often wrong than right.
    const LEAST_SIMILARITY: f64 = 0.8;
    let given = given.to_ascii_lowercase();
    let mut best: Option<(f64, &str)> = None;
    for candidate in candidates {
        let similarity = strsim::jaro_winkler(&given, &candidate.to_ascii_lowercase());
        if similarity >= LEAST_SIMILARITY && best.is_none_or(|(most, _)| similarity > most) {
            best = Some((similarity, candidate));
        }
    }
    best.map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_typing_error_finds_its_name_and_nonsense_finds_none() {
        assert_eq!(
            nearest("signor", ["viewer", "signer", "sender"]),
            Some("signer")
        );
        assert_eq!(nearest("Signer", ["signer"]), Some("signer"));
        assert_eq!(nearest("zebra", ["viewer", "signer"]), None);
        assert_eq!(nearest("signer", []), None);
    }
}
