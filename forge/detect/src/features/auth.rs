//! Who must log in, and how.

use std::collections::BTreeSet;

use crate::lexicon::Tag;
use crate::scope::{Scope, Scoped, Sentence};

/// The name a provider goes by and the words for it.
const PROVIDERS: &[(&str, Tag)] = &[
    ("google", Tag::Google),
    ("github", Tag::Github),
    ("apple", Tag::Apple),
    ("facebook", Tag::Facebook),
    ("microsoft", Tag::Microsoft),
    ("twitter", Tag::Twitter),
    ("discord", Tag::Discord),
    ("linkedin", Tag::Linkedin),
    ("kakao", Tag::Kakao),
    ("line", Tag::Line),
    ("saml", Tag::Sso),
    ("phone", Tag::Phone),
];

/// Providers that few products name, by their words.
const OTHER_PROVIDERS: &[(&str, &str)] = &[("네이버", "naver"), ("微信", "wechat")];

/// Different hints ("profile page", "my orders") that together mean sign-in.
const HINTS_MIN: usize = 2;

/// Sentences about logging in that a flat "no login" overrules; more of them overrule it.
const ASKED_MIN: usize = 1;

/// The providers with their lines; empty when nobody has to log in.
pub(crate) fn auth(scoped: &Scoped<'_>) -> Vec<(String, Vec<u32>)> {
    let firm: Vec<&Sentence> = scoped.wanted().filter(|s| is_login(s)).collect();
    let asked = firm.iter().filter(|s| !s.mentions(Tag::NoLogin)).count();
    let refused = scoped.sentences.iter().filter(|s| s.scope < Scope::Later && refuses(s)).count();
    let hints: BTreeSet<&str> = scoped.wanted().flat_map(|s| s.words(Tag::LoginWeak)).collect();
    const BRIEF_SENTENCES: usize = 14;
    let brief = scoped.sentences.len() <= BRIEF_SENTENCES && scoped.wanted().any(|s| s.has(Tag::LoginFirm));
    if refused > 0 && asked <= ASKED_MIN || firm.is_empty() && hints.len() < HINTS_MIN && !brief {
        return Vec::new();
    }
    let mut found: Vec<(String, Vec<u32>)> = Vec::new();
    for sentence in scoped.wanted().filter(|s| is_login(s) || under_login(scoped, s)) {
        for (name, tag) in PROVIDERS {
            if sentence.has(*tag) && names_provider(sentence, *tag) {
                note(&mut found, name, sentence.line);
            }
        }
        for name in others(sentence) {
            note(&mut found, &name, sentence.line);
        }
        if sentence.has(Tag::MagicLink) {
            note(&mut found, "magic-link", sentence.line);
        }
        if (sentence.has(Tag::Password) || names_email(sentence)) && !replaces(sentence) {
            note(&mut found, "email-password", sentence.line);
        }
    }
    let both = |s: &&Sentence| s.norm.contains("email password") || s.norm.contains("email and password");
    if found.iter().any(|(name, _)| name == "magic-link") && !firm.iter().any(both) {
        found.retain(|(name, _)| name != "email-password"); // A link instead of a password.
    }
    if found.is_empty() {
        let oauth = firm.iter().find(|s| s.norm.contains("oauth") && s.has(Tag::OauthWord));
        let lines = || -> Vec<u32> {
            let weak = scoped.wanted().filter(|s| s.has(Tag::LoginWeak)).map(|s| s.line);
            firm.iter().map(|s| s.line).chain(weak).take(3).collect()
        };
        match oauth {
            Some(sentence) => note(&mut found, "oauth", sentence.line),
            None => found.push(("email-password".to_owned(), lines())),
        }
    }
    found
}

/// What sign-in has beside its providers, and the phrases that ask for it.
const FEATURES: &[(&str, &[&str])] = &[
    ("passkey", &["passkey", "passkeys", "webauthn", "fido2"]),
    (
        "totp",
        &[
            "totp",
            "authenticator app",
            "authenticator apps",
            "two factor authentication",
            "two factor auth",
            "two step verification",
            "multi factor authentication",
            "second factor",
            "google authenticator",
            "2fa",
            "mfa",
        ],
    ),
    (
        "anonymous",
        &[
            "anonymous sign in",
            "anonymous sign ins",
            "sign in anonymously",
            "signed in anonymously",
            "anonymous login",
            "log in anonymously",
            "anonymous users",
            "anonymous accounts",
            "guest accounts",
            "guest account",
            "continue as guest",
            "continue as a guest",
            "sign in as a guest",
            "sign in as guest",
        ],
    ),
];

