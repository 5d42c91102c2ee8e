//! Work that recurs by the clock.
//!
//! One block (a bullet, a paragraph) states one piece of work: a label such as "Daily digest." and
//! the sentence with the hour are the same schedule. A rule that fixes no hour gives way to one of
//! the same name that does.

use crate::lexicon::Tag;
use crate::requirements::ScheduleNeed;
use crate::scope::{Scoped, Sentence};

use super::{cron, naming, shorten};

const SCHEDULES_MAX: usize = 50;

/// A schedule in the making.
struct Found {
    block: usize,
    timed: bool,
    need: ScheduleNeed,
}

/// The recurring work the text asks for.
pub(crate) fn schedules(scoped: &Scoped<'_>) -> Vec<ScheduleNeed> {
    let mut found: Vec<Found> = Vec::new();
    for sentence in scoped.wanted() {
        if found.len() >= SCHEDULES_MAX {
            break;
        }
        if let Some((rule, timed)) = recurs(sentence) {
            keep(&mut found, scoped, sentence, rule, timed);
        }
    }
    let mut needs: Vec<ScheduleNeed> = found.into_iter().map(|f| f.need).collect();
    number(&mut needs);
    needs
}

fn keep(found: &mut Vec<Found>, scoped: &Scoped<'_>, sentence: &Sentence, rule: cron::Rule, timed: bool) {
    let name = name(scoped, sentence);
    let mut need = ScheduleNeed {
        name,
        cron: rule.cron,
        tz: cron::zone(&sentence.text).unwrap_or("UTC").to_owned(),
        text: shorten(&sentence.text),
        lines: vec![sentence.line],
    };
    // A sentence says it again when it stands in the same block or names the same work, and one
    // of the two fixes no hour.
    let again = found.iter_mut().find(|f| {
        f.need.cron.is_some() && f.need.cron == need.cron && f.need.tz == need.tz
            || (!timed || !f.timed)
                && (f.block == sentence.block || f.need.name == need.name || same_work(&f.need, &need))
    });
    match again {
        Some(known) => {
            if timed && !known.timed {
                known.timed = true;
                known.need.name = need.name;
                known.need.cron = need.cron.take();
                known.need.tz = need.tz;
                known.need.text = need.text;
            }
            if !known.need.lines.contains(&sentence.line) && known.need.lines.len() < 5 {
                known.need.lines.push(sentence.line);
            }
        }
        None => found.push(Found { block: sentence.block, timed, need }),
    }
}

/// True when both recur on the same days and a word of weight stands in both.
fn same_work(one: &ScheduleNeed, other: &ScheduleNeed) -> bool {
    const LETTERS_MIN: usize = 6;
    const COMMON: &[&str] = &[
        "automatically",
        "monday",
        "weekday",
        "weekdays",
        "morning",
        "receive",
        "receives",
        "people",
        "system",
        "backend",
        "server",
        "before",
        "should",
    ];
    let days = |need: &ScheduleNeed| -> Option<String> {
        Some(need.cron.as_ref()?.split(' ').skip(2).collect::<Vec<_>>().join(" "))
    };
    let words = |text: &str| -> std::collections::BTreeSet<String> {
        text.split(|c: char| !c.is_alphanumeric())
            .map(str::to_lowercase)
            .filter(|w| w.chars().count() >= LETTERS_MIN && !COMMON.contains(&w.as_str()))
            .collect()
    };
    days(one).is_some() && days(one) == days(other) && !words(&one.text).is_disjoint(&words(&other.text))
}

fn number(needs: &mut [ScheduleNeed]) {
    let mut seen: std::collections::BTreeMap<String, usize> = std::collections::BTreeMap::new();
    for need in needs {
        let count = seen.entry(need.name.clone()).or_default();
        *count += 1;
        if *count > 1 {
            need.name = format!("{}-{count}", need.name);
        }
    }
}

/// The rule of a sentence, and whether it fixes more than how often.
pub(super) fn recurs(sentence: &Sentence) -> Option<(cron::Rule, bool)> {
    if let Some(expression) = cron::literal(&sentence.text) {
        return Some((cron::Rule { cron: Some(expression) }, true));
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
        "chooses",
        "configurable",
        "per day",
        "calendar view",
        "trend",
        "goal",
        "limit",
        "habit",
        "streak",
        "recurring task",
    ];
    let works = sentence.has(Tag::SystemVerb) || cron::adjective_work(&sentence.norm);
    if !works || CHOICES.iter().any(|c| sentence.norm.contains(c)) {
        return None;
    }
    let rule = cron::parse(&sentence.norm)?;
    let timed = rule.cron.is_some() && cron::fixes_time(&sentence.norm);
    Some((rule, timed))
}

/// The label of the block, the work as an adjective and a noun ("nightly backup"), the verb and its
/// object, or a word for the kind of work.
pub(super) fn name(scoped: &Scoped<'_>, sentence: &Sentence) -> String {
    const KINDS: &[(&str, &str)] = &[
        ("digest", "send-digest"),
        ("remind", "send-reminders"),
        ("backup", "backup"),
        ("back up", "backup"),
        ("clean", "cleanup"),
        ("purge", "cleanup"),
        ("sync", "sync"),
        ("report", "generate-report"),
        ("email", "send-email"),
    ];
    naming::label(scoped, sentence)
        .or_else(|| cron::adjective_phrase(&sentence.norm).map(|p| crate::names::kebab(&p)))
        .or_else(|| naming::verb_and_object(sentence))
        .unwrap_or_else(|| {
            KINDS
                .iter()
                .find(|(word, _)| sentence.norm.contains(word))
                .map_or("scheduled-job", |(_, name)| name)
                .to_owned()
        })
}
