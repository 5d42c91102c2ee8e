//! Puts the answer together: what the text asks for, unless the product runs without a backend.

use crate::clientside::{self, Judgement, Place};
use crate::document::{self, Code};
use crate::draft::Draft;
use crate::entities::{self, Stance};
use crate::exclusions::exclusions;
use crate::features::{access, auth, flags, functions, roles, schedules, secrets, storage};
use crate::formats;
use crate::lexicon::Tag;
use crate::merge;
use crate::requirements::{Requirements, TableNeed, VERSION};
use crate::scope::{self, Scope, Scoped};

/// The largest document that is read, in bytes.
pub const DOCUMENT_BYTES_MAX: usize = 2 * 1024 * 1024;

/// What is known about the document besides its text.
#[derive(Debug, Clone, Default)]
pub struct Options<'a> {
    /// Its file's name; the ending helps to tell formats apart.
    pub file_name: Option<&'a str>,
}

/// Why a document was not read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DetectError {
    /// Nothing but white space.
    #[error("the document is empty")]
    Empty,
    /// Not text.
    #[error("the document is binary: it holds a zero byte at offset {offset}")]
    Binary {
        /// Where the first zero byte is.
        offset: usize,
    },
    /// More than is read.
    #[error("the document has {size} bytes, more than the {limit} that are read")]
    TooLarge {
        /// The document's size in bytes.
        size: usize,
        /// The largest size that is read.
        limit: usize,
    },
    /// Text in another encoding.
    #[error("the document is not UTF-8: the byte at offset {offset} is invalid")]
    NotUtf8 {
        /// Where the first invalid byte is.
        offset: usize,
    },
}

/// Reads a document from bytes.
///
/// # Errors
///
/// As [`detect`], and where the bytes are not UTF-8.
pub fn detect_bytes(document: &[u8], options: &Options<'_>) -> Result<Requirements, DetectError> {
    check_size(document.len())?;
    if let Some(offset) = document.iter().position(|byte| *byte == 0) {
        return Err(DetectError::Binary { offset });
    }
    let text = std::str::from_utf8(document)
        .map_err(|error| DetectError::NotUtf8 { offset: error.valid_up_to() })?;
    detect(text, options)
}

/// Says which backend a document needs.
///
/// # Errors
///
/// Where the document is empty, larger than [`DOCUMENT_BYTES_MAX`], or holds a zero byte.
pub fn detect(document: &str, options: &Options<'_>) -> Result<Requirements, DetectError> {
    check_size(document.len())?;
    if let Some(offset) = document.bytes().position(|byte| byte == 0) {
        return Err(DetectError::Binary { offset });
    }
    let text = document.strip_prefix('\u{feff}').unwrap_or(document);
    if text.trim().is_empty() {
        return Err(DetectError::Empty);
    }
    if let Some(structured) = formats::whole_file(text, options.file_name) {
        let parsed = document::from_structured(&structured);
        let scoped = scope::judge(&parsed);
        return Ok(decide(text, &scoped, structured.drafts, structured.secured));
    }
    let parsed = document::parse(text);
    let scoped = scope::judge(&parsed);
    Ok(decide(text, &scoped, Vec::new(), false))
}

fn check_size(size: usize) -> Result<(), DetectError> {
    if size > DOCUMENT_BYTES_MAX {
        return Err(DetectError::TooLarge { size, limit: DOCUMENT_BYTES_MAX });
    }
    Ok(())
}

fn decide(text: &str, scoped: &Scoped<'_>, mut drafts: Vec<Draft>, secured: bool) -> Requirements {
    let calls = entities::endpoints(scoped);
    let mut logins = auth::auth(scoped);
    if secured && logins.is_empty() {
        logins.push(("email-password".to_owned(), Vec::new()));
    }
    let login_sentences =
        if logins.is_empty() { 0 } else { scoped.wanted().filter(|s| s.has(Tag::Login)).count() };
    // A schema written out is as much a call for a server as its endpoints are.
    const SCHEMA_POINTS: usize = 4;
    let databases = coded(scoped, Keep::Databases);
    let asked = calls.len() + drafts.len() + if databases.is_empty() { 0 } else { SCHEMA_POINTS };
    let judgement = clientside::judge(scoped, login_sentences, asked);
    if judgement.place == Place::Client {
        // A terminal program or a bot may still spell out database tables; anything less stays local.
        drafts.extend(databases);
    } else {
        drafts.extend(coded(scoped, Keep::All));
        drafts.extend(entities::declared(scoped, &calls));
        let signed_in = !logins.is_empty();
        let stance = Stance { backend: judgement.server || signed_in, signed_in };
        let told = entities::told(scoped, &drafts, stance);
        drafts.extend(told);
    }
    entities::enrich(scoped, &mut drafts, !logins.is_empty());
    let mut tables = merge::merge(drafts);
    entities::uniques(scoped, &mut tables);
    let mut answer = assemble(scoped, &judgement, tables, logins);
    if is_empty(&answer) {
        answer = none(scoped, &judgement);
    }
    let named = secrets::secrets(text);
    for (name, lines) in named {
        answer.evidence.insert(format!("secrets.{name}"), lines);
        answer.secrets.push(name);
    }
    answer.exclusions = exclusions(scoped);
    answer
}

