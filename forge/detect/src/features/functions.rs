//! Server code beyond create, read, update and delete.

use crate::lexicon::Tag;
use crate::names;
use crate::requirements::{FunctionKind, FunctionNeed};
use crate::scope::{Scoped, Sentence};

use super::shorten;

const FUNCTIONS_MAX: usize = 40;

/// The functions the text asks for.
pub(crate) fn functions(scoped: &Scoped<'_>) -> Vec<FunctionNeed> {
    let mut found: Vec<FunctionNeed> = Vec::new();
    for sentence in scoped.wanted() {
        let Some((kind, name)) = kind(sentence) else {
            continue;
        };
        let room = found.len() < FUNCTIONS_MAX;
        match found.iter_mut().find(|f| f.name == name) {
            Some(function) if function.lines.len() < 5 && !function.lines.contains(&sentence.line) => {
                function.lines.push(sentence.line);
            }
            Some(_) => {}
            None if room => found.push(FunctionNeed {
                name,
                kind,
                text: shorten(&sentence.text),
                lines: vec![sentence.line],
            }),
            None => {}
        }
    }
    found
}

fn kind(sentence: &Sentence) -> Option<(FunctionKind, String)> {
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
        let name = if sentence.norm.contains("sms") || sentence.norm.contains("twilio") {
            "send-sms"
        } else {
            "send-email"
        };
        return Some((FunctionKind::Notification, name.to_owned()));
    }
    if sentence.has(Tag::Push) {
        return Some((FunctionKind::Notification, "send-push".to_owned()));
    }
    if sentence.has(Tag::Background) {
        return Some((FunctionKind::Job, "background-job".to_owned()));
    }
    let service = sentence.words(Tag::ThirdParty).next()?;
    let name = names::kebab(service);
    Some((FunctionKind::Integration, if name.is_empty() { "integration".to_owned() } else { name }))
}

/// A password-reset or verification mail alone belongs to sign-in.
fn sends_mail(sentence: &Sentence) -> bool {
    let phrases: Vec<&str> = sentence.words(Tag::SendMail).collect();
    let only_auth = sentence.norm.contains("reset") || phrases.iter().all(|p| p.contains("verification"));
    !phrases.is_empty() && !only_auth
}
