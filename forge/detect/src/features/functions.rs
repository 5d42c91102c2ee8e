//! Server code beyond create, read, update and delete.
//!
//! One block asks for one function of a kind: "a webhook, `stripe-webhook`, ..." and "the webhook
//! checks ..." are the same. A general name gives way to a particular one of its kind.

use crate::document::Kind;
use crate::lexicon::Tag;
use crate::names;
use crate::requirements::{FunctionKind, FunctionNeed, ScheduleNeed};
use crate::scope::{Scoped, Sentence};

use super::{naming, schedules, shorten};

const FUNCTIONS_MAX: usize = 40;
const LINES_MAX: usize = 5;

/// A function in the making.
struct Found {
    block: usize,
    general: bool,
    need: FunctionNeed,
}

/// The functions the text asks for; scheduled work is one of them.
pub(crate) fn functions(scoped: &Scoped<'_>) -> Vec<FunctionNeed> {
    let server = scoped
        .wanted()
        .any(|s| s.has_any(&[Tag::Server, Tag::Database, Tag::Background]) || super::auth::is_login(s));
    let mut found: Vec<Found> = scheduled(scoped);
    for sentence in scoped.wanted() {
        let Some((kind, general_name)) = kind(sentence, server) else {
            continue;
        };
        let particular = particular(scoped, sentence, kind);
        let general = particular.is_none() && general_name == general_for(kind);
        let name = particular.unwrap_or(general_name);
        let text = shorten(&sentence.text);
        let room = found.len() < FUNCTIONS_MAX;
        let same = found.iter_mut().find(|f| {
            let one_item =
                matches!(scoped.document.blocks.get(sentence.block).map(|b| b.kind), Some(Kind::Item { .. }));
            let clocked = f.need.kind == FunctionKind::Scheduled && (one_item || f.need.text == text);
            f.need.name == name || f.block == sentence.block && (f.need.kind == kind || clocked)
        });
        match same {
            Some(known) => {
                if known.general && !general {
                    (known.need.name, known.general) = (name, false);
                }
                line(&mut known.need, sentence.line);
            }
            None if room => found.push(Found {
                block: sentence.block,
                general,
                need: FunctionNeed { name, kind, text, lines: vec![sentence.line] },
            }),
            None => {}
        }
    }
    settle(found)
}

/// A general webhook is the particular one, where the text has one.
fn settle(found: Vec<Found>) -> Vec<FunctionNeed> {
    let absorbs = |kind| kind == FunctionKind::Webhook;
    let (general, mut kept): (Vec<Found>, Vec<Found>) =
        found.into_iter().partition(|f| f.general && absorbs(f.need.kind));
    for one in general {
        match kept.iter_mut().find(|f| f.need.kind == one.need.kind) {
            Some(known) => one.need.lines.iter().for_each(|l| line(&mut known.need, *l)),
            None => kept.push(one),
        }
    }
    kept.sort_by_key(|f| f.block);
    kept.into_iter().map(|f| f.need).collect()
}

fn line(need: &mut FunctionNeed, line: u32) {
    if need.lines.len() < LINES_MAX && !need.lines.contains(&line) {
        need.lines.push(line);
    }
}

/// What the clock calls.
fn scheduled(scoped: &Scoped<'_>) -> Vec<Found> {
    let needs: Vec<ScheduleNeed> = schedules::schedules(scoped);
    needs
        .into_iter()
        .map(|schedule| {
            let first = schedule.lines.first().copied().unwrap_or(1);
            let block = scoped.wanted().find(|s| s.line == first).map_or(0, |s| s.block);
            Found {
                block,
                general: false,
                need: FunctionNeed {
                    name: schedule.name,
                    kind: FunctionKind::Scheduled,
                    text: schedule.text,
                    lines: schedule.lines,
                },
            }
        })
        .take(FUNCTIONS_MAX)
        .collect()
}

