//! Secrets that are known by the name they are given: `password = "…"`, `API_KEY=…`, `"token": "…"`.

use std::ops::Range;

use super::placeholder::{entropy, is_placeholder, is_weak, is_words};
use super::{Certainty, Hit};

/// Parts of a name that say that its value is a secret, and whether it is one that people think up.
const NAMES: [(&str, bool); 19] = [
    ("password", true),
    ("passwd", true),
    ("passphrase", true),
    ("pwd", true),
    ("secret", false),
    ("token", false),
    ("apikey", false),
    ("api_key", false),
    ("api-key", false),
    ("accesskey", false),
    ("access_key", false),
    ("private_key", false),
    ("privatekey", false),
    ("auth_key", false),
    ("authkey", false),
    ("signing_key", false),
    ("encryption_key", false),
    ("credential", false),
    ("account_key", false),
];

/// Parts of a name that say that its value only speaks about a secret.
const ABOUT: [&str; 38] = [
    "hash",
    "digest",
    "checksum",
    "sha",
    "public",
    "url",
    "uri",
    "path",
    "file",
    "name",
    "type",
    "field",
    "label",
    "header",
    "regex",
    "pattern",
    "length",
    "expir",
    "prompt",
    "placeholder",
    "title",
    "error",
    "message",
    "hint",
    "_id",
    "-id",
    "keyid",
    "tokenid",
    "prefix",
    "suffix",
    "column",
    "param",
    "selector",
    "count",
    "limit",
    "tokenizer",
    "class",
    "description",
];

/// Files of settings: a value there needs no quotes.
const SETTINGS: [&str; 9] = ["env", "ini", "cfg", "conf", "properties", "yml", "yaml", "tfvars", "npmrc"];

/// Files in which long random values stand for contents.
const LOCKS: [&str; 9] = [
    "package-lock.json",
    "yarn.lock",
    "pnpm-lock.yaml",
    "cargo.lock",
    "go.sum",
    "poetry.lock",
    "uv.lock",
    "bun.lock",
    "composer.lock",
];

/// Bytes of a value.
const VALUE_BYTES: std::ops::RangeInclusive<usize> = 8..=512;

/// The secrets in a line of a file.
pub(super) fn find(path: &str, line: &str) -> Vec<Hit> {
    let name = path.rsplit('/').next().unwrap_or(path).to_ascii_lowercase();
    if LOCKS.contains(&name.as_str()) || is_comment(line) {
        return Vec::new();
    }
    let settings = name.starts_with(".env")
        || name.rsplit('.').next().is_some_and(|end| SETTINGS.contains(&end))
        || name.contains(".env.");
    let mut hits: Vec<Hit> =
        line.match_indices(['=', ':']).filter_map(|(at, _)| assigned(line, at, settings)).collect();
    hits.extend(bearer(line));
    hits
}

/// A line that is nothing but a comment: samples stand there. Forms are looked for in it all the same.
fn is_comment(line: &str) -> bool {
    let line = line.trim_start();
    ["//", "* ", "/*", "--", "<!--"].iter().any(|begin| line.starts_with(begin)) || line.starts_with('#')
}

fn assigned(line: &str, at: usize, settings: bool) -> Option<Hit> {
    let name = name_before(&line[..at])?;
    let people = kind_of(&name)?;
    let span = value_after(line, at, settings)?;
    let value = &line[span.clone()];
    if !VALUE_BYTES.contains(&value.len()) || is_placeholder(value) || is_weak(value) || is_reference(value) {
        return None;
    }
    let aws = name.contains("secret") && value.len() == 40 && is_aws_secret(value);
    if aws {
        return Some(Hit { rule: "aws-secret-key", span, certainty: Certainty::Likely });
    }
    let secret = if people { is_password(value) } else { is_random(value) };
    secret.then_some(Hit { rule: "named-secret", span, certainty: Certainty::Doubtful })
}

/// The name that a value is assigned to, in lower case.
fn name_before(head: &str) -> Option<String> {
    // `:=`, `=>`, `==` and a type between the name and the value: `token: &str =`.
    let head = head.trim_end_matches([':', ' ', '\t', '"', '\'', ']', '?']);
    let head = match head.rsplit_once(": ") {
        Some((name, ty)) if ty.len() <= 16 && !ty.contains(['"', '\'', ',']) => name.trim_end(),
        _ => head,
    };
    let name =
        head.rsplit(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == '-' || c == '.')).next()?;
    let name = name.rsplit('.').next()?;
    (!name.is_empty() && name.len() <= 64).then(|| name.to_ascii_lowercase())
}

