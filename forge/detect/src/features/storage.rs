//! Which files users upload or the product keeps and serves.

use crate::lexicon::Tag;
use crate::names;
use crate::requirements::BucketNeed;
use crate::scope::{Scoped, Sentence};

/// Bucket names by the words that call for them, the more specific first.
const BUCKETS: &[(&str, &[&str])] = &[
    ("avatars", &["avatar", "profile picture", "profile photo", "profile image", "头像"]),
    ("resumes", &["resume", "cv"]),
    ("receipts", &["receipt"]),
    ("attachments", &["attach", "添付", "附件", "첨부", "anexo", "adjunt", "anhang", "pièce"]),
    ("videos", &["video", "動画", "视频", "동영상"]),
    ("audio", &["audio", "recording", "music", "ringtone"]),
    (
        "images",
        &[
            "image",
            "photo",
            "picture",
            "logo",
            "wallpaper",
            "画像",
            "写真",
            "图片",
            "照片",
            "이미지",
            "사진",
            "imag",
            "foto",
            "bild",
        ],
    ),
    ("documents", &["document", "pdf", "ebook"]),
];

/// The buckets the text asks for. Where it names buckets, those are all there are.
pub(crate) fn storage(scoped: &Scoped<'_>) -> Vec<BucketNeed> {
    let named = named(scoped);
    if !named.is_empty() {
        return named;
    }
    let transient = scoped.wanted().any(|s| s.mentions(Tag::NotKept) && about_files(s));
    let mut buckets: Vec<BucketNeed> = Vec::new();
    for sentence in scoped.wanted().filter(|s| keeps_files(s, transient)) {
        let name = BUCKETS
            .iter()
            .find(|(_, words)| words.iter().any(|w| sentence.norm.contains(w)))
            .map_or("uploads", |(name, _)| name);
        let public = matches!(name, "avatars" | "images") && !sentence.has(Tag::OwnOnly);
        add(&mut buckets, name, public, sentence.line);
    }
    buckets
}

fn add(buckets: &mut Vec<BucketNeed>, name: &str, public: bool, line: u32) {
    const LINES_MAX: usize = 5;
    const BUCKETS_MAX: usize = 20;
    let room = buckets.len() < BUCKETS_MAX;
    match buckets.iter_mut().find(|b| b.name == name) {
        Some(bucket) => {
            bucket.public |= public;
            if bucket.lines.len() < LINES_MAX && !bucket.lines.contains(&line) {
                bucket.lines.push(line);
            }
        }
        None if room => buckets.push(BucketNeed { name: name.to_owned(), public, lines: vec![line] }),
        None => {}
    }
}

fn about_files(sentence: &Sentence) -> bool {
    sentence.mentions(Tag::FileNoun) || sentence.mentions(Tag::Upload)
}

/// The buckets the text names, with who may read them.
fn named(scoped: &Scoped<'_>) -> Vec<BucketNeed> {
    let mut buckets: Vec<BucketNeed> = Vec::new();
    for sentence in scoped.wanted().filter(|s| super::says_outside(s, Tag::FileStore, Tag::NotFile)) {
        let public = opens(scoped, sentence);
        for name in bucket_names(&sentence.text) {
            add(&mut buckets, &name, public, sentence.line);
        }
    }
    buckets
}

/// True when the sentence, or the one after it in its block, opens the files to everyone.
fn opens(scoped: &Scoped<'_>, sentence: &Sentence) -> bool {
    let closed = |s: &Sentence| s.norm.contains("private") || s.norm.contains("not public");
    const SENTENCES_MAX: usize = 20;
    let reach = scoped.sentences_of(sentence.block);
    let reach = reach.get(..SENTENCES_MAX).unwrap_or(reach);
    !reach.iter().any(closed) && reach.iter().any(|s| s.has(Tag::Everyone))
}

