//! GitHub issues, as `gh issue view --json`, `gh issue list --json`, a search or the REST interface give them.
//!
//! They become one Markdown document: what was asked first, what was said about it last and apart.

mod render;

use serde_json::{Map, Value};

use super::tidy::one_line;

/// The most issues one document is made of.
pub(crate) const ISSUES_MAX: usize = 500;
/// The most labels of an issue that are told.
const LABELS_MAX: usize = 20;
/// Bytes of a title; GitHub allows 256 characters.
const TITLE_BYTES_MAX: usize = 1024;
/// Bytes of a label, a repository's name or an address.
const NAME_BYTES_MAX: usize = 200;
/// Fields that are looked at to tell an issue that lacks its title or its number.
const ASSOCIATION: [&str; 2] = ["authorAssociation", "author_association"];

/// Why an export of issues cannot be taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum GitHubError {
    /// Something that every issue has is not there.
    #[error("{entry} has no `{field}`")]
    Missing {
        /// Which issue.
        entry: Entry,
        /// Its field.
        field: &'static str,
    },
    /// A field holds something else.
    #[error("`{field}` of {entry} is not {expected}")]
    Wrong {
        /// Which issue.
        entry: Entry,
        /// Its field.
        field: &'static str,
        /// What it has to be.
        expected: &'static str,
    },
    /// An entry of a list is something else.
    #[error("{entry} is not an object")]
    NoObject {
        /// Which one.
        entry: Entry,
    },
    /// More than are taken.
    #[error("the list holds {count} GitHub issues, more than the limit of {ISSUES_MAX}")]
    TooMany {
        /// How many there are.
        count: usize,
    },
    /// Nothing is left to do.
    #[error("all {count} GitHub issues of the list are closed")]
    AllClosed {
        /// How many there are.
        count: usize,
    },
}

/// Which issue an error is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Entry {
    /// The only one.
    Only,
    /// One of a list, counted from 1.
    Of(usize),
}

impl std::fmt::Display for Entry {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Entry::Only => out.write_str("the GitHub issue"),
            Entry::Of(number) => write!(out, "entry {number} of the list of GitHub issues"),
        }
    }
}

/// Issues as a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Document {
    /// Markdown.
    pub(super) text: String,
    /// What is to be done, as far as the issues list it.
    pub(super) checklist: Vec<String>,
}

/// An issue or a pull request.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Issue {
    number: u64,
    title: String,
    body: String,
    labels: Vec<String>,
    /// `owner/name`, where the export tells it.
    repository: Option<String>,
    url: Option<String>,
    author: Option<String>,
    is_pull: bool,
    /// `closed` or `merged`; `None` while it is open.
    ended: Option<&'static str>,
    comments: Vec<Comment>,
    /// Comments that it has and the export has not.
    comments_absent: u64,
}

/// What somebody said about an issue.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Comment {
    author: String,
    /// What the author is to the repository, such as `owner`.
    association: Option<String>,
    /// The day, such as `2026-05-01`.
    day: Option<String>,
    body: String,
}

/// Reads an export of issues; `None` where the value is something else.
pub(super) fn document(root: &Value) -> Option<Result<Document, GitHubError>> {
    match root {
        Value::Object(fields) if is_search(fields) => list(fields.get("items")?.as_array()?),
        Value::Object(fields) if is_issue(fields) => {
            Some(issue(root, Entry::Only).map(|issue| render::one(&issue)))
        }
        Value::Array(entries) => list(entries),
        _ => None,
    }
}

fn list(entries: &[Value]) -> Option<Result<Document, GitHubError>> {
    if !entries.iter().filter_map(Value::as_object).any(is_issue) {
        return None;
    }
    if entries.len() > ISSUES_MAX {
        return Some(Err(GitHubError::TooMany { count: entries.len() }));
    }
    let read: Result<Vec<Issue>, GitHubError> = match entries {
        [only] => issue(only, Entry::Only).map(|issue| vec![issue]),
        several => several.iter().zip(1..).map(|(entry, number)| issue(entry, Entry::Of(number))).collect(),
    };
    Some(read.and_then(|mut issues| {
        if let [only] = issues.as_slice() {
            return Ok(render::one(only));
        }
        if issues.iter().all(|issue| issue.ended.is_some()) {
            return Err(GitHubError::AllClosed { count: issues.len() });
        }
        // Stable: of two with one number, the one that came first stays first.
        issues.sort_by(|one, other| (one.number, &one.repository).cmp(&(other.number, &other.repository)));
        Ok(render::several(&issues))
    }))
}

