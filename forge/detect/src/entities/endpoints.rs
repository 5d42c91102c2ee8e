//! Resources out of endpoints: `POST /posts/:id/comments`.

use crate::document::Kind;
use crate::draft::{Draft, Source};
use crate::names;
use crate::requirements::{ColumnNeed, ForeignKeyNeed, TableNeed};
use crate::scope::{Scope, Scoped};

use super::records;

/// One endpoint the document names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Endpoint {
    pub method: Method,
    pub path: String,
    pub line: u32,
}

/// The methods that say something about a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Method {
    Get,
    Post,
    Put,
    Patch,
    Delete,
}

const ENDPOINTS_MAX: usize = 2_000;

impl Method {
    pub(crate) fn parse(word: &str) -> Option<Method> {
        match word {
            "GET" => Some(Method::Get),
            "POST" => Some(Method::Post),
            "PUT" => Some(Method::Put),
            "PATCH" => Some(Method::Patch),
            "DELETE" | "DEL" => Some(Method::Delete),
            _ => None,
        }
    }
}

/// Every endpoint in scope, from text, grids and code.
pub(crate) fn endpoints(scoped: &Scoped<'_>) -> Vec<Endpoint> {
    let mut found = Vec::new();
    let mut above: Option<(usize, &str)> = None;
    for (index, block) in scoped.document.blocks.iter().enumerate() {
        if scoped.blocks.get(index) != Some(&Scope::In) {
            continue;
        }
        if block.kind == Kind::Heading {
            above = path(&block.text).map(|path| (block.section, path));
        }
        let heading = above.filter(|(section, _)| *section == block.section).map(|(_, path)| path);
        scan(&block.text, block.line(), heading, &mut found);
    }
    for code in &scoped.document.codes {
        if scoped.sections.get(code.section) == Some(&Scope::In) {
            for (at, line) in code.text.lines().enumerate() {
                scan(line, code.line + u32::try_from(at).unwrap_or(0), None, &mut found);
            }
        }
    }
    found.truncate(ENDPOINTS_MAX);
    found
}

/// The path that a heading consists of: "`/volunteers/{id}`".
fn path(title: &str) -> Option<&str> {
    let title = title.trim().trim_matches('`');
    (title.starts_with('/') && title.len() > 1 && !title.contains(' ')).then_some(title)
}

/// The endpoints of one text: methods before their path, or after it, or after a heading that is one.
fn scan(text: &str, line: u32, heading: Option<&str>, found: &mut Vec<Endpoint>) {
    let mut before: Option<&str> = heading;
    let mut after: Vec<Method> = Vec::new();
    let mut methods: Vec<Method> = Vec::new();
    for word in text.split(|c: char| c.is_whitespace() || matches!(c, '|' | '`' | ',' | '"' | '\'' | '*')) {
        let word = word.trim_matches(['(', ')', ':', '[', ']', '.']);
        if let Some(several) = word.split('/').map(Method::parse).collect::<Option<Vec<Method>>>() {
            after.extend(&several);
            methods.extend(several);
        } else if word.starts_with('/') && word.len() > 1 && methods.is_empty() {
            before = before.or(Some(word));
        } else if word.starts_with('/') && word.len() > 1 && !methods.is_empty() {
            let path = word.split(['?', '#']).next().unwrap_or(word).to_owned();
            after.clear();
            before = None;
            for method in methods.drain(..) {
                found.push(Endpoint { method, path: path.clone(), line });
            }
        } else if !word.is_empty() && word.chars().any(char::is_alphanumeric) {
            methods.clear();
        }
    }
    if let Some(path) = before {
        let path = path.split(['?', '#']).next().unwrap_or(path);
        found.extend(after.into_iter().map(|method| Endpoint { method, path: path.to_owned(), line }));
    }
}

const NOT_RESOURCES: &[&str] = &[
    "api",
    "auth",
    "login",
    "logout",
    "register",
    "signup",
    "signin",
    "sign-up",
    "sign-in",
    "signout",
    "me",
    "search",
    "upload",
    "uploads",
    "health",
    "healthz",
    "status",
    "webhook",
    "webhooks",
    "stats",
    "statistics",
    "export",
    "import",
    "refresh",
    "verify",
    "reset-password",
    "forgot-password",
    "admin",
    "profile",
    "dashboard",
    "analytics",
    "token",
    "tokens",
    "callback",
    "config",
    "feed",
    "docs",
    "summary",
    "reports",
    "report",
    "current",
    "oauth",
    "google",
    "github",
    "validate",
    "generate",
    "process",
    "run",
    "ping",
    "metrics",
    "checkout",
    "password",
    "batch",
    "bulk",
    "public",
    "private",
    "latest",
    "count",
    "preview",
    "session",
    "recommendations",
    "suggestions",
    "trending",
    "chat",
    "ask",
    "query",
    "convert",
    "download",
    "stream",
    "events-stream",
    "settings",
    "balance",
    "deposit",
    "withdraw",
    "graphql",
    "ws",
    "weather",
    "confirm",
    "cancel",
    "complete",
];

