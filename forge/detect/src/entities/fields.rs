//! Reads one field of a table out of a bullet, a cell or a list in a sentence.

use crate::names;
use crate::requirements::{ColumnNeed, ColumnType, ForeignKeyNeed};

use super::typing;

/// A column and what it refers to.
#[derive(Debug, Clone)]
pub(crate) struct Field {
    pub column: ColumnNeed,
    pub fk: Option<ForeignKeyNeed>,
}

const NAME_WORDS_MAX: usize = 4;
const NAME_CHARS_MAX: usize = 40;

/// The fields a bullet or a cell names: mostly one, several where it is a list.
pub(crate) fn read(text: &str) -> Vec<Field> {
    if let Some(field) = belongs(text) {
        return vec![field];
    }
    let (name, rest) = split_name(text);
    if name.contains(',') || name.contains(" / ") || name.contains(" and ") {
        return list(&name);
    }
    field(&name, &rest).into_iter().collect()
}

/// True when a bullet names a field and its type, or a field that is a key.
pub(crate) fn is_typed(text: &str) -> bool {
    if belongs(text).is_some() {
        return true;
    }
    let (name, rest) = split_name(text);
    column_name(&name).is_some() && typing::is_typed(&rest)
}

/// `belongs_to :user`, `belongs to User`, `ref: User`, `user:references`.
fn belongs(text: &str) -> Option<Field> {
    const MARKS: &[&str] = &["belongs_to", "belongs to", "ref:", "fk:", "foreign key:"];
    let text = text.trim().trim_end_matches(['.', ';']);
    let lower = text.to_lowercase();
    let target = MARKS
        .iter()
        .find_map(|mark| lower.strip_prefix(mark))
        .or_else(|| lower.strip_suffix(":references"))
        .map(|rest| text.get(text.len() - rest.len()..).filter(|t| t.to_lowercase() == rest).unwrap_or(rest));
    let target = if lower.ends_with(":references") { text.split(':').next() } else { target }?;
    belongs_to(target)
}

/// The key of a table that this one belongs to.
pub(crate) fn belongs_to(target: &str) -> Option<Field> {
    let words = target.trim_start_matches(|c: char| !c.is_alphanumeric());
    let one = names::singular(&column_name(words.strip_prefix("a ").unwrap_or(words))?);
    if one.ends_with("_id") {
        return None;
    }
    let name = format!("{one}_id");
    let column = ColumnNeed { name: name.clone(), nullable: true, ..ColumnNeed::default() };
    let references = names::plural(&one);
    let fk = ForeignKeyNeed { column: name, references, references_column: "id".to_owned(), on_delete: None };
    Some(Field { column, fk: Some(fk) })
}

