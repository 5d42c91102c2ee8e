//! The name that was probably meant.
//!
//! Names are compared as PostgREST compares them: those that share a few letters in a row are candidates, and
//! of these the one with the fewest edits for its length is meant. Columns are compared as Postgres does it.

use std::collections::HashMap;

/// How alike the name of a table or a function must be to be told, from 0 to 1. Names that are less alike
/// would tell those who guess what there is.
pub(super) const NAME_SCORE_MIN: f64 = 0.75;
/// The same for what is reached from something that was named rightly.
pub(super) const NEAR_SCORE_MIN: f64 = 0.33;
/// Candidates whose edits are counted.
const CANDIDATES_MAX: usize = 50;
/// Characters of a name that are compared.
const NAME_CHARS_MAX: usize = 256;
/// How far from a column Postgres still takes it for the one that was meant.
const COLUMN_DISTANCE_MAX: usize = 3;

/// The nearest of `known` to `name` whose score is at least `score_min`, with that score: 1 for the same name.
pub(super) fn nearest<'a>(
    name: &str,
    known: impl Iterator<Item = &'a str>,
    score_min: f64,
) -> Option<(f64, &'a str)> {
    let name = folded(name);
    let known: Vec<(String, &str)> = known.map(|known| (folded(known), known)).collect();
    if let Some((_, same)) = known.iter().find(|(folded, _)| *folded == name) {
        return Some((1.0, same));
    }
    // Three letters in a row say more than two: these are asked only where nothing shares three.
    [3, 2].into_iter().find_map(|size| best(&name, &known, size, score_min))
}

fn best<'a>(name: &str, known: &[(String, &'a str)], size: usize, score_min: f64) -> Option<(f64, &'a str)> {
    let grams = grams(name, size);
    let mut alike: Vec<(f64, &(String, &str))> = known
        .iter()
        .map(|one| (cosine(&grams, &self::grams(&one.0, size)), one))
        .filter(|(score, _)| *score > 0.0)
        .collect();
    alike.sort_by(|(one, a), (other, b)| other.total_cmp(one).then_with(|| a.0.cmp(&b.0)));
    alike.truncate(CANDIDATES_MAX);
    alike
        .into_iter()
        .map(|(_, (folded, known))| (score(name, folded), *known))
        .filter(|(score, _)| *score >= score_min)
        .max_by(|(one, a), (other, b)| one.total_cmp(other).then_with(|| b.cmp(a)))
}

fn folded(name: &str) -> String {
    name.chars().take(NAME_CHARS_MAX).flat_map(char::to_lowercase).collect()
}

/// How often each run of `size` letters is in a name, whose ends count as letters.
fn grams(name: &str, size: usize) -> HashMap<String, u32> {
    let kept = name.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | ','));
    let mut letters: Vec<char> = std::iter::once('-').chain(kept).chain(std::iter::once('-')).collect();
    while letters.len() < size {
        letters.push('-');
    }
    let mut grams = HashMap::new();
    for run in letters.windows(size) {
        *grams.entry(run.iter().collect()).or_insert(0) += 1;
    }
    grams
}

fn cosine(one: &HashMap<String, u32>, other: &HashMap<String, u32>) -> f64 {
    let length = |grams: &HashMap<String, u32>| {
        grams.values().map(|count| f64::from(*count).powi(2)).sum::<f64>().sqrt()
    };
    let shared: f64 = one
        .iter()
        .filter_map(|(gram, count)| other.get(gram).map(|with| f64::from(*count) * f64::from(*with)))
        .sum();
    shared / (length(one) * length(other))
}

/// The share of letters that need no edit.
fn score(one: &str, other: &str) -> f64 {
    let longest = one.chars().count().max(other.chars().count()).max(1);
    1.0 - distance(one, other) as f64 / longest as f64
}

/// The columns that Postgres would suggest for `name`: the nearest one, or two that are as near.
pub(super) fn columns<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let half = name.chars().count() / 2;
    let mut best = (COLUMN_DISTANCE_MAX.min(half) + 1, Vec::new());
    for known in known {
        let far = distance(name, known);
        if far < best.0 {
            best = (far, vec![known]);
        } else if far == best.0 && !best.1.is_empty() {
            best.1.push(known);
        }
    }
    // With more than two that are as near, none is meant.
    if best.1.len() > 2 { Vec::new() } else { best.1 }
}

/// Levenshtein's distance, in characters.
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (at, c) in one.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = at + 1;
        for (column, with) in other.iter().enumerate() {
            let replaced = diagonal + usize::from(c != *with);
            diagonal = row[column + 1];
            row[column + 1] = replaced.min(row[column] + 1).min(diagonal + 1);
        }
    }
    row[other.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_names_are_meant() {
        let known = ["todos", "lists", "labels"];
        let meant = |name: &str, least| nearest(name, known.into_iter(), least).map(|(_, name)| name);
        assert_eq!(meant("todoz", NAME_SCORE_MIN), Some("todos"));
        assert_eq!(meant("todo", NAME_SCORE_MIN), Some("todos"));
        assert_eq!(meant("TODOS", NAME_SCORE_MIN), Some("todos"));
        assert_eq!(meant("invoices", NAME_SCORE_MIN), None);
        // Alike enough for what is known to be near, not for what is guessed.
        assert_eq!(meant("listing", NAME_SCORE_MIN), None);
        assert_eq!(meant("listing", NEAR_SCORE_MIN), Some("lists"));
        assert_eq!(meant("", NEAR_SCORE_MIN), None);
    }

    #[test]
    fn names_that_share_no_run_of_letters_are_not_meant() {
        assert_eq!(nearest("axbyc", ["zxwyv"].into_iter(), NEAR_SCORE_MIN), None);
        assert_eq!(nearest("x", std::iter::empty(), NEAR_SCORE_MIN), None);
    }

    #[test]
    fn columns_are_suggested_as_postgres_does() {
        assert_eq!(columns("tittle", ["title", "id"].into_iter()), ["title"]);
        assert_eq!(columns("nam", ["name", "nap"].into_iter()), ["name", "nap"]);
        assert!(columns("nam", ["name", "nap", "nom"].into_iter()).is_empty());
        assert!(columns("colour", ["id", "title"].into_iter()).is_empty());
    }
}
