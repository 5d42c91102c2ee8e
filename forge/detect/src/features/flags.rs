//! Realtime, payments, vector search and the model gateway.

use crate::lexicon::Tag;
use crate::names;
use crate::requirements::ChannelNeed;
use crate::scope::{Scoped, Sentence};

use super::{naming, says_outside, shorten};

/// What connected clients are pushed.
pub(crate) fn realtime(scoped: &Scoped<'_>) -> Vec<ChannelNeed> {
    const CHANNELS_MAX: usize = 20;
    const LINES_MAX: usize = 5;
    let mut channels: Vec<ChannelNeed> = Vec::new();
    for sentence in scoped.wanted().filter(|s| pushes(s)) {
        let name = topic(scoped, sentence);
        let room = channels.len() < CHANNELS_MAX;
        match channels.iter_mut().find(|c| c.name == name) {
            Some(channel) if channel.lines.len() < LINES_MAX => channel.lines.push(sentence.line),
            Some(_) => {}
            None if room => {
                channels.push(ChannelNeed {
                    name,
                    text: shorten(&sentence.text),
                    lines: vec![sentence.line],
                });
            }
            None => {}
        }
    }
    channels
}

/// What is pushed: a noun of the sentence, the object of its verb, or the section's short title.
fn topic(scoped: &Scoped<'_>, sentence: &Sentence) -> String {
    const AUDIENCE: &[&str] = &[
        "connected",
        "live",
        "broadcast",
        "all users",
        "other users",
        "all clients",
        "participants",
        "sync",
        "viewers",
        "all viewers",
        "connected clients",
        "connected users",
        "open browsers",
        "open tabs",
    ];
    const VERBS: &[&str] =
        &["receive ", "receives ", "see ", "sees ", "pushes ", "push ", "streams ", "broadcasts "];
    const TITLE_WORDS_MAX: usize = 3;
    let noun = sentence.words(Tag::RealtimeNoun).find(|w| !AUDIENCE.contains(w)).map(|word| {
        // A prefix phrase stops inside its word.
        if word == "collaborat" || word == "co edit" { "collaboration".to_owned() } else { word.to_owned() }
    });
    let object = || {
        let end = VERBS.iter().find_map(|verb| sentence.norm.find(verb).map(|at| at + verb.len()))?;
        naming::object_after(&sentence.norm[end..])
    };
    let shown = || {
        let moves = [" appear", " show", " arrive"].iter().any(|verb| sentence.norm.contains(verb));
        if moves { naming::object_after(&sentence.norm) } else { None }
    };
    let title = || {
        let section = scoped.document.sections.get(sentence.section)?;
        let title = crate::scope::bare_title(section);
        (section.level > 1 && title.split_whitespace().count() <= TITLE_WORDS_MAX).then(|| title.to_owned())
    };
    let phrase = || sentence.words(Tag::Realtime).next().map(str::to_owned);
    let named = noun.or_else(object).or_else(shown).or_else(title).or_else(phrase);
    named.map(|n| names::kebab(&n)).filter(|n| !n.is_empty()).unwrap_or_else(|| "updates".to_owned())
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
            sentence.words(Tag::OtherPay).map(provider).filter(|n| !n.is_empty()).collect();
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

/// A provider's name in Latin letters.
fn provider(word: &str) -> String {
    const WRITTEN_OTHERWISE: &[(&str, &str)] = &[
        ("支付宝", "alipay"),
        ("微信支付", "wechat-pay"),
        ("토스페이먼츠", "toss-payments"),
        ("юkassa", "yookassa"),
    ];
    let known = WRITTEN_OTHERWISE.iter().find(|(written, _)| *written == word);
    known.map_or_else(|| names::kebab(word), |(_, name)| (*name).to_owned())
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