/// Which code blocks are read for tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Keep {
    /// Only those in the language of a database.
    Databases,
    /// All: types and examples too.
    All,
}

/// Tables out of the code blocks in scope.
fn coded(scoped: &Scoped<'_>, keep: Keep) -> Vec<Draft> {
    let wanted = |code: &&Code| {
        let section = scoped.sections.get(code.section).is_none_or(|s| matches!(s, Scope::In | Scope::Aside));
        let lead = code
            .lead
            .and_then(|lead| scoped.blocks.get(lead))
            .is_none_or(|s| matches!(s, Scope::In | Scope::Aside));
        section && lead && (keep == Keep::All || is_database(code))
    };
    let codes = scoped.document.codes.iter().filter(wanted);
    codes.flat_map(|code| formats::extract(code.language.as_deref(), &code.text, code.line)).collect()
}

fn is_database(code: &Code) -> bool {
    let language = code.language.as_deref().unwrap_or_default();
    ["sql", "postgresql", "postgres", "mysql", "sqlite", "prisma", "dbml"].contains(&language)
        || code.text.to_lowercase().contains("create table")
}

fn assemble(
    scoped: &Scoped<'_>,
    judgement: &Judgement,
    tables: Vec<TableNeed>,
    logins: Vec<(String, Vec<u32>)>,
) -> Requirements {
    let mut answer = Requirements {
        version: VERSION,
        title: scoped.document.title.clone(),
        tables,
        ..Requirements::default()
    };
    let model = flags::model(scoped);
    if !model.is_empty() {
        answer.ai_gateway = true;
        answer.evidence.insert("ai_gateway".to_owned(), model);
    }
    let vector = flags::vector(scoped);
    if !vector.is_empty() {
        answer.vector_search = true;
        answer.evidence.insert("vector_search".to_owned(), vector);
    }
    if judgement.place == Place::Client {
        return answer;
    }
    for (name, lines) in logins {
        answer.evidence.insert(format!("auth.{name}"), lines);
        answer.auth.push(name);
    }
    if !answer.auth.is_empty() {
        for (name, lines) in auth::features(scoped) {
            answer.evidence.insert(format!("auth_features.{name}"), lines);
            answer.auth_features.push(name.to_owned());
        }
    }
    for (name, lines) in flags::payments(scoped) {
        answer.evidence.insert(format!("payments.{name}"), lines);
        answer.payments.push(name);
    }
    answer.storage = storage::storage(scoped);
    answer.functions = functions::functions(scoped);
    answer.schedules = schedules::schedules(scoped);
    answer.realtime = flags::realtime(scoped);
    users(scoped, &mut answer);
    access::assign(scoped, &mut answer.tables);
    if !answer.auth.is_empty() {
        answer.roles = roles::roles(scoped, &answer.tables);
    }
    answer
}

/// Sign-in brings `users` with it where others refer to it or the text speaks of profiles.
fn users(scoped: &Scoped<'_>, answer: &mut Requirements) {
    const LINES_MAX: usize = 3;
    if answer.auth.is_empty() || answer.tables.iter().any(|t| crate::names::key(&t.name) == "user") {
        return;
    }
    let referring = answer.tables.iter().filter(|t| t.fks.iter().any(|f| f.references == "users"));
    let told = scoped.wanted().filter(|s| s.has(Tag::LoginWeak)).map(|s| s.line);
    let lines: Vec<u32> =
        referring.flat_map(|t| t.lines.first().copied()).chain(told).take(LINES_MAX).collect();
    if !lines.is_empty() {
        answer.tables.insert(0, TableNeed { name: "users".to_owned(), lines, ..TableNeed::default() });
    }
}

fn is_empty(answer: &Requirements) -> bool {
    answer.tables.is_empty()
        && answer.auth.is_empty()
        && answer.storage.is_empty()
        && answer.functions.is_empty()
        && answer.schedules.is_empty()
        && answer.realtime.is_empty()
        && answer.payments.is_empty()
        && !answer.vector_search
        && !answer.ai_gateway
}

fn none(scoped: &Scoped<'_>, judgement: &Judgement) -> Requirements {
    let mut answer = Requirements {
        version: VERSION,
        none: true,
        title: scoped.document.title.clone(),
        ..Requirements::default()
    };
    if !judgement.lines.is_empty() {
        answer.evidence.insert("none".to_owned(), judgement.lines.clone());
    }
    answer
}
