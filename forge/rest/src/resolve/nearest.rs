//! The name that was probably meant.

/// Names further away than this share of their length are not meant.
const DISTANCE_SHARE: f64 = 0.4;
/// How far from a column Postgres still takes it for the one that was meant.
const COLUMN_DISTANCE_MAX: usize = 3;

/// The nearest of `known` to `name`, if it is near.
pub(super) fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let length = name.chars().count();
    let near = known.filter_map(|known| {
        let far = distance(name, known);
        let longest = length.max(known.chars().count());
        (far as f64 <= DISTANCE_SHARE * longest as f64).then_some((far, known))
    });
    near.min_by_key(|(far, known)| (*far, *known)).map(|(_, known)| known)
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
        assert_eq!(nearest("todoz", known.into_iter()), Some("todos"));
        assert_eq!(nearest("todo", known.into_iter()), Some("todos"));
        assert_eq!(nearest("invoices", known.into_iter()), None);
        assert_eq!(columns("tittle", ["title", "id"].into_iter()), ["title"]);
        assert_eq!(columns("nam", ["name", "nap"].into_iter()), ["name", "nap"]);
        assert!(columns("colour", ["id", "title"].into_iter()).is_empty());
    }
}
