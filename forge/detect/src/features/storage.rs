//! Which files users upload or the product keeps and serves.

use crate::lexicon::Tag;
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

/// The buckets the text asks for.
pub(crate) fn storage(scoped: &Scoped<'_>) -> Vec<BucketNeed> {
    let mut buckets: Vec<BucketNeed> = Vec::new();
    for sentence in scoped.wanted().filter(|s| keeps_files(s)) {
        let name = BUCKETS
            .iter()
            .find(|(_, words)| words.iter().any(|w| sentence.norm.contains(w)))
            .map_or("uploads", |(name, _)| name);
        match buckets.iter_mut().find(|b| b.name == name) {
            Some(bucket) => {
                if bucket.lines.len() < 5 && !bucket.lines.contains(&sentence.line) {
                    bucket.lines.push(sentence.line);
                }
            }
            None => buckets.push(BucketNeed {
                name: name.to_owned(),
                public: matches!(name, "avatars" | "images") && !sentence.has(Tag::OwnOnly),
                lines: vec![sentence.line],
            }),
        }
    }
    buckets
}

fn keeps_files(sentence: &Sentence) -> bool {
    if sentence.has(Tag::FileStore) {
        return true;
    }
    if serves_downloads(&sentence.norm) {
        return true;
    }
    sentence.has(Tag::Upload) && sentence.has(Tag::FileNoun) && !sentence.mentions(Tag::Transient)
}

/// Files people come to download are kept somewhere; an export is not.
fn serves_downloads(norm: &str) -> bool {
    const KEPT: &[&str] = &[
        "ringtone",
        "wallpaper",
        "ebook",
        "music",
        "song",
        "podcast",
        "software",
        "resource",
        "stock photo",
        "font",
        "course material",
        "template",
    ];
    norm.match_indices("download").any(|(at, _)| {
        let rest: String = norm[at..].chars().take(40).collect();
        KEPT.iter().any(|word| rest.contains(word))
    })
}