struct Resource {
    name: String,
    parent: Option<String>,
    writes: u32,
    post: bool,
    delete: bool,
    nested_verb: bool,
    lines: Vec<u32>,
}

/// Resources that clients write to.
pub(super) fn drafts(calls: &[Endpoint]) -> Vec<Draft> {
    let mut resources: Vec<Resource> = Vec::new();
    for call in calls {
        note(call, &mut resources);
    }
    resources.retain(|r| if r.nested_verb { r.post && r.delete } else { r.writes > 0 });
    resources.into_iter().map(draft).collect()
}

fn note(call: &Endpoint, resources: &mut Vec<Resource>) {
    let segments: Vec<&str> =
        call.path.split('/').filter(|s| !s.is_empty()).filter(|s| !is_version(s)).collect();
    let Some(at) = segments.iter().rposition(|s| !is_parameter(s)) else {
        return;
    };
    let segment = segments[at];
    let snake = names::snake(segment);
    if snake.is_empty() || NOT_RESOURCES.contains(&segment.to_lowercase().as_str()) {
        return;
    }
    let key = names::singular(&snake);
    let parent_at = segments[..at].iter().rposition(|s| !is_parameter(s));
    let under_item = parent_at.is_some_and(|p| p + 1 < at);
    let nested_verb = under_item && !names::is_plural(&snake) && at + 1 == segments.len();
    let known = records::is_record(&key);
    if !names::is_plural(&snake) && !known && !nested_verb {
        return;
    }
    let parent = parent_at.filter(|_| under_item).map(|p| names::key(segments[p]));
    // The `items` of a cart are its own table.
    let holder = parent_at.map(|p| names::key(segments[p])).filter(|h| key == "item" && !h.is_empty());
    let name = holder.map_or_else(|| names::plural(&key), |holder| format!("{holder}_items"));
    let index = resources.iter().position(|r| r.name == name).unwrap_or_else(|| {
        resources.push(Resource {
            name,
            parent: None,
            writes: 0,
            post: false,
            delete: false,
            nested_verb,
            lines: Vec::new(),
        });
        resources.len() - 1
    });
    let resource = &mut resources[index];
    resource.parent = resource.parent.take().or(parent);
    resource.nested_verb &= nested_verb;
    resource.writes += u32::from(call.method != Method::Get);
    resource.post |= matches!(call.method, Method::Post | Method::Put);
    resource.delete |= call.method == Method::Delete;
    if resource.lines.last() != Some(&call.line) && resource.lines.len() < 8 {
        resource.lines.push(call.line);
    }
}

fn draft(resource: Resource) -> Draft {
    let mut table = TableNeed { name: resource.name, lines: resource.lines, ..TableNeed::default() };
    let parent = resource.parent.filter(|p| !p.is_empty() && !NOT_RESOURCES.contains(&p.as_str()));
    // What one does to a thing (`POST /posts/:id/like`) is between that thing and oneself.
    match (resource.nested_verb, table.name.as_str()) {
        (true, "follows") => {
            refer(&mut table, "follower_id", "users");
            refer(&mut table, "followed_id", "users");
        }
        (true, _) => refer(&mut table, "user_id", "users"),
        (false, _) => {}
    }
    if let Some(parent) = parent.filter(|_| table.name != "follows") {
        refer(&mut table, &format!("{parent}_id"), &names::plural(&parent));
    }
    Draft { table, source: Source::Prose }
}

fn refer(table: &mut TableNeed, column: &str, references: &str) {
    table.columns.push(ColumnNeed { name: column.to_owned(), nullable: true, ..ColumnNeed::default() });
    table.fks.push(ForeignKeyNeed {
        column: column.to_owned(),
        references: references.to_owned(),
        references_column: "id".to_owned(),
        on_delete: None,
    });
}

fn is_parameter(segment: &str) -> bool {
    segment.starts_with([':', '{', '<', '[', '$']) || segment.bytes().all(|b| b.is_ascii_digit())
}

fn is_version(segment: &str) -> bool {
    segment == "api"
        || segment.strip_prefix('v').is_some_and(|v| !v.is_empty() && v.bytes().all(|b| b.is_ascii_digit()))
}
