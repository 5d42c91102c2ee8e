//! The words the detector knows, by what they mean, and the one pass that finds them all.
//!
//! Phrases are matched in normalised text: lower case, single spaces, hyphens and slashes as
//! spaces. A Latin phrase matches whole words; one that ends in `*` matches any ending. Phrases in
//! other scripts match anywhere.

mod access;
mod files;
mod live;
mod money;
pub(crate) mod nouns;
mod place;
mod scope;
mod signin;
mod work;

use std::sync::LazyLock;

use aho_corasick::AhoCorasick;

/// What a phrase means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Tag {
    // Headings.
    HeadOut,
    HeadLater,
    HeadAside,
    HeadModel,
    // Scope within a sentence.
    Negation,
    NegationAfter,
    Later,
    Rejected,
    // Where the product runs and keeps its data.
    ClientStore,
    NoBackend,
    Terminal,
    Library,
    Desktop,
    StaticPage,
    Server,
    Database,
    // Sign-in.
    Login,
    LoginWeak,
    /// What only a product with sign-in has; one mention in a brief is enough.
    LoginFirm,
    NoLogin,
    Account,
    NotLogin,
    Password,
    MagicLink,
    OauthWord,
    Google,
    Github,
    Apple,
    Facebook,
    Microsoft,
    Twitter,
    Discord,
    Linkedin,
    Kakao,
    Line,
    Sso,
    Phone,
    OtherProvider,
    // Files.
    Upload,
    FileNoun,
    FileStore,
    Transient,
    /// A bucket that holds no files.
    NotFile,
    /// Files are looked at and not kept.
    NotKept,
    // Server work.
    Webhook,
    SendMail,
    Push,
    Background,
    ThirdParty,
    SystemVerb,
    // The rest.
    Realtime,
    RealtimeWord,
    RealtimeNoun,
    Payment,
    PaymentWord,
    NotPayment,
    Stripe,
    Paypal,
    OtherPay,
    Vector,
    NotVector,
    Model,
    ModelWord,
    NotModel,
    // Access.
    OwnOnly,
    AdminOnly,
    Everyone,
}

/// A phrase found in a normalised sentence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Hit {
    pub tag: Tag,
    pub start: usize,
    pub end: usize,
    /// The sentence denies it.
    pub negated: bool,
}

/// Hits that are kept of one sentence; a text without sentences must not cost their square.
const HITS_MAX: usize = 1_000;

struct Phrase {
    tag: Tag,
    prefix: bool,
    bounded: bool,
}

struct Lexicon {
    automaton: AhoCorasick,
    phrases: Vec<Phrase>,
}

static LEXICON: LazyLock<Option<Lexicon>> = LazyLock::new(|| {
    let mut phrases = Vec::new();
    let mut patterns = Vec::new();
    let lists = [
        scope::TERMS,
        place::TERMS,
        signin::TERMS,
        files::TERMS,
        work::TERMS,
        live::TERMS,
        money::TERMS,
        access::TERMS,
    ];
    for (tag, words) in lists.into_iter().flatten() {
        for word in *words {
            let pattern = word.trim_end_matches('*').replace("e mail", "email");
            phrases.push(Phrase { tag: *tag, prefix: word.ends_with('*'), bounded: is_spaced(&pattern) });
            patterns.push(pattern);
        }
    }
    let automaton = AhoCorasick::new(patterns).ok()?;
    Some(Lexicon { automaton, phrases })
});

/// Lower case, single spaces, spaces for hyphens and slashes, and one spelling of "email".
pub(crate) fn normalise(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        let plain = match letter {
            '-' | '/' | '\u{2010}' | '\u{2011}' | '&' | '"' | '\u{201c}' | '\u{201d}' => ' ',
            '\u{2019}' => '\'',
            other => other,
        };
        if plain.is_whitespace() {
            if !out.ends_with(' ') {
                out.push(' ');
            }
        } else {
            out.extend(plain.to_lowercase());
        }
    }
    let out = out.trim();
    if out.contains("e mail") { unhyphenated_email(out) } else { out.to_owned() }
}

