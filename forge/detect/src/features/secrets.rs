//! Names of environment variables that hold secrets.

const SECRETS_MAX: usize = 100;
/// A secret's last words.
const ENDINGS: &[&str] =
    &["KEY", "SECRET", "TOKEN", "PASSWORD", "PASS", "PASSWD", "CREDENTIALS", "PASSPHRASE", "PWD"];
/// Words that make such a name public, or no variable at all.
const PUBLIC: &[&str] = &[
    "PUBLIC",
    "PUBLISHABLE",
    "PRIMARY",
    "FOREIGN",
    "UNIQUE",
    "VITE",
    "ANON",
    "COMPOSITE",
    "PARTITION",
    "SORT",
    "CACHE",
    "MAX",
    "MIN",
    "INVALID",
    "EXPIRED",
    "MISSING",
    "REFRESH",
    "WRONG",
    "RESET",
];

/// The names with their lines, in order of first use.
pub(crate) fn secrets(text: &str) -> Vec<(String, Vec<u32>)> {
    let mut found: Vec<(String, Vec<u32>)> = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let number = u32::try_from(index + 1).unwrap_or(u32::MAX);
        for word in line.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_')) {
            if !is_secret(word) || found.len() >= SECRETS_MAX {
                continue;
            }
            match found.iter_mut().find(|(name, _)| name == word) {
                Some((_, lines)) if lines.len() < 5 => lines.push(number),
                Some(_) => {}
                None => found.push((word.to_owned(), vec![number])),
            }
        }
    }
    found
}

fn is_secret(word: &str) -> bool {
    const CHARS_MAX: usize = 64;
    let shaped = word.len() <= CHARS_MAX
        && word.contains('_')
        && word.starts_with(|c: char| c.is_ascii_uppercase())
        && word.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_');
    if !shaped {
        return false;
    }
    let parts: Vec<&str> = word.split('_').collect();
    let last = parts.last().copied().unwrap_or_default();
    ENDINGS.contains(&last) && !parts.iter().any(|part| PUBLIC.contains(part))
}