/// What sign-in has beside its providers, with the lines that say so.
pub(crate) fn features(scoped: &Scoped<'_>) -> Vec<(&'static str, Vec<u32>)> {
    const LINES_MAX: usize = 5;
    let mut found = Vec::new();
    for (name, phrases) in FEATURES {
        let says = |sentence: &&Sentence| phrases.iter().any(|phrase| affirms(sentence, phrase));
        let lines: Vec<u32> = scoped.wanted().filter(says).map(|s| s.line).take(LINES_MAX).collect();
        if !lines.is_empty() {
            found.push((*name, lines));
        }
    }
    found
}

/// True when the sentence has the phrase in whole words and no denial before it.
fn affirms(sentence: &Sentence, phrase: &str) -> bool {
    let word = |c: char| c.is_alphanumeric() || c == '_';
    sentence.norm.match_indices(phrase).any(|(start, _)| {
        let (before, after) = (&sentence.norm[..start], &sentence.norm[start + phrase.len()..]);
        let whole = !before.ends_with(word) && !after.starts_with(word);
        let denied = sentence.hits.iter().any(|h| h.tag == Tag::Negation && h.end <= start)
            || sentence.hits.iter().any(|h| h.tag == Tag::NegationAfter && h.start >= start);
        whole && !denied
    })
}

/// A flat "no login"; "visitors read without signing in" says only who need not.
fn refuses(sentence: &Sentence) -> bool {
    const PARTIAL: &[&str] =
        &["without ", "sem ", "sin ", "ohne ", "sans ", "senza ", "без ", "tanpa ", "zonder "];
    let flat = |words: &str| !PARTIAL.iter().any(|p| words.starts_with(p));
    let whole_product = ["app", "tool", "site", "game", "works", "product", "page", "runs"];
    let works_so = whole_product.iter().any(|word| sentence.norm.contains(word));
    sentence.words(Tag::NoLogin).any(|words| flat(words) || works_so && !denies_access(&sentence.norm))
        || sentence
            .hits
            .iter()
            .any(|h| h.tag == Tag::NoLogin && h.negated && flat(&sentence.norm[h.start..h.end]))
            && sentence.hits.iter().any(|h| h.tag == Tag::Login && h.negated)
}

/// "Nothing is visible without signing in" asks for sign-in.
fn denies_access(norm: &str) -> bool {
    ["nothing", "nobody", "no one", "cannot", "can't", "not visible", "no page", "never"]
        .iter()
        .any(|word| norm.contains(word))
}

/// The rarer providers the sentence names for signing in.
fn others(sentence: &Sentence) -> Vec<String> {
    if !names_provider(sentence, Tag::OtherProvider) {
        return Vec::new();
    }
    let name = |word: &str| {
        OTHER_PROVIDERS
            .iter()
            .find(|(w, _)| *w == word)
            .map_or_else(|| word.to_owned(), |(_, n)| (*n).to_owned())
    };
    sentence.words(Tag::OtherProvider).map(name).collect()
}

/// True when the sentence is about logging in to the product itself.
pub(super) fn is_login(sentence: &Sentence) -> bool {
    super::says_outside(sentence, Tag::Login, Tag::NotLogin)
}

/// A short line under a heading or label about sign-in.
fn under_login(scoped: &Scoped<'_>, sentence: &Sentence) -> bool {
    const WORDS_MAX: usize = 12;
    const LEAD_CHARS_MAX: usize = 200;
    if sentence.norm.split(' ').count() > WORDS_MAX {
        return false;
    }
    let title = scoped.document.sections.get(sentence.section).map_or("", |s| s.title.as_str());
    let lead = scoped
        .document
        .blocks
        .get(sentence.block)
        .and_then(|b| b.lead)
        .and_then(|l| scoped.document.blocks.get(l));
    [title, lead.map_or("", |b| b.text.as_str())].iter().any(|text| {
        let end = text.char_indices().nth(LEAD_CHARS_MAX).map_or(text.len(), |(at, _)| at);
        let norm = crate::lexicon::normalise(&text[..end]);
        crate::lexicon::hits(&norm).iter().any(|h| h.tag == Tag::Login && !h.negated)
    })
}

fn replaces(sentence: &Sentence) -> bool {
    ["replaces password", "replace password", "instead of password", "no password", "without a password"]
        .iter()
        .any(|phrase| sentence.norm.contains(phrase))
}