/// `{"total_count": 2, "items": [...]}`, as the REST interface answers a search.
fn is_search(fields: &Map<String, Value>) -> bool {
    fields.get("total_count").is_some_and(Value::is_u64) && fields.get("items").is_some_and(Value::is_array)
}

/// True for an issue, and for what can only be one although something is missing.
fn is_issue(fields: &Map<String, Value>) -> bool {
    let has = |name: &str| fields.get(name).is_some_and(|value| !value.is_null());
    let address = ["url", "html_url"].iter().filter_map(|name| fields.get(*name)?.as_str());
    if address.filter_map(place).next().is_some() {
        return true;
    }
    let state = fields.get("state").and_then(Value::as_str).is_some_and(|state| ended(state).is_some());
    let labels = fields.get("labels").and_then(Value::as_array);
    let labelled = labels.is_some_and(|list| list.iter().all(|label| label.get("name").is_some()));
    let whole = has("number") && has("title");
    let comments = fields.get("comments").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let told = |fields: &Map<String, Value>| ASSOCIATION.iter().any(|name| fields.contains_key(*name));
    whole && (fields.contains_key("body") || state || labelled)
        || fields.contains_key("body") && state && labelled
        || told(fields)
        || comments.iter().filter_map(Value::as_object).any(told)
}

/// How a state's name is to be read: `Some(None)` is open.
fn ended(state: &str) -> Option<Option<&'static str>> {
    match state.to_ascii_lowercase().as_str() {
        "open" => Some(None),
        "closed" => Some(Some("closed")),
        "merged" => Some(Some("merged")),
        _ => None,
    }
}

/// The repository that the address of an issue or a pull request names, and whether it is the latter.
fn place(url: &str) -> Option<(String, bool)> {
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"))?;
    let mut parts =
        rest.split(['/', '#', '?']).skip(1).skip_while(|part| matches!(*part, "api" | "v3" | "repos"));
    let (owner, name, kind, number) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let is_pull = matches!(kind, "pull" | "pulls");
    let known = is_pull || kind == "issues";
    let plain = |part: &str| {
        !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
    };
    let numbered = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    (known && numbered && plain(owner) && plain(name) && owner.len() + name.len() < NAME_BYTES_MAX)
        .then(|| (format!("{owner}/{name}"), is_pull))
}

fn issue(value: &Value, entry: Entry) -> Result<Issue, GitHubError> {
    let fields = value.as_object().ok_or(GitHubError::NoObject { entry })?;
    let reader = Fields { fields, entry };
    let number = reader.present("number")?;
    let number =
        number.as_u64().filter(|number| *number > 0).ok_or(reader.wrong("number", "a positive number"))?;
    let title = one_line(reader.text("title")?.unwrap_or_default());
    if title.is_empty() {
        return Err(GitHubError::Missing { entry, field: "title" });
    }
    let url = [reader.text("html_url")?, reader.text("url")?]
        .into_iter()
        .flatten()
        .find(|url| place(url).is_some());
    let place = url.and_then(place);
    let state =
        reader.text("state")?.map(|state| ended(state).ok_or(reader.wrong("state", "`open` or `closed`")));
    let (comments, comments_absent) = reader.comments()?;
    Ok(Issue {
        number,
        title: super::checklist::cut(title, TITLE_BYTES_MAX),
        body: reader.text("body")?.unwrap_or_default().to_owned(),
        labels: reader.labels()?,
        is_pull: place.as_ref().is_some_and(|(_, is_pull)| *is_pull)
            || fields.get("pull_request").is_some_and(Value::is_object),
        repository: place.map(|(repository, _)| repository),
        url: url.map(one_line).filter(|url| url.len() <= NAME_BYTES_MAX),
        author: author(fields),
        ended: state.transpose()?.flatten(),
        comments,
        comments_absent,
    })
}

