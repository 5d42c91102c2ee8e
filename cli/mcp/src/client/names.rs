//! What tools of servers are called where a model sees them.

use std::collections::{BTreeMap, BTreeSet};

use sha2::{Digest, Sha256};

/// Characters of a name that every provider takes.
const NAME_BYTES_MAX: usize = 64;
/// Digits that tell names apart which would be the same.
const DIGITS: usize = 8;

/// A name for each pair of a server and one of its tools: `server__tool`, of letters, digits, `-` and `_`, at most 64
/// of them, and none of `taken`.
///
/// A pair whose name would be another's, or had to be changed, gets digits that follow from the pair. So the name of
/// a tool depends on no order, and only where it meets another on what else there is.
pub fn offered(
    pairs: impl IntoIterator<Item = (String, String)>,
    taken: &BTreeSet<String>,
) -> BTreeMap<(String, String), String> {
    let pairs: BTreeSet<(String, String)> = pairs.into_iter().collect();
    let mut wanted: BTreeMap<String, usize> = BTreeMap::new();
    for pair in &pairs {
        *wanted.entry(plain(pair).0.to_ascii_lowercase()).or_default() += 1;
    }
    let taken: BTreeSet<String> = taken.iter().map(|name| name.to_ascii_lowercase()).collect();
    let name = |pair: &(String, String)| {
        let (plain, is_changed) = plain(pair);
        let lower = plain.to_ascii_lowercase();
        let is_alone = wanted.get(&lower).is_some_and(|count| *count == 1) && !taken.contains(&lower);
        if is_changed || !is_alone { with_digits(&plain, pair) } else { plain }
    };
    pairs.iter().map(|pair| (pair.clone(), name(pair))).collect()
}

/// The name in letters that every provider takes, and whether that changed it.
fn plain((server, tool): &(String, String)) -> (String, bool) {
    let whole = format!("{server}__{tool}");
    let fits = |character: char| character.is_ascii_alphanumeric() || "-_".contains(character);
    let mut name: String =
        whole.chars().map(|character| if fits(character) { character } else { '_' }).collect();
    name.truncate(NAME_BYTES_MAX);
    let is_changed = name != whole;
    (name, is_changed)
}

fn with_digits(plain: &str, (server, tool): &(String, String)) -> String {
    let hash = Sha256::digest(format!("{server}\0{tool}"));
    let digits: String = hash.iter().take(DIGITS / 2).map(|byte| format!("{byte:02x}")).collect();
    let kept = plain.len().min(NAME_BYTES_MAX - DIGITS - 1);
    format!("{}_{digits}", &plain[..kept])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(pairs: &[(&str, &str)], taken: &[&str]) -> Vec<String> {
        let owned = pairs.iter().map(|(server, tool)| ((*server).to_owned(), (*tool).to_owned()));
        let taken = taken.iter().map(|name| (*name).to_owned()).collect();
        let offered = offered(owned, &taken);
        pairs.iter().map(|(s, t)| offered[&((*s).to_owned(), (*t).to_owned())].clone()).collect()
    }

    #[test]
    fn what_fits_stays_as_it_is() {
        assert_eq!(
            names(&[("fs", "read_file"), ("web", "read_file")], &[]),
            ["fs__read_file", "web__read_file"]
        );
    }

    #[test]
    fn every_name_fits_every_provider_and_is_only_one_tools() {
        let long = "x".repeat(100);
        let longer = format!("{long}y");
        let pairs = [
            ("a", "b__c"),
            ("a__b", "c"),
            ("fs", "read file"),
            ("fs", "read.file"),
            ("fs", "read_file"),
            ("fs", "READ_FILE"),
            ("fs", "lesen\u{200b}"),
            ("fs", ""),
            ("fs", long.as_str()),
            ("fs", longer.as_str()),
        ];
        let got = names(&pairs, &[]);
        let fits = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        for name in &got {
            assert!(name.len() <= 64 && name.chars().all(fits), "{name}");
        }
        let distinct: BTreeSet<String> = got.iter().map(|name| name.to_ascii_lowercase()).collect();
        assert_eq!(distinct.len(), pairs.len(), "{got:?}");
    }

    #[test]
    fn names_follow_from_what_there_is_and_from_no_order() {
        let one = names(&[("fs", "a.b"), ("fs", "a_b")], &[]);
        let other = names(&[("fs", "a_b"), ("fs", "a.b")], &[]);
        assert_eq!((&one[0], &one[1]), (&other[1], &other[0]));
    }

    #[test]
    fn a_name_that_is_taken_is_not_given() {
        let got = names(&[("forge", "db_query")], &["forge__db_query"]);
        assert!(got[0].starts_with("forge__db_query_"), "{got:?}");
    }
}
