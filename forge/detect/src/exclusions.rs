//! What the document mentions and does not ask for.

use crate::features::shorten;
use crate::lexicon::Tag;
use crate::requirements::{Exclusion, ExclusionReason};
use crate::scope::{Scope, Scoped, Sentence};

const EXCLUSIONS_MAX: usize = 60;

const NAMES: &[(Tag, &str)] = &[
    (Tag::NoBackend, "backend"),
    (Tag::ClientStore, "tables"),
    (Tag::Database, "database"),
    (Tag::Login, "auth"),
    (Tag::NoLogin, "auth"),
    (Tag::FileStore, "storage"),
    (Tag::Upload, "storage"),
    (Tag::Webhook, "webhooks"),
    (Tag::SendMail, "notifications"),
    (Tag::Push, "notifications"),
    (Tag::Background, "background jobs"),
    (Tag::Realtime, "realtime"),
    (Tag::RealtimeWord, "realtime"),
    (Tag::Payment, "payments"),
    (Tag::PaymentWord, "payments"),
    (Tag::Stripe, "payments"),
    (Tag::Paypal, "payments"),
    (Tag::Vector, "vector search"),
    (Tag::Model, "model gateway"),
    (Tag::ModelWord, "model gateway"),
];

/// Exclusions in document order, one per subject and reason.
pub(crate) fn exclusions(scoped: &Scoped<'_>) -> Vec<Exclusion> {
    let mut found: Vec<Exclusion> = Vec::new();
    for sentence in &scoped.sentences {
        for (what, reason) in excluded(sentence) {
            let room = found.len() < EXCLUSIONS_MAX;
            match found.iter_mut().find(|e| e.what == what && e.reason == reason) {
                Some(known) if known.lines.len() < 6 && known.lines.last() != Some(&sentence.line) => {
                    known.lines.push(sentence.line);
                }
                Some(_) => {}
                None if room => found.push(Exclusion {
                    what: what.to_owned(),
                    reason,
                    text: shorten(&sentence.text),
                    lines: vec![sentence.line],
                }),
                None => {}
            }
        }
    }
    found
}

fn excluded(sentence: &Sentence) -> Vec<(&'static str, ExclusionReason)> {
    let mut out = Vec::new();
    for hit in &sentence.hits {
        let Some((_, what)) = NAMES.iter().find(|(tag, _)| *tag == hit.tag) else {
            continue;
        };
        let reason = match (hit.tag, sentence.scope, hit.negated) {
            (Tag::ClientStore, Scope::In, false) => ExclusionReason::ClientSide,
            (Tag::NoBackend | Tag::NoLogin, _, _) => ExclusionReason::Negated,
            (Tag::ClientStore, _, _) => continue,
            (_, Scope::Out, _) => ExclusionReason::OutOfScope,
            (_, Scope::Later, _) => ExclusionReason::LaterPhase,
            (_, Scope::In, true) => ExclusionReason::Negated,
            (_, Scope::In | Scope::Aside, _) => continue,
        };
        if !out.contains(&(*what, reason)) {
            out.push((*what, reason));
        }
    }
    out.extend(figurative(sentence).filter(|found| !out.contains(found)).collect::<Vec<_>>());
    out
}

/// Words that look like a service and are not one where they stand: "word embeddings", "Claude
/// Code", "real-time validation", a token bucket.
fn figurative(sentence: &Sentence) -> impl Iterator<Item = (&'static str, ExclusionReason)> {
    const SHADOWS: &[(Tag, &[Tag], &str)] = &[
        (Tag::NotVector, &[Tag::Vector], "vector search"),
        (Tag::NotModel, &[Tag::Model, Tag::ModelWord], "model gateway"),
        (Tag::NotLogin, &[Tag::Login], "auth"),
        (Tag::NotFile, &[Tag::FileStore], "storage"),
        (Tag::NotPayment, &[Tag::Payment], "payments"),
    ];
    let in_scope = sentence.scope == Scope::In;
    let shadowed = SHADOWS
        .iter()
        .filter(|(shadow, tags, _)| sentence.mentions(*shadow) && sentence.has_any(tags))
        .map(|(_, _, what)| *what);
    let adjective = sentence.has(Tag::RealtimeWord) && !sentence.has_any(&[Tag::Realtime, Tag::RealtimeNoun]);
    shadowed
        .chain(adjective.then_some("realtime"))
        .filter(move |_| in_scope)
        .map(|what| (what, ExclusionReason::Example))
}