/// One field from its name and the rest of what is said about it.
pub(crate) fn field(name: &str, rest: &str) -> Option<Field> {
    let column_name = column_name(name)?;
    let about = rest.to_lowercase();
    let (r#type, values) = kind(&about, rest);
    let column = ColumnNeed {
        name: column_name.clone(),
        r#type,
        nullable: !(says(&about, "required") || about.contains("not null") || about.contains("mandatory")),
        primary_key: about.contains("primary key") || says(&about, "pk"),
        unique: says(&about, "unique"),
        default: default(rest),
        values,
    };
    let fk = reference(&column_name, &about, rest);
    Some(Field { column, fk })
}

/// The fields of a list in running text: `title, description (optional) and due date`.
pub(crate) fn list(text: &str) -> Vec<Field> {
    const TEXT_BYTES_MAX: usize = 8_000;
    if text.len() > TEXT_BYTES_MAX {
        return Vec::new();
    }
    const FIELDS_MAX: usize = 60;
    let mut fields = Vec::new();
    for part in split_list(text).into_iter().take(FIELDS_MAX) {
        let (name, rest) = split_name(&part);
        let name = name.trim();
        let name = ["a ", "an ", "the ", "optional ", "its ", "their "]
            .iter()
            .fold(name, |n, w| n.strip_prefix(w).unwrap_or(n));
        if name.split_whitespace().count() <= 3
            && let Some(field) = field(name, &rest)
        {
            fields.push(field);
        }
    }
    fields
}

/// Splits at commas, slashes and "and", but not within parentheses.
pub(crate) fn split_list(text: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut depth = 0_u32;
    for letter in text.chars() {
        match letter {
            '(' | '[' | '（' => depth += 1,
            ')' | ']' | '）' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth == 0 && matches!(letter, ',' | '、' | '，' | ';') {
            parts.push(String::new());
        } else if let Some(part) = parts.last_mut() {
            part.push(letter);
        }
    }
    let joints = [" and ", " & ", " / ", " or ", " plus ", " und ", " et ", " y ", " e "];
    let mut out = Vec::new();
    for part in parts {
        let part = part.trim();
        let part = joints.iter().fold(part, |p, joint| p.strip_prefix(joint.trim_start()).unwrap_or(p));
        let open = part.find('(').unwrap_or(part.len());
        match joints.iter().find_map(|joint| part[..open].find(joint).map(|at| (at, joint.len()))) {
            Some((at, length)) => {
                out.push(part[..at].trim().to_owned());
                out.push(part[at + length..].trim().to_owned());
            }
            None => out.push(part.to_owned()),
        }
    }
    out.retain(|part| !part.is_empty());
    out
}

/// The name in front and what follows it.
fn split_name(text: &str) -> (String, String) {
    let text = text.trim().trim_end_matches(['.', ';']);
    let marks = [":", "：", "(", "（", " - ", " – ", " — ", " = ", " → ", " -> "];
    let cut = marks.iter().filter_map(|mark| text.find(mark).map(|at| (at, mark.len()))).min();
    let (head, rest) = match cut {
        Some((at, length)) => (text[..at].trim(), text[at..].get(length.min(1)..).unwrap_or_default()),
        None => (text, ""),
    };
    let mut words = head.split_whitespace();
    let first = words.next().unwrap_or_default();
    let second = words.next().unwrap_or_default().to_lowercase();
    let identifier = first.contains('_')
        || first.chars().skip(1).any(char::is_uppercase) && first.chars().any(char::is_lowercase);
    let second_word = second.trim_matches(|c: char| !c.is_alphanumeric());
    if !first.ends_with(',')
        && !second.is_empty()
        && (identifier && second != "and" && second != "/"
            || is_type(second_word) && !is_numbered(first, &second))
    {
        return (first.to_owned(), format!("{} {rest}", head[first.len()..].trim()));
    }
    (head.to_owned(), rest.to_owned())
}

/// `phone number`, `start date`: the second word is a part of the name, not its type.
fn is_numbered(first: &str, second: &str) -> bool {
    const NUMBERED: &[&str] = &[
        "phone",
        "mobile",
        "telephone",
        "account",
        "serial",
        "house",
        "tracking",
        "flight",
        "room",
        "card",
        "invoice",
        "registration",
        "license",
        "licence",
        "contact",
        "student",
        "employee",
        "part",
        "model",
        "seat",
        "ticket",
        "vat",
        "tax",
        "reference",
        "order",
        "batch",
        "passport",
        "policy",
        "version",
        "page",
        "case",
        "plate",
    ];
    second == "number" && NUMBERED.contains(&first.to_lowercase().as_str())
}

/// The column's name, where the words can be one.
pub(crate) fn column_name(text: &str) -> Option<String> {
    let text = names::fold(text.trim().trim_matches(['"', '\'', '`', '*', '?', '+', '#', '.']).trim());
    let latin = text.chars().filter(|c| c.is_alphabetic()).all(|c| c.is_ascii());
    if !latin
        || text.is_empty()
        || text.len() > NAME_CHARS_MAX
        || text.split_whitespace().count() > NAME_WORDS_MAX
    {
        return None;
    }
    let odd = text.chars().any(|c| matches!(c, '/' | '<' | '>' | '{' | '}' | '=' | '%' | '$' | '@' | '"'));
    let name = names::snake(&text);
    let starts = name.starts_with(|c: char| c.is_ascii_lowercase());
    (starts && !odd && !NEVER.contains(&name.as_str())).then_some(name)
}

/// Words that head a bullet of a schema without being a column.
const NEVER: &[&str] = &[
    "fields",
    "columns",
    "relationships",
    "relations",
    "indexes",
    "indices",
    "constraints",
    "notes",
    "note",
    "example",
    "purpose",
    "primary_key",
    "foreign_key",
    "foreign_keys",
    "attributes",
    "properties",
    "rls",
    "policies",
    "validation",
    "rules",
    "the",
    "etc",
    "and",
    "or",
    "more",
    "stores",
    "has_many",
    "belongs_to",
    "unique",
    "index",
    "user_benefit",
    "such_as",
    "e_g",
    "i_e",
    "primary",
    "all",
    "other",
];

fn is_type(word: &str) -> bool {
    const TYPES: &[&str] = &[
        "uuid",
        "string",
        "text",
        "varchar",
        "char",
        "int",
        "integer",
        "bigint",
        "smallint",
        "serial",
        "bigserial",
        "number",
        "float",
        "double",
        "decimal",
        "numeric",
        "bool",
        "boolean",
        "timestamp",
        "timestamptz",
        "datetime",
        "json",
        "jsonb",
        "enum",
        "array",
        "blob",
        "objectid",
        "pk",
        "fk",
    ];
    TYPES.contains(&word)
}

fn kind(about: &str, original: &str) -> (ColumnType, Vec<String>) {
    let values = values(about, original);
    if let Some(size) = sized(about, "varchar").or_else(|| sized(about, "char")) {
        return (ColumnType::Varchar(size), values);
    }
    if let Some(size) = sized(about, "vector") {
        return (ColumnType::Vector(size), values);
    }
    let found =
        KINDS.iter().find(|(words, _)| words.iter().any(|w| says(about, w))).map(|(_, kind)| kind.clone());
    let list = about.contains("[]") || says(about, "array") || about.contains("list of");
    let inner = match found {
        None if !values.is_empty() => ColumnType::Text,
        None => ColumnType::Unspecified,
        Some(kind) => kind,
    };
    if list && inner != ColumnType::Json {
        let inner = if inner == ColumnType::Unspecified { ColumnType::Text } else { inner };
        return (ColumnType::Array(Box::new(inner)), values);
    }
    (inner, values)
}

const KINDS: &[(&[&str], ColumnType)] = &[
    (&["uuid", "guid"], ColumnType::Uuid),
    (&["timestamp", "timestamptz", "datetime", "date time"], ColumnType::Timestamp),
    (&["bool", "boolean", "true/false"], ColumnType::Boolean),
    (&["bigint", "bigserial", "long"], ColumnType::Bigint),
    (&["decimal", "numeric", "money"], ColumnType::Numeric(12, 2)),
    (&["float", "double", "real"], ColumnType::Float),
    (&["int", "integer", "serial", "smallint"], ColumnType::Integer),
    (&["jsonb", "json"], ColumnType::Json),
    (&["string", "text", "varchar", "str", "enum"], ColumnType::Text),
    (&["number"], ColumnType::Float),
    (&["date"], ColumnType::Date),
    (&["time"], ColumnType::Time),
    (&["vector", "embedding"], ColumnType::Vector(0)),
    (&["blob", "binary", "bytea"], ColumnType::Binary),
];

/// `varchar(255)` -> 255.
fn sized(about: &str, name: &str) -> Option<u32> {
    let at = about.find(name)? + name.len();
    let rest = about[at..].trim_start().strip_prefix('(')?;
    rest[..rest.find(')')?].trim().parse().ok()
}

/// The values of an enumeration: `enum: draft, live` or `draft | live`.
fn values(about: &str, original: &str) -> Vec<String> {
    const VALUES_MAX: usize = 30;
    let body = if let Some(at) = about.find("enum") {
        original.get(at + 4..).unwrap_or_default()
    } else if let Some(at) = about.find("one of") {
        original.get(at + 6..).unwrap_or_default()
    } else if original.contains(" | ") || original.contains("'|'") {
        original
    } else {
        return Vec::new();
    };
    let body = body.trim_start_matches(|c: char| !c.is_alphanumeric());
    let body = body.split([')', ']', '.', ';']).next().unwrap_or_default();
    let parts = body.split(['|', ',', '/']).map(|v| v.trim().trim_matches(['\'', '"', '`', '(', '[']).trim());
    let values: Vec<String> = parts
        .filter(|v| !v.is_empty() && v.len() <= 30 && v.split(' ').count() <= 2)
        .map(str::to_owned)
        .take(VALUES_MAX)
        .collect();
    if values.len() < 2 { Vec::new() } else { values }
}

fn default(rest: &str) -> Option<String> {
    let about = rest.to_lowercase();
    let at = about.find("default")? + "default".len();
    // Lower-casing may move bytes in other scripts; then the text is no literal either.
    let after = rest.get(at..)?.trim_start_matches(['s', ':', '=', ' ']);
    let after = after.strip_prefix("to ").or_else(|| after.strip_prefix("value ")).unwrap_or(after);
    let literal = after.split([',', ')', ';', '|']).next()?.trim().trim_matches(['\'', '"', '`', '.']);
    let literal = literal.split_whitespace().next()?;
    let lower = literal.to_lowercase();
    let known = match lower.as_str() {
        "now" | "now(" | "current_timestamp" => "now()".to_owned(),
        "gen_random_uuid" | "gen_random_uuid(" | "uuid(" | "uuid_generate_v4(" => "uuid()".to_owned(),
        "true" | "false" | "null" => lower,
        other if other.len() <= 30 => literal.to_owned(),
        _ => return None,
    };
    Some(known)
}

/// What the field refers to, where the text says so.
fn reference(column: &str, about: &str, original: &str) -> Option<ForeignKeyNeed> {
    const MARKS: &[&str] = &[
        "references",
        "reference to",
        "foreign key to",
        "referencia a",
        "referência a",
        "fremdschlüssel auf",
        "verweist auf",
        "clé étrangère vers",
        "chave estrangeira para",
        "clave foránea a",
        "外部キー",
        "外键",
        "외래키",
        "foreign key referencing",
        "fk to",
        "fk ->",
        "fk →",
        "→",
        "->",
        "foreign key",
        "fk",
        "ref:",
        "ref",
    ];
    let (mark, at) = MARKS.iter().find_map(|mark| find_word(about, mark).map(|at| (*mark, at)))?;
    let after = original.get(at + mark.len()..).unwrap_or_default();
    let after = after
        .trim_start_matches(|c: char| !c.is_alphanumeric())
        .trim_start_matches("to ")
        .trim_start_matches("the ");
    let target: String = after.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
    let tail = &after[target.len()..];
    let key: String = tail
        .trim_start_matches(['.', '('])
        .chars()
        .take_while(|c| c.is_alphanumeric() || *c == '_')
        .collect();
    let explicit = tail.starts_with(['.', '(']) && !key.is_empty();
    let stem = column.strip_suffix("_id").unwrap_or(column);
    let table = names::snake(&target);
    let table = if table.is_empty() || is_filler(&table) {
        names::plural(stem)
    } else {
        names::plural(&names::singular(&table))
    };
    let on_delete =
        ["cascade", "set null", "restrict"].iter().find(|w| about.contains(*w)).map(|w| (*w).to_owned());
    Some(ForeignKeyNeed {
        column: column.to_owned(),
        references: table,
        references_column: if explicit { names::snake(&key) } else { "id".to_owned() },
        on_delete,
    })
}

fn is_filler(word: &str) -> bool {
    [
        "key", "id", "not", "null", "required", "nullable", "optional", "on", "unique", "uuid", "int",
        "integer", "indexed", "index",
    ]
    .contains(&word)
}

fn says(about: &str, word: &str) -> bool {
    find_word(about, word).is_some()
}

fn find_word(about: &str, word: &str) -> Option<usize> {
    about.match_indices(word).map(|(at, _)| at).find(|at| {
        let edge = |c: Option<char>| !c.is_some_and(|c| c.is_ascii_alphanumeric() || c == '_');
        let symbol = !word.starts_with(|c: char| c.is_alphanumeric());
        symbol || edge(about[..*at].chars().next_back()) && edge(about[at + word.len()..].chars().next())
    })
}
