//! The roles that people have, and what each may do on every row of a table.
//!
//! Conservative: a role that is wrongly found would open rows to whoever gets it. What a role may do is
//! taken only from "role verb table" within one clause, and never where the clause speaks of own rows.

mod grants;

use crate::document::Kind;
use crate::names;
use crate::requirements::{RoleNeed, TableNeed};
use crate::scope::{Scope, Scoped, Sentence};

/// Roles that are kept of one document.
const ROLES_MAX: usize = 20;
/// Lines that are kept of one role.
const LINES_MAX: usize = 5;
/// Words of a role's name.
const NAME_WORDS_MAX: usize = 2;
/// Letters of a role's name.
const NAME_CHARS_MAX: usize = 30;

/// Words that mean a role wherever they stand, and the role.
const KNOWN: &[(&str, &str)] = &[
    ("admin", "admin"),
    ("admins", "admin"),
    ("administrator", "admin"),
    ("administrators", "admin"),
    ("superadmin", "superadmin"),
    ("superadmins", "superadmin"),
    ("moderator", "moderator"),
    ("moderators", "moderator"),
    ("editor", "editor"),
    ("editors", "editor"),
    ("manager", "manager"),
    ("managers", "manager"),
    ("supervisor", "supervisor"),
    ("supervisors", "supervisor"),
    ("operator", "operator"),
    ("operators", "operator"),
    ("staff", "staff"),
];

/// What everybody is who is signed in, or is not; and names that are taken by others.
const NO_ROLES: &[&str] = &[
    "user",
    "regular_user",
    "normal_user",
    "standard_user",
    "basic_user",
    "registered_user",
    "authenticated_user",
    "signed_in_user",
    "logged_in_user",
    "end_user",
    "guest",
    "visitor",
    "anonymous",
    "anonymous_user",
    "anon",
    "public",
    "everyone",
    "everybody",
    "anyone",
    "nobody",
    "none",
    "authenticated",
    "unauthenticated",
    "service",
    "service_role",
    "postgres",
    "authenticator",
    "role",
    "permission",
    "other",
    "etc",
    "all",
];

/// Tables whose column `role` says what somebody is in the whole product, and not in a team of it.
const PEOPLE: &[&str] = &["user", "profile", "account", "app_user"];

/// The roles in the order in which they are found, with what they may do.
pub(crate) fn roles(scoped: &Scoped<'_>, tables: &[TableNeed]) -> Vec<RoleNeed> {
    let mut found = Vec::new();
    for table in tables.iter().filter(|table| PEOPLE.contains(&names::key(&table.name).as_str())) {
        let is_role = |name: &str| matches!(name, "role" | "roles" | "user_role" | "user_type");
        for column in table.columns.iter().filter(|column| is_role(&column.name)) {
            let line = table.lines.first().copied();
            for value in &column.values {
                note(&mut found, value, line);
            }
        }
    }
    for sentence in scoped.wanted() {
        for name in listed(scoped, sentence) {
            note(&mut found, &name, Some(sentence.line));
        }
    }
    for grid in &scoped.document.grids {
        let wanted = scoped.sections.get(grid.section).is_none_or(|scope| *scope == Scope::In);
        let heads = grid
            .header
            .first()
            .is_some_and(|head| matches!(names::snake(head).as_str(), "role" | "user_role"));
        if wanted && heads {
            for (line, cells) in &grid.rows {
                if let Some(name) = cells.first() {
                    note(&mut found, name, Some(*line));
                }
            }
        }
    }
    grants::assign(scoped, tables, &mut found);
    found
}

/// The roles that a sentence lists: "roles such as admin and editor", or an item under "Roles".
fn listed(scoped: &Scoped<'_>, sentence: &Sentence) -> Vec<String> {
    if matches!(sentence.kind, Kind::Heading | Kind::Row) {
        return Vec::new();
    }
    if matches!(sentence.kind, Kind::Item { .. }) && under_roles(scoped, sentence) {
        return term(&sentence.text).into_iter().collect();
    }
    after_roles(&sentence.norm).unwrap_or_default()
}

/// Whether the item stands directly under a heading or a label that announces roles.
fn under_roles(scoped: &Scoped<'_>, sentence: &Sentence) -> bool {
    let Some(block) = scoped.document.blocks.get(sentence.block) else { return false };
    if scoped.sentences_of(sentence.block).first().is_none_or(|first| first.text != sentence.text) {
        return false; // Only an item's first sentence begins with its name.
    }
    let title = match block.lead {
        Some(lead) => scoped.document.blocks.get(lead).map_or("", |block| block.text.as_str()),
        None => scoped.document.sections.get(block.section).map_or("", |section| section.title.as_str()),
    };
    const TITLE_BYTES_MAX: usize = 80;
    let words: Vec<String> = title.split_whitespace().map(bare).collect();
    title.len() <= TITLE_BYTES_MAX && words.iter().any(|word| word == "roles")
}