/// "Google login" and a bare "Google" under "Sign-in" name a provider; "connect Google Calendar",
/// "Google Maps" and "a clone of Facebook" do not.
fn names_provider(sentence: &Sentence, tag: Tag) -> bool {
    const PRODUCTS: &[&str] = &[
        "maps",
        "calendar",
        "drive",
        "sheets",
        "cloud",
        "analytics",
        "fonts",
        "gemini",
        "play",
        "pages",
        "actions",
        "repo",
        "api",
        "pay",
        "docs",
        "'s",
    ];
    const SIGNS: &[&str] = &[
        "login",
        "log in",
        "sign in",
        "signin",
        "sign up",
        "oauth",
        "auth",
        "sso",
        "account",
        "ログイン",
        "登录",
        "로그인",
    ];
    const SHORT_WORDS: usize = 6;
    if sentence.norm.contains("connect ") && !sentence.norm.contains("connect with") {
        return false;
    }
    let short = sentence.norm.split(' ').count() <= SHORT_WORDS;
    let login = is_login(sentence);
    let own_words = matches!(tag, Tag::Sso | Tag::Phone | Tag::Line);
    sentence.hits.iter().filter(|h| h.tag == tag).any(|h| {
        let rest = sentence.norm[h.end..].trim_start();
        let near = SIGNS.iter().any(|s| rest.starts_with(s));
        !PRODUCTS.iter().any(|p| rest.starts_with(p))
            && (own_words
                || short
                || near
                || sentence.has(Tag::OauthWord)
                || login && follows_with(&sentence.norm[..h.start]))
    })
}

/// True where people sign in "with e-mail", as they do with a provider: not by a link or code that is sent there.
fn names_email(sentence: &Sentence) -> bool {
    const SENT: &[&str] = &["link", "links", "code", "codes", "otp", "magic"];
    let norm = &sentence.norm;
    norm.match_indices("email").any(|(at, word)| {
        let after = norm[at + word.len()..].split(' ').nth(1).unwrap_or_default();
        let whole = norm[at + word.len()..].starts_with(|next: char| !next.is_alphanumeric());
        let sent = SENT.contains(&after.trim_matches(|c: char| !c.is_alphanumeric()));
        let before = norm[..at].trim_end();
        // "… and get a summary by e-mail" is no way in; "with Google or by e-mail" is.
        let told = before.ends_with(" by") && !before.ends_with("or by");
        whole && !sent && !told && before.len() < at && follows_with(&norm[..at])
    })
}

/// True when "with", "via" and the like lead to a provider, past other providers and fillers:
/// "sign in with the company's Google", "entrar com e-mail ou Google".
fn follows_with(before: &str) -> bool {
    const WORDS_BACK: usize = 8;
    const WITH: &[&str] = &[
        "with",
        "via",
        "using",
        "through",
        "by",
        "con",
        "com",
        "mit",
        "über",
        "per",
        "avec",
        "par",
        "met",
        "через",
        "dengan",
        "ile",
        "tramite",
        "usando",
    ];
    const PASSED: &[&str] = &[
        "a",
        "an",
        "the",
        "their",
        "your",
        "his",
        "her",
        "our",
        "company's",
        "existing",
        "either",
        "or",
        "and",
        "o",
        "e",
        "ou",
        "y",
        "und",
        "oder",
        "et",
        "of",
        "или",
        "atau",
        "veya",
        "google",
        "github",
        "apple",
        "facebook",
        "microsoft",
        "twitter",
        "discord",
        "linkedin",
        "gitlab",
        "slack",
        "email",
        "password",
        "passwort",
        "senha",
        "contraseña",
        "accounts",
        "account",
        "magic",
        "link",
        "work",
        "corporate",
        "personal",
        "un",
        "una",
        "conta",
        "cuenta",
        "compte",
        "konto",
        "einem",
        "dem",
        "suo",
    ];
    for word in before.rsplit(' ').filter(|w| !w.is_empty()).take(WORDS_BACK) {
        let bare = word.trim_matches(|c: char| !c.is_alphanumeric() && c != '\'');
        if WITH.contains(&bare) {
            return true;
        }
        if !bare.is_empty() && !PASSED.contains(&bare) {
            return false;
        }
    }
    false
}

fn note(found: &mut Vec<(String, Vec<u32>)>, name: &str, line: u32) {
    match found.iter_mut().find(|(n, _)| n == name) {
        Some((_, lines)) if lines.len() < 5 && !lines.contains(&line) => lines.push(line),
        Some(_) => {}
        None => found.push((name.to_owned(), vec![line])),
    }
}