/// Whether a name is one of a secret, and whether people think such values up.
fn kind_of(name: &str) -> Option<bool> {
    let (_, people) = NAMES.iter().find(|(part, _)| name.contains(part))?;
    let about = |part: &&str| name.contains(*part) && !(**part == *"sha" && name.contains("share"));
    (!ABOUT.iter().any(about)).then_some(*people)
}

/// Where the value is: within quotes, or to the end of a line of settings.
fn value_after(line: &str, at: usize, settings: bool) -> Option<Range<usize>> {
    let rest = line.get(at + 1..)?;
    let from = at + 1 + rest.len() - rest.trim_start_matches([' ', '\t', '=', '>']).len();
    let rest = line.get(from..)?;
    // Prefixes of literals: `b"…"`, `r'…'`, `@"…"`.
    let skip = usize::from(rest.starts_with(['b', 'r', 'f', '@']) && rest[1..].starts_with(['"', '\'']));
    let quoted = rest.get(skip..)?;
    if let Some(quote) = quoted.chars().next().filter(|c| matches!(c, '"' | '\'' | '`')) {
        let end = quoted[1..].find(quote)?;
        return Some(from + skip + 1..from + skip + 1 + end);
    }
    if !settings {
        return None;
    }
    let end =
        rest.find(|c: char| c.is_whitespace() || c == '#' || c == ',' || c == '"').unwrap_or(rest.len());
    Some(from..from + end)
}

/// Whether a value says where the real one is.
fn is_reference(value: &str) -> bool {
    value.contains("://")
        || value.starts_with(['/', '.', '@', '#', '&', '!'])
        || value.contains(['(', '[']) && value.ends_with([')', ']', ';'])
        || ["process.env", "os.environ", "getenv", "secrets.", "vault:", "arn:", "op://", "ref:", "env:"]
            .iter()
            .any(|part| value.contains(part))
        || is_uuid(value)
        || ["$2a$", "$2b$", "$2y$", "$argon2", "sha256", "sha512", "pbkdf2"]
            .iter()
            .any(|part| value.starts_with(part))
}

fn is_uuid(value: &str) -> bool {
    let lengths: Vec<usize> = value.split('-').map(str::len).collect();
    lengths == [8, 4, 4, 4, 12] && value.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-')
}

/// Whether a value is as random as a key.
fn is_random(value: &str) -> bool {
    let classes = classes(value);
    let plain = value.bytes().all(|byte| byte.is_ascii_graphic());
    plain && value.len() >= 16 && classes >= 2 && entropy(value) >= 3.2 && !is_words(value)
}

/// Whether a value is a password that somebody thought up: not a word alone.
fn is_password(value: &str) -> bool {
    let plain = value.bytes().all(|byte| byte.is_ascii_graphic());
    plain && classes(value) >= 3 && entropy(value) >= 2.6 && !is_words(value) || is_random(value)
}

/// How many kinds of characters there are: small and capital letters, digits, others.
fn classes(value: &str) -> usize {
    let kinds: [fn(&u8) -> bool; 4] =
        [u8::is_ascii_lowercase, u8::is_ascii_uppercase, u8::is_ascii_digit, |byte| {
            byte.is_ascii_punctuation() && !matches!(byte, b'-' | b'_' | b'.')
        }];
    kinds.into_iter().filter(|kind| value.bytes().any(|byte| kind(&byte))).count()
}

fn is_aws_secret(value: &str) -> bool {
    let letters = value.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'+' || byte == b'/');
    let hex = value.bytes().all(|byte| byte.is_ascii_hexdigit());
    letters && !hex && classes(value) >= 3 && entropy(value) >= 4.0
}

/// A token in an `Authorization` header.
fn bearer(line: &str) -> Option<Hit> {
    let at = ["Bearer ", "bearer "].iter().find_map(|word| line.find(word))?;
    let from = at + "Bearer ".len();
    let letters = |c: char| c.is_ascii_alphanumeric() || "-_.~+/=".contains(c);
    let value: &str = line[from..].split(|c| !letters(c)).next()?;
    let secret = value.len() >= 20 && is_random(value) && !is_placeholder(value);
    secret.then(|| Hit {
        rule: "bearer-token",
        span: from..from + value.len(),
        certainty: Certainty::Doubtful,
    })
}