/// The name that an item begins with: "**Admin** – runs the place", "Editor: writes".
fn term(text: &str) -> Option<String> {
    let end = text.find([':', '\u{2013}', '\u{2014}', '(']).or_else(|| text.find(" - "));
    let name = text[..end.unwrap_or(text.len())].trim();
    (name.split_whitespace().count() <= NAME_WORDS_MAX).then(|| name.to_owned())
}

/// The list after the word "roles": at least two names, one of which is surely a role.
fn after_roles(norm: &str) -> Option<Vec<String>> {
    const FILLERS: &[&str] =
        &["for users", "for people", "in the system", "of users", "exist", "are supported"];
    const LEADS: &[&str] = &["such as", "like", "are", "include", "including", "namely", "e.g."];
    const ITEMS: std::ops::RangeInclusive<usize> = 2..=8;
    let start = norm.match_indices("roles").map(|(at, _)| at).find(|at| {
        let word = |c: char| c.is_alphanumeric() || c == '_';
        !norm[..*at].ends_with(word) && !norm[at + "roles".len()..].starts_with(word)
    })?;
    let mut rest = norm[start + "roles".len()..].trim_start();
    for filler in FILLERS {
        rest = rest.strip_prefix(filler).map_or(rest, str::trim_start);
    }
    rest = rest.trim_start_matches([',', ' ']);
    let lead =
        LEADS.iter().find_map(|lead| rest.strip_prefix(lead).filter(|rest| rest.starts_with([' ', ':'])));
    let list = lead.or_else(|| rest.strip_prefix([':', '(']))?.trim_start_matches([' ', ':']);
    let end = list.find(['.', ';', ')', ':']).unwrap_or(list.len());
    let items: Vec<String> = list[..end]
        .replace(" and ", ",")
        .replace(" or ", ",")
        .split(',')
        .map(|item| without_article(item.trim()).to_owned())
        .filter(|item| !item.is_empty())
        .collect();
    let short =
        |item: &String| item.split(' ').count() <= NAME_WORDS_MAX && item.chars().count() <= NAME_CHARS_MAX;
    let sure = items.iter().any(|item| known(item).is_some());
    (sure && ITEMS.contains(&items.len()) && items.iter().all(short)).then_some(items)
}

fn without_article(item: &str) -> &str {
    let articles = ["and ", "or ", "a ", "an ", "the ", "both "];
    articles.iter().fold(item, |item, article| item.strip_prefix(article).unwrap_or(item))
}

/// The role that a word means wherever it stands.
fn known(word: &str) -> Option<&'static str> {
    KNOWN.iter().find(|(known, _)| *known == word).map(|(_, role)| *role)
}

/// The role's name: Latin letters, `snake_case`, singular; `None` for what is no role of the product's own.
fn name_of(text: &str) -> Option<String> {
    if text.chars().count() > NAME_CHARS_MAX || text.split_whitespace().count() > NAME_WORDS_MAX {
        return None;
    }
    let snake = names::snake(text);
    let name = known(&snake).map_or_else(|| names::singular(&snake), str::to_owned);
    let plain = name.starts_with(|c: char| c.is_ascii_lowercase()) && name.chars().count() > 2;
    let taken = name.starts_with("pg_") || name.starts_with("forge") || NO_ROLES.contains(&name.as_str());
    (plain && !taken).then_some(name)
}

/// Keeps a role with a line it comes from. Gives where it is.
fn note(found: &mut Vec<RoleNeed>, text: &str, line: Option<u32>) -> Option<usize> {
    let name = name_of(text)?;
    let at = match found.iter().position(|role| role.name == name) {
        Some(at) => at,
        None if found.len() == ROLES_MAX => return None,
        None => {
            found.push(RoleNeed { name, ..RoleNeed::default() });
            found.len() - 1
        }
    };
    let role = found.get_mut(at)?;
    if let Some(line) = line.filter(|line| role.lines.len() < LINES_MAX && !role.lines.contains(line)) {
        role.lines.push(line);
    }
    Some(at)
}

/// A word without what stands around it, in lower case.
fn bare(word: &str) -> String {
    word.trim_matches(|c: char| !c.is_alphanumeric()).to_lowercase()
}
