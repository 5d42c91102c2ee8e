//! Work that recurs by the clock.

use crate::lexicon::Tag;
use crate::requirements::ScheduleNeed;
use crate::scope::{Scoped, Sentence};

use super::{cron, shorten};

const SCHEDULES_MAX: usize = 50;

/// The recurring work the text asks for.
pub(crate) fn schedules(scoped: &Scoped<'_>) -> Vec<ScheduleNeed> {
    let mut found: Vec<ScheduleNeed> = Vec::new();
    for sentence in scoped.wanted() {
        let Some(rule) = recurs(sentence) else {
            continue;
        };
        if found.len() >= SCHEDULES_MAX || found.iter().any(|s| s.cron.is_some() && s.cron == rule.cron) {
            continue;
        }
        let base = name(sentence);
        let taken =
            found.iter().filter(|s| s.name == base || s.name.starts_with(&format!("{base}-"))).count();
        found.push(ScheduleNeed {
            name: if taken == 0 { base } else { format!("{base}-{}", taken + 1) },
            cron: rule.cron,
            tz: cron::zone(&sentence.text).unwrap_or("UTC").to_owned(),
            text: shorten(&sentence.text),
            lines: vec![sentence.line],
        });
    }
    found
}

fn recurs(sentence: &Sentence) -> Option<cron::Rule> {
    if let Some(expression) = cron::literal(&sentence.text) {
        return Some(cron::Rule { cron: Some(expression) });
    }
    // A person who looks at a monthly chart, or picks how often, schedules nothing.
    const CHOICES: &[&str] = &[
        "users can",
        "user can",
        "view ",
        "filter",
        "chart",
        "allow users",
        "can choose",
        "configurable",
        "per day",
        "calendar view",
        "trend",
        "goal",
        "limit",
    ];
    if !sentence.has(Tag::SystemVerb) || CHOICES.iter().any(|c| sentence.norm.contains(c)) {
        return None;
    }
    cron::parse(&sentence.norm)
}

fn name(sentence: &Sentence) -> String {
    const NAMES: &[(&str, &str)] = &[
        ("digest", "send-digest"),
        ("remind", "send-reminders"),
        ("backup", "backup"),
        ("back up", "backup"),
        ("clean", "cleanup"),
        ("purge", "cleanup"),
        ("sync", "sync"),
        ("scrape", "scrape"),
        ("report", "generate-report"),
        ("email", "send-email"),
        ("refresh", "refresh"),
        ("fetch", "fetch"),
        ("analy", "analysis"),
        ("expire", "expire"),
        ("generate", "generate"),
        ("send", "send"),
        ("reset", "reset"),
    ];
    NAMES
        .iter()
        .find(|(word, _)| sentence.norm.contains(word))
        .map_or("scheduled-job", |(_, name)| name)
        .to_owned()
}
