//! Realtime, payments, vector search and the model gateway.

use crate::lexicon::Tag;
use crate::names;
use crate::requirements::ChannelNeed;
use crate::scope::{Scoped, Sentence};

use super::{says_outside, shorten};

/// What connected clients are pushed.
pub(crate) fn realtime(scoped: &Scoped<'_>) -> Vec<ChannelNeed> {
    let mut channels: Vec<ChannelNeed> = Vec::new();
    for sentence in scoped.wanted().filter(|s| pushes(s)) {
        let topic = sentence.words(Tag::RealtimeNoun).next().or_else(|| sentence.words(Tag::Realtime).next());
        let name = names::kebab(topic.unwrap_or("updates"));
        let name = if name.is_empty() { "updates".to_owned() } else { name };
        match channels.iter_mut().find(|c| c.name == name) {
            Some(channel) => channel.lines.push(sentence.line),
            None => {
                channels.push(ChannelNeed { name, text: shorten(&sentence.text), lines: vec![sentence.line] })
            }
        }
    }
    channels
}

fn pushes(sentence: &Sentence) -> bool {
    sentence.has(Tag::Realtime) || sentence.has(Tag::RealtimeWord) && sentence.has(Tag::RealtimeNoun)
}

/// Payment providers with their lines.
pub(crate) fn payments(scoped: &Scoped<'_>) -> Vec<(String, Vec<u32>)> {
    let mut found: Vec<(String, Vec<u32>)> = Vec::new();
    let mut unnamed = Vec::new();
    for sentence in scoped.wanted() {
        for (name, tag) in [("stripe", Tag::Stripe), ("paypal", Tag::Paypal)] {
            if sentence.has(tag) {
                add(&mut found, name, sentence.line);
            }
        }
        let others: Vec<String> =
            sentence.words(Tag::OtherPay).map(names::kebab).filter(|n| !n.is_empty()).collect();
        for name in others {
            add(&mut found, &name, sentence.line);
        }
        if sentence.has(Tag::Payment) && !sentence.mentions(Tag::NotPayment) {
            unnamed.push(sentence.line);
        }
    }
    if found.is_empty() && !unnamed.is_empty() {
        unnamed.truncate(5);
        found.push(("unspecified".to_owned(), unnamed));
    }
    found
}

/// Lines that ask for embeddings or semantic retrieval in the product.
pub(crate) fn vector(scoped: &Scoped<'_>) -> Vec<u32> {
    let subject = scoped.sentences.iter().filter(|s| s.mentions(Tag::NotVector)).count();
    if subject > 1 {
        return Vec::new(); // Embeddings are what the document is about, not what its product uses.
    }
    lines(scoped, |s| says_outside(s, Tag::Vector, Tag::NotVector))
}

/// Lines that make the product call a model at run time.
pub(crate) fn model(scoped: &Scoped<'_>) -> Vec<u32> {
    lines(scoped, |s| !s.mentions(Tag::NotModel) && s.has_any(&[Tag::Model, Tag::ModelWord]))
}

fn lines(scoped: &Scoped<'_>, asks: impl Fn(&Sentence) -> bool) -> Vec<u32> {
    const LINES_MAX: usize = 5;
    let mut lines: Vec<u32> = scoped.wanted().filter(|s| asks(s)).map(|s| s.line).collect();
    lines.dedup();
    lines.truncate(LINES_MAX);
    lines
}

fn add(found: &mut Vec<(String, Vec<u32>)>, name: &str, line: u32) {
    match found.iter_mut().find(|(n, _)| n == name) {
        Some((_, lines)) if lines.len() < 5 && !lines.contains(&line) => lines.push(line),
        Some(_) => {}
        None => found.push((name.to_owned(), vec![line])),
    }
}