struct Fields<'a> {
    fields: &'a Map<String, Value>,
    entry: Entry,
}

impl<'a> Fields<'a> {
    fn wrong(&self, field: &'static str, expected: &'static str) -> GitHubError {
        GitHubError::Wrong { entry: self.entry, field, expected }
    }

    /// A field, where it is there and not null.
    fn optional(&self, field: &str) -> Option<&'a Value> {
        self.fields.get(field).filter(|value| !value.is_null())
    }

    fn present(&self, field: &'static str) -> Result<&'a Value, GitHubError> {
        self.optional(field).ok_or(GitHubError::Missing { entry: self.entry, field })
    }

    fn text(&self, field: &'static str) -> Result<Option<&'a str>, GitHubError> {
        self.optional(field).map(|value| value.as_str().ok_or(self.wrong(field, "text"))).transpose()
    }

    fn labels(&self) -> Result<Vec<String>, GitHubError> {
        let Some(value) = self.optional("labels") else { return Ok(Vec::new()) };
        let list = value.as_array().ok_or(self.wrong("labels", "a list"))?;
        let names = list.iter().filter_map(|label| label.get("name").unwrap_or(label).as_str());
        let shown = names.map(|name| one_line(name).replace('`', "'")).filter(|name| !name.is_empty());
        Ok(shown.map(|name| super::checklist::cut(name, NAME_BYTES_MAX)).take(LABELS_MAX).collect())
    }

    /// The comments that are not hidden, oldest first, and how many the export lacks.
    fn comments(&self) -> Result<(Vec<Comment>, u64), GitHubError> {
        let Some(value) = self.optional("comments") else { return Ok((Vec::new(), 0)) };
        if let Some(count) = value.as_u64() {
            return Ok((Vec::new(), count));
        }
        let list = value.as_array().ok_or(self.wrong("comments", "a list"))?;
        let read = list.iter().map(|comment| match comment {
            Value::Object(fields) => Ok(self::comment(fields)),
            Value::Null => Ok(None),
            _ => Err(self.wrong("comments", "a list of objects")),
        });
        let read: Result<Vec<Option<Comment>>, GitHubError> = read.collect();
        Ok((read?.into_iter().flatten().collect(), 0))
    }
}

/// A comment; `None` where it says nothing or was hidden by those who look after the repository.
fn comment(fields: &Map<String, Value>) -> Option<Comment> {
    let text = |name: &str| fields.get(name).and_then(Value::as_str);
    let body = text("body").filter(|body| !body.trim().is_empty())?;
    if fields.get("isMinimized").and_then(Value::as_bool) == Some(true) {
        return None;
    }
    let association = ASSOCIATION.iter().find_map(|name| text(name)).map(str::to_ascii_lowercase);
    let day = text("createdAt").or_else(|| text("created_at")).and_then(day);
    Some(Comment {
        // GitHub shows accounts that are gone by this name.
        author: author(fields).unwrap_or_else(|| "ghost".to_owned()),
        association: association.filter(|word| matches!(word.as_str(), "owner" | "member" | "collaborator")),
        day,
        body: body.to_owned(),
    })
}

/// The login of whoever wrote it, reduced to the characters that logins have.
fn author(fields: &Map<String, Value>) -> Option<String> {
    const LOGIN_CHARS_MAX: usize = 60;
    let account = fields.get("author").or_else(|| fields.get("user"))?;
    let login = account.get("login").unwrap_or(account).as_str()?;
    let plain = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '[' | ']');
    let login: String = login.chars().filter(plain).take(LOGIN_CHARS_MAX).collect();
    (!login.is_empty()).then_some(login)
}

/// `2026-05-01` of `2026-05-01T10:00:00Z`.
fn day(time: &str) -> Option<String> {
    let day = time.get(..10)?;
    let shaped = day.bytes().enumerate().all(|(at, byte)| match at {
        4 | 7 => byte == b'-',
        _ => byte.is_ascii_digit(),
    });
    shaped.then(|| day.to_owned())
}

#[cfg(test)]
mod tests;
