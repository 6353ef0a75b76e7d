//! "Did you mean": the known names nearest to a mistyped one.

use std::cmp::Reverse;

/// Names longer than this are not compared: the edit distance costs the product of both lengths.
const LONGEST: usize = 256;

/// The known name nearest to `wanted`, ignoring case, or None when none is near enough to be meant.
///
/// Near enough is a Damerau-Levenshtein distance (optimal string alignment: one insertion, deletion,
/// replacement or swap of neighbours each counts 1) of at most a third of the length, at least 1.
pub fn nearest<'a>(wanted: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    nearest_few(wanted, known, 1).into_iter().next()
}

/// Up to `count` known names near enough to `wanted`, nearest first; equal distances in the order given.
pub fn nearest_few<'a>(
    wanted: &str,
    known: impl IntoIterator<Item = &'a str>,
    count: usize,
) -> Vec<&'a str> {
    if wanted.is_empty() || wanted.len() > LONGEST {
        return Vec::new();
    }
    let folded = wanted.to_lowercase();
    let limit = (folded.chars().count() / 3).max(1);
    let mut near: Vec<(usize, Reverse<usize>, &str)> = known
        .into_iter()
        .filter(|name| name.len() <= LONGEST && name.len().abs_diff(wanted.len()) <= 4 * limit)
        .filter_map(|name| {
            let candidate = name.to_lowercase();
            let distance = strsim::osa_distance(&folded, &candidate);
            let shared = folded.chars().zip(candidate.chars()).take_while(|(a, b)| a == b).count();
            (distance <= limit).then_some((distance, Reverse(shared), name))
        })
        .collect();
    near.sort_by_key(|(distance, shared, _)| (*distance, *shared));
    near.into_iter().take(count).map(|(_, _, name)| name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_a_slip_of_the_keyboard() {
        assert_eq!(nearest("measurments", ["rides", "measurements"]), Some("measurements"));
        assert_eq!(nearest("STREEM", ["HASH", "STREAM"]), Some("STREAM"));
        assert_eq!(nearest("sream", ["HASH", "STREAM"]), Some("STREAM"));
        assert_eq!(nearest("maxeln", ["MAXLEN", "MEMBER"]), Some("MAXLEN"));
    }

    #[test]
    fn keeps_silent_when_nothing_is_near() {
        assert_eq!(nearest("orders", ["HASH", "STREAM"]), None);
        assert_eq!(nearest("", ["a"]), None);
        assert_eq!(nearest(&"x".repeat(300), ["x"]), None);
    }

    #[test]
    fn nearest_comes_first_and_no_more_than_asked() {
        let known = ["rides-3", "rids", "rides2"];
        assert_eq!(nearest_few("rides", known, 2), ["rides2", "rids"]);
    }
}
