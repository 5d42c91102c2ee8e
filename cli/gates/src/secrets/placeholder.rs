//! What looks like a secret and is none: placeholders, samples from manuals, references to variables.

/// Words that tell a placeholder.
const WORDS: [&str; 34] = [
    "example",
    "sample",
    "changeme",
    "change_me",
    "change-me",
    "changeit",
    "placeholder",
    "dummy",
    "fake",
    "your_",
    "your-",
    "yourkey",
    "yourtoken",
    "my_secret",
    "mysecret",
    "my-secret",
    "xxxx",
    "todo",
    "replace",
    "insert",
    "redacted",
    "notreal",
    "not_real",
    "not-real",
    "deadbeef",
    "foobar",
    "lorem",
    "supersecret",
    "super-secret",
    "super_secret",
    "removed",
    "hidden",
    "s3cr3t",
    "abcd1234",
];

/// Passwords that everybody uses where none matters.
const WEAK: [&str; 24] = [
    "password",
    "passwd",
    "pass",
    "secret",
    "postgres",
    "root",
    "admin",
    "user",
    "guest",
    "mysql",
    "redis",
    "mongo",
    "test",
    "testing",
    "dev",
    "development",
    "local",
    "localhost",
    "docker",
    "app",
    "rabbitmq",
    "minio",
    "minioadmin",
    "pw",
];

/// Whether a value stands for one that is to be filled in.
pub(super) fn is_placeholder(value: &str) -> bool {
    let lower = value.to_ascii_lowercase();
    WORDS.iter().any(|word| lower.contains(word))
        || value.contains(['<', '>', '{', '}', '*', ' ', '…'])
        || value.contains("...")
        || value.contains("$(")
        || value.starts_with(['$', '%'])
        || lower.len() < 24 && lower.contains("test")
        || has_run(&lower)
        || is_monotonous(value)
}

/// Whether a password is one that protects nothing.
pub(super) fn is_weak(password: &str) -> bool {
    let lower = password.to_ascii_lowercase();
    let stem = lower.trim_end_matches(|c: char| c.is_ascii_digit() || c == '!' || c == '_' || c == '-');
    let is_weak = |word: &str| word.is_empty() || WEAK.contains(&word);
    is_weak(stem) || stem.split(['_', '-']).all(is_weak)
}

/// A run of eight characters that follow each other or are the same, such as `12345678`.
fn has_run(value: &str) -> bool {
    let steps: Vec<i16> =
        value.as_bytes().windows(2).map(|pair| i16::from(pair[1]) - i16::from(pair[0])).collect();
    let run = |step: i16, length: usize| steps.windows(length).any(|steps| steps.iter().all(|s| *s == step));
    run(1, 6) || run(-1, 6) || run(0, 4)
}

/// A long value of few different characters, or of one piece again and again.
fn is_monotonous(value: &str) -> bool {
    let length = value.len();
    let bits = entropy(value);
    length >= 12 && bits < 2.2 || length >= 20 && bits < 2.75
}

/// Bits of information in a character, as its frequencies have it.
pub(super) fn entropy(value: &str) -> f64 {
    let mut counts = [0_u32; 256];
    for byte in value.bytes() {
        counts[usize::from(byte)] += 1;
    }
    let total = value.len().max(1) as f64;
    let bits = |count: u32| {
        let share = f64::from(count) / total;
        -share * share.log2()
    };
    counts.into_iter().filter(|count| *count > 0).map(bits).sum()
}

/// Whether a value is words put together, such as `prod/db-credentials-2` or `PasswordField`.
pub(super) fn is_words(value: &str) -> bool {
    let pieces = value.split(|c: char| !c.is_ascii_alphanumeric()).filter(|piece| !piece.is_empty());
    let pieces: Vec<&str> = pieces.flat_map(humps).collect();
    // Pieces of one or two letters are words only among longer ones.
    let length = |pieces: &mut dyn Iterator<Item = &&str>| pieces.map(|piece| piece.len()).sum::<usize>();
    let long = length(&mut pieces.iter().filter(|piece| piece.len() >= 4));
    2 * long >= length(&mut pieces.iter()) && pieces.into_iter().all(is_word)
}

fn is_word(piece: &str) -> bool {
    let digits = piece.bytes().filter(u8::is_ascii_digit).count();
    if digits == piece.len() {
        return piece.len() <= 4;
    }
    // A word may end in a number, as in `sha256` or `v2`.
    let letters = piece.trim_end_matches(|c: char| c.is_ascii_digit());
    let vowel = |c: char| "aeiouyAEIOUY".contains(c);
    letters.len() + 3 >= piece.len()
        && letters.chars().all(|c| c.is_ascii_alphabetic())
        && (letters.len() <= 3 || letters.chars().any(vowel) && letters.len() <= 20)
}

/// The parts of a name in camel case.
fn humps(piece: &str) -> Vec<&str> {
    let bytes = piece.as_bytes();
    let mut from = 0;
    let mut parts = Vec::new();
    for at in 1..bytes.len() {
        let begins = bytes[at].is_ascii_uppercase() && bytes[at - 1].is_ascii_lowercase();
        if begins {
            parts.push(&piece[from..at]);
            from = at;
        }
    }
    parts.push(&piece[from..]);
    // Random letters have humps everywhere; a name has few of them.
    if parts.len() > 1 && parts.iter().filter(|part| part.len() <= 2).count() * 2 > parts.len() {
        return vec![piece];
    }
    parts
}