/// The name the text gives the function: an identifier, or the label of its bullet.
fn particular(scoped: &Scoped<'_>, sentence: &Sentence, kind: FunctionKind) -> Option<String> {
    const KINDS: &[&str] =
        &["webhook", "webhooks", "function", "functions", "job", "jobs", "worker", "endpoint"];
    const SENTENCES_MAX: usize = 20;
    let identifier = scoped
        .sentences_of(sentence.block)
        .iter()
        .take(SENTENCES_MAX)
        .find_map(|s| naming::identifier(&s.text, KINDS));
    let labelled = || {
        let label = naming::label(scoped, sentence)?;
        let written_as_name = scoped
            .document
            .blocks
            .get(sentence.block)
            .is_some_and(|b| b.text.starts_with(label.as_str()) && label.contains('-'));
        (written_as_name || kind == FunctionKind::Job).then_some(label)
    };
    identifier.or_else(labelled)
}

fn general_for(kind: FunctionKind) -> &'static str {
    match kind {
        FunctionKind::Webhook => "webhook",
        FunctionKind::Notification => "send-email",
        FunctionKind::Job => "background-job",
        FunctionKind::Scheduled => "scheduled-job",
        FunctionKind::Integration => "integration",
        FunctionKind::Http => "http",
    }
}

fn kind(sentence: &Sentence, server: bool) -> Option<(FunctionKind, String)> {
    if sentence.has(Tag::Webhook) {
        let vendor = [
            ("stripe", Tag::Stripe),
            ("paypal", Tag::Paypal),
            ("github", Tag::Github),
            ("discord", Tag::Discord),
        ]
        .iter()
        .find(|(_, tag)| sentence.has(*tag))
        .map(|(name, _)| format!("{name}-webhook"));
        return Some((FunctionKind::Webhook, vendor.unwrap_or_else(|| "webhook".to_owned())));
    }
    if sends_mail(sentence) {
        let text_message = sentence.norm.contains("sms") || sentence.norm.contains("twilio");
        let name = if text_message { "send-sms" } else { "send-email" };
        return Some((FunctionKind::Notification, name.to_owned()));
    }
    if sentence.has(Tag::Push) {
        return Some((FunctionKind::Notification, "send-push".to_owned()));
    }
    if sentence.has(Tag::Background) {
        return Some((FunctionKind::Job, "background-job".to_owned()));
    }
    // A page that fetches from another's service needs no function of its own.
    let service = sentence.words(Tag::ThirdParty).next().filter(|_| server)?;
    let name = names::kebab(service);
    Some((FunctionKind::Integration, if name.is_empty() { "integration".to_owned() } else { name }))
}

/// A password-reset or verification mail alone belongs to sign-in.
fn sends_mail(sentence: &Sentence) -> bool {
    let phrases: Vec<&str> = sentence.words(Tag::SendMail).collect();
    let for_sign_in = |p: &&str| p.contains("verification");
    let only_auth = sentence.norm.contains("reset")
        || sentence.norm.contains("forgot")
        || !phrases.is_empty() && phrases.iter().all(for_sign_in);
    !only_auth && (!phrases.is_empty() || moves_mail(sentence))
}

/// "gets an e-mail", "one e-mail is sent to", "an e-mail goes to all keepers".
fn moves_mail(sentence: &Sentence) -> bool {
    const MAIL: &[&str] = &["email", "emails", "mail", "sms", "newsletter"];
    const MOVES: &[&str] = &[
        "send",
        "sends",
        "sent",
        "sending",
        "receive",
        "receives",
        "get",
        "gets",
        "notified",
        "notify",
        "notifies",
        "goes",
        "go",
        "delivered",
        "mailed",
        "emailed",
        "informed",
    ];
    const NOT_A_MAIL: &[&str] =
        &["address", "addresses", "field", "server", "client", "app", "list", "template", "format"];
    const REACH: usize = 5;
    if sentence.hits.iter().any(|h| h.negated && h.tag == Tag::SystemVerb) {
        return false;
    }
    let words: Vec<&str> =
        sentence.norm.split(' ').map(|w| w.trim_matches(|c: char| !c.is_alphanumeric())).collect();
    words.iter().enumerate().filter(|(_, w)| MAIL.contains(w)).any(|(at, _)| {
        let near = words.get(at.saturating_sub(REACH)..(at + REACH).min(words.len())).unwrap_or_default();
        let noun = words.get(at + 1).is_none_or(|next| !NOT_A_MAIL.contains(next));
        noun && near.iter().any(|w| MOVES.contains(w))
    })
}
