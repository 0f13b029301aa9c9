//! "Did you mean": the known name nearest to a mistyped one.

use alloc::vec;
use alloc::vec::Vec;

/// The candidate with the fewest typing slips (a letter added, dropped, changed, or two
/// neighbours swapped), if there are few enough for it to be meant.
///
/// Case and the difference between `-` and `_` cost nothing; a name cut short or drawn out is near. Of equally near ones the first wins.
pub fn did_you_mean<'a>(
    word: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let fold = |text: &str| -> Vec<char> {
        text.chars().map(|c| if c == '_' { '-' } else { c.to_ascii_lowercase() }).collect()
    };
    let word = fold(word);
    // Far longer than any name: not a typo, and not worth the quadratic time.
    if word.len() > 64 {
        return None;
    }
    candidates
        .into_iter()
        .map(|candidate| {
            let folded = fold(candidate);
            let (short, long) =
                if word.len() < folded.len() { (&word, &folded) } else { (&folded, &word) };
            // `warning` for `warn` is no slip, but plainly meant.
            let meant = short.len() >= 4 && long.starts_with(short);
            let slips = slips(&word, &folded);
            (slips, meant || slips <= long.len() / 3, candidate)
        })
        .filter(|(_, near, _)| *near)
        .min_by_key(|(slips, _, _)| *slips)
        .map(|(_, _, candidate)| candidate)
}

/// Optimal string alignment distance, three rows at a time.
fn slips(a: &[char], b: &[char]) -> usize {
    let mut before: Vec<usize> = vec![0; b.len() + 1];
    let mut last: Vec<usize> = (0..=b.len()).collect();
    let mut previous_a = None;
    for (i, &ca) in a.iter().enumerate() {
        let mut row = Vec::with_capacity(b.len() + 1);
        row.push(i + 1);
        let mut left = i + 1;
        let mut previous_b = None;
        for (j, &cb) in b.iter().enumerate() {
            let at = |row: &[usize], j: usize| row.get(j).copied().unwrap_or(usize::MAX / 2);
            let mut best =
                (left + 1).min(at(&last, j + 1) + 1).min(at(&last, j) + usize::from(ca != cb));
            if previous_a == Some(cb) && previous_b == Some(ca) && j > 0 {
                best = best.min(at(&before, j - 1) + 1);
            }
            row.push(best);
            left = best;
            previous_b = Some(cb);
        }
        before = last;
        last = row;
        previous_a = Some(ca);
    }
    last.last().copied().unwrap_or(a.len())
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::{did_you_mean, slips};

    #[test]
    fn distances() {
        let chars = |text: &str| text.chars().collect::<Vec<_>>();
        for (a, b, expected) in [
            ("", "", 0),
            ("", "abc", 3),
            ("abc", "", 3),
            ("kitten", "sitting", 3),
            ("netwrok", "network", 1),
            ("ca", "abc", 3),
            ("ab", "ba", 1),
        ] {
            assert_eq!(slips(&chars(a), &chars(b)), expected, "{a} {b}");
        }
    }

    #[test]
    fn near_names_only() {
        let names = ["no-network", "no-subprocess", "fs-readonly"];
        assert_eq!(did_you_mean("no-netwrok", names), Some("no-network"));
        assert_eq!(did_you_mean("No_Network", names), Some("no-network"));
        assert_eq!(did_you_mean("fs-read-only", names), Some("fs-readonly"));
        assert_eq!(did_you_mean("warning", ["error", "warn"]), Some("warn"));
        assert_eq!(did_you_mean("colour", names), None);
        assert_eq!(did_you_mean("", names), None);
    }
}
