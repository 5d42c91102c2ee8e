//! The table that a column's name points to.

use std::collections::BTreeMap;

use crate::names;

/// Tables of people, the likeliest first.
const PEOPLE_TABLES: &[&str] =
    &["user", "profile", "member", "app_user", "usuario", "benutzer", "utilisateur"];

/// What columns call people.
const PEOPLE: &[&str] = &[
    "owner",
    "author",
    "creator",
    "assignee",
    "sender",
    "receiver",
    "recipient",
    "manager",
    "reviewer",
    "follower",
    "following",
    "followee",
    "followed",
    "approver",
    "requester",
    "uploader",
    "host",
    "organizer",
    "organiser",
    "inviter",
    "invitee",
    "actor",
    "seller",
    "buyer",
    "payer",
    "payee",
    "reporter",
    "editor",
    "submitter",
    "assigned_user",
    "assigned",
    "instructor",
    "coach",
    "mentor",
    "mentee",
    "friend",
    "from_user",
    "to_user",
    "liker",
    "voter",
    "poster",
    "moderator",
    "participant",
    "blocker",
    "blocked",
    "admin",
    "lead",
];

/// Columns of people that do not end in `_id`.
const PEOPLE_COLUMNS: &[&str] = &[
    "owner",
    "author",
    "creator",
    "assignee",
    "sender",
    "receiver",
    "recipient",
    "reviewer",
    "follower",
    "following",
    "uploader",
    "host",
    "approver",
    "requester",
];

/// Verbs that end in `_by` or `_to` with a person after them: `created_by`, `assigned_to`.
const BY: &[&str] = &[
    "created",
    "updated",
    "modified",
    "deleted",
    "assigned",
    "uploaded",
    "approved",
    "invited",
    "reviewed",
    "requested",
    "posted",
    "submitted",
    "booked",
    "reported",
    "published",
    "authored",
    "added",
    "reserved",
    "recorded",
    "logged",
    "issued",
    "closed",
    "resolved",
    "rejected",
    "verified",
    "cancelled",
    "owned",
    "sent",
];

/// Whose identifiers lie outside this database.
const OUTSIDE: &[&str] = &[
    "stripe",
    "paypal",
    "google",
    "github",
    "gitlab",
    "apple",
    "facebook",
    "twitter",
    "linkedin",
    "discord",
    "slack",
    "telegram",
    "whatsapp",
    "spotify",
    "auth0",
    "clerk",
    "firebase",
    "cognito",
    "okta",
    "twilio",
    "sendgrid",
    "mailchimp",
    "hubspot",
    "salesforce",
    "shopify",
    "plaid",
    "razorpay",
    "square",
    "paddle",
    "lemonsqueezy",
    "lemon",
    "external",
    "provider",
    "oauth",
    "openai",
    "aws",
    "s3",
    "gateway",
    "youtube",
    "instagram",
    "tiktok",
    "notion",
    "jira",
    "zoom",
    "remote",
    "vendor_api",
    "third_party",
    "tmdb",
    "imdb",
];

/// The table a column's name points to: `post_id`, `author_id`, `parent_comment_id`, `created_by`.
///
/// `names` are the tables there are, by key. Identifiers of other systems point nowhere.
pub(crate) fn target(column: &str, table: &str, names: &BTreeMap<String, String>) -> Option<String> {
    if is_outside(column, names) {
        return None;
    }
    let stem = match column.strip_suffix("_id").or_else(|| column.strip_suffix("_uuid")) {
        Some(stem) => stem,
        None if PEOPLE_COLUMNS.contains(&column) || is_by(column) => column,
        None => return None,
    };
    if matches!(stem, "parent" | "reply_to" | "previous" | "duplicate_of") {
        return Some(table.to_owned());
    }
    if let Some(name) = names.get(&names::key(stem)) {
        return Some(name.clone());
    }
    if PEOPLE.contains(&stem) || stem == "user" || is_by(stem) {
        let mut known = PEOPLE_TABLES.iter().filter_map(|people| names.get(*people));
        let known = known.find(|name| stem != "user" || *name != table).cloned();
        return known.or_else(|| (stem == "user").then(|| "users".to_owned()));
    }
    // `parent_comment_id` -> comments, `from_account_id` -> accounts.
    let mut rest = stem;
    while let Some((_, tail)) = rest.split_once('_') {
        if let Some(name) = names.get(&names::key(tail)) {
            return Some(name.clone());
        }
        rest = tail;
    }
    by_last_word(stem, names)
}

/// True for the identifier of another system, unless that system has a table here.
fn is_outside(column: &str, names: &BTreeMap<String, String>) -> bool {
    let first = column.split('_').next().unwrap_or_default();
    (OUTSIDE.contains(&first) || column.ends_with("_external_id"))
        && !names.contains_key(first)
        && !column.strip_suffix("_id").is_some_and(|stem| names.contains_key(&names::key(stem)))
}

fn is_by(column: &str) -> bool {
    let column = column.strip_suffix("_user").unwrap_or(column);
    column.rsplit_once('_').is_some_and(|(verb, link)| matches!(link, "by" | "to") && BY.contains(&verb))
}

/// `type_id` -> `ticket_types`, where only one table ends so.
fn by_last_word(stem: &str, names: &BTreeMap<String, String>) -> Option<String> {
    let tail = format!("_{stem}");
    let mut found = names.iter().filter(|(key, _)| key.ends_with(&tail));
    let only = found.next()?;
    found.next().is_none().then(|| only.1.clone())
}