/// "an e mail" is an email; "the mail" is not.
fn unhyphenated_email(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for (at, piece) in text.split("e mail").enumerate() {
        if at > 0 {
            out.push_str(if out.ends_with(char::is_alphanumeric) { "e mail" } else { "email" });
        }
        out.push_str(piece);
    }
    out
}

/// Every phrase in the normalised text, with negation judged.
pub(crate) fn hits(norm: &str) -> Vec<Hit> {
    let Some(lexicon) = LEXICON.as_ref() else {
        return Vec::new();
    };
    let mut found = Vec::new();
    for hit in lexicon.automaton.find_overlapping_iter(norm) {
        let phrase = &lexicon.phrases[hit.pattern().as_usize()];
        if phrase.bounded && !bounded(norm, hit.start(), hit.end(), phrase.prefix) {
            continue;
        }
        if found.len() == HITS_MAX {
            break;
        }
        found.push(Hit { tag: phrase.tag, start: hit.start(), end: hit.end(), negated: false });
    }
    found.sort_by_key(|h| (h.start, h.end));
    negate(norm, &mut found);
    found
}

/// Judges which hits the sentence denies: those after a denying word in the same clause, and those
/// before a trailing denial ("is not required", Japanese and Korean verbs).
fn negate(norm: &str, found: &mut [Hit]) {
    if !found.iter().any(|h| matches!(h.tag, Tag::Negation | Tag::NegationAfter)) {
        return;
    }
    let starts_negative = found.first().is_some_and(|h| h.tag == Tag::Negation && h.start == 0);
    let denials: Vec<(Tag, usize, usize)> = found
        .iter()
        .filter(|h| matches!(h.tag, Tag::Negation | Tag::NegationAfter))
        .map(|h| (h.tag, h.start, h.end))
        .collect();
    for hit in found.iter_mut() {
        let after = denials.partition_point(|(_, start, _)| *start < hit.start);
        let before_it = after.checked_sub(1).map(|i| denials[i]);
        let follows = before_it.is_some_and(|(tag, _, end)| {
            tag == Tag::Negation && end <= hit.start && within_clause(&norm[end..hit.start], starts_negative)
        });
        let precedes = denials.get(after..).unwrap_or_default().iter().take(3).any(|(tag, start, _)| {
            *tag == Tag::NegationAfter
                && *start >= hit.end
                && *start - hit.end < 200
                && within_clause(&norm[hit.end..*start], false)
        });
        hit.negated = follows || precedes;
    }
}

/// True when nothing between a denial and a phrase ends the denial's reach.
fn within_clause(between: &str, list: bool) -> bool {
    const REACH_BYTES: usize = 60;
    let ends_clause = between.contains([';', ':', '(', ')', '。', '！', '|'])
        || between.contains(". ")
        || between.contains(" but ")
        || between.contains(" however")
        || between.contains(" instead")
        || between.contains(" then ");
    if ends_clause {
        return false;
    }
    list || between.len() <= REACH_BYTES && !between.contains([',', '、', '，'])
}

fn bounded(norm: &str, start: usize, end: usize, prefix: bool) -> bool {
    let before = norm[..start].chars().next_back();
    let after = norm[end..].chars().next();
    // A script without spaces next to a Latin word is a boundary too.
    let is_word = |c: Option<char>| c.is_some_and(|c| c == '_' || c.is_alphanumeric() && is_spaced_char(c));
    !is_word(before) && (prefix || !is_word(after))
}

fn is_spaced(pattern: &str) -> bool {
    pattern.chars().all(|c| !c.is_alphabetic() || is_spaced_char(c))
}

/// True for letters of scripts that put spaces between words: Latin, Greek and Cyrillic.
fn is_spaced_char(c: char) -> bool {
    (c as u32) < 0x530
}