/// "a bucket called `uploads`", "a bucket `avatars`", "a private bucket, `files`", "the covers bucket".
fn bucket_names(text: &str) -> Vec<String> {
    const ORDINARY: &[&str] = &[
        "a",
        "an",
        "the",
        "this",
        "that",
        "one",
        "same",
        "each",
        "per",
        "private",
        "public",
        "separate",
        "own",
        "storage",
        "s3",
        "r2",
        "gcs",
        "aws",
        "minio",
        "cloud",
        "object",
        "supabase",
        "firebase",
        "insforge",
        "file",
        "files",
        "dedicated",
        "single",
        "new",
        "policy",
        "policies",
        "and",
        "or",
        "for",
        "with",
        "in",
        "is",
        "are",
        "to",
        "of",
        "at",
        "on",
        "where",
        "that",
        "which",
        "name",
        "names",
        "called",
        "named",
        "token",
        "leaky",
        "storing",
        "containing",
        "only",
        "has",
        "holds",
        "access",
        "url",
        "urls",
        "two",
        "three",
        "its",
        "their",
        "our",
        "your",
        "from",
        "via",
        "as",
        "by",
        "must",
        "should",
        "can",
        "will",
        "compatible",
        "google",
    ];
    let words: Vec<(&str, &str)> =
        text.split_whitespace().map(|w| (w, w.trim_matches(|c: char| !c.is_ascii_alphanumeric()))).collect();
    let name = |at: usize| -> Option<String> {
        let (_, word) = words.get(at)?;
        let shaped = word.len() > 1
            && word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_'))
            && word.starts_with(|c: char| c.is_ascii_lowercase());
        (shaped && !ORDINARY.contains(word)).then(|| names::kebab(word)).filter(|n| !n.is_empty())
    };
    let mut found = Vec::new();
    for at in (0..words.len())
        .filter(|at| matches!(words[*at].1.to_ascii_lowercase().as_str(), "bucket" | "buckets"))
    {
        let many = words[at].1.ends_with('s');
        let called = words.get(at + 1).is_some_and(|(_, w)| matches!(*w, "called" | "named"));
        let mut next = at + if called { 2 } else { 1 };
        let closed = !called && words[at].0.ends_with(['.', ';', ')']);
        let before = at.checked_sub(1).and_then(name).filter(|_| at >= 2 || words.len() <= 3);
        let after = if closed { None } else { name(next) };
        match (after, before) {
            (Some(first), before) if called || before.is_none() => {
                found.push(first);
                while many && found.len() < 8 {
                    next += if words.get(next + 1).is_some_and(|(_, w)| *w == "and") { 2 } else { 1 };
                    let joined =
                        words.get(next - 1).is_some_and(|(raw, w)| raw.ends_with(',') || *w == "and");
                    match name(next).filter(|_| joined) {
                        Some(other) => found.push(other),
                        None => break,
                    }
                }
            }
            (_, Some(before)) => found.push(before),
            _ => {}
        }
    }
    found
}

fn keeps_files(sentence: &Sentence, transient: bool) -> bool {
    if super::says_outside(sentence, Tag::FileStore, Tag::NotFile)
        && !(transient && sentence.has(Tag::Upload))
    {
        return true;
    }
    if serves_downloads(sentence) {
        return true;
    }
    !transient
        && (sentence.has(Tag::Upload) || loads_up(&sentence.norm))
        && sentence.has(Tag::FileNoun)
        && !sentence.mentions(Tag::Transient)
}

/// German parts the verb: "laden Fotos hoch".
fn loads_up(norm: &str) -> bool {
    [" laden ", " lädt "].iter().any(|verb| norm.find(verb).is_some_and(|at| norm[at..].contains(" hoch")))
}

/// Files that people come to download are kept somewhere; what they export or have made is not.
fn serves_downloads(sentence: &Sentence) -> bool {
    const KEPT: &[&str] = &[
        "ringtone",
        "wallpaper",
        "book",
        "music",
        "song",
        "podcast",
        "resource",
        "photo",
        "font",
        "material",
        "template",
        "brochure",
        "catalog",
        "software",
        "manual",
        "driver",
        "asset",
        "mod",
    ];
    const MADE: &[&str] = &[
        "export",
        "generat",
        "result",
        "report",
        "invoice",
        "convert",
        "csv",
        "qr",
        "edited",
        "as pdf",
        "as png",
        "as a ",
        "as an ",
        "output",
        "from the url",
        "scrap",
        "the app",
        "npm",
        "pip ",
        "resume template",
    ];
    const REACH: usize = 40;
    let norm = &sentence.norm;
    if MADE.iter().any(|word| norm.contains(word)) {
        return false;
    }
    norm.match_indices("download").any(|(at, _)| {
        let rest: String = norm[at..].chars().take(REACH).collect();
        KEPT.iter().any(|word| rest.contains(word))
    })
}
