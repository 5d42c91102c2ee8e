//! Reads a `SKILL.md`: a block of YAML between two lines of `---`, then the text.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};
use serde_saphyr::options::DuplicateKeyPolicy;

/// Bytes of the block.
const BLOCK_BYTES_MAX: usize = 16 * 1024;
/// How deep values may nest, and how many there may be. Anchors have no use here.
const LEVELS_MAX: usize = 6;
const NODES_MAX: usize = 500;
const ALIASES_MAX: usize = 0;

/// Characters of each field, as the specification says.
const NAME_CHARS_MAX: usize = 64;
const DESCRIPTION_CHARS_MAX: usize = 1024;
const COMPATIBILITY_CHARS_MAX: usize = 500;

/// The fields that the specification knows.
const FIELDS: [&str; 6] = ["name", "description", "license", "compatibility", "metadata", "allowed-tools"];

/// What a skill says about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frontmatter {
    /// What it is called: the name of its folder.
    pub name: String,
    /// What it does and when to take it up.
    pub description: String,
    /// Under which terms it may be used.
    pub license: Option<String>,
    /// What it needs to be of use.
    pub compatibility: Option<String>,
    /// What else its author says.
    pub metadata: BTreeMap<String, String>,
    /// The tools it gets by with, as written; `None`: it names none.
    pub allowed_tools: Option<String>,
    /// Fields that the specification does not know.
    pub unknown: BTreeSet<String>,
}

/// Whether a skill may be called so: lower-case letters, digits, and single hyphens between them.
pub fn is_name(name: &str) -> bool {
    let letters = |part: &str| {
        !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
    };
    name.len() <= NAME_CHARS_MAX && name.split('-').all(letters)
}

/// The text of a `SKILL.md` from its bytes.
///
/// # Errors
///
/// What is wrong, where they are no text.
pub(crate) fn text_of(bytes: Vec<u8>) -> Result<String, String> {
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        return Err("it is UTF-16; save it as UTF-8".to_owned());
    }
    let mut text = String::from_utf8(bytes).map_err(|error| {
        format!("it is not UTF-8 from byte {}; save it as UTF-8", error.utf8_error().valid_up_to())
    })?;
    if let Some(at) = text.find('\0') {
        return Err(format!("byte {at} is 0: it is no text"));
    }
    if text.starts_with('\u{feff}') {
        text.remove(0);
    }
    Ok(text)
}

/// What a `SKILL.md` says about itself, and the text below it.
///
/// # Errors
///
/// What is wrong, in one line, where it cannot be read or breaks the specification.
pub fn parse(text: &str) -> Result<(Frontmatter, &str), String> {
    let (block, body) = split(text)?;
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! { max_depth: LEVELS_MAX, max_nodes: NODES_MAX, max_aliases: ALIASES_MAX },
        alias_limits: serde_saphyr::alias_limits! { max_total_replayed_events: NODES_MAX },
        duplicate_keys: DuplicateKeyPolicy::Error,
        with_snippet: false,
    };
    let root: Value = serde_saphyr::from_str_with_options(block, options).map_err(|error| {
        let said = crate::one_line(&error.to_string(), 300);
        format!(
            "the lines before the text are no YAML ({said}); a value that holds `: ` or `#` must be quoted"
        )
    })?;
    let Value::Object(fields) = root else {
        return Err("the lines before the text are no fields such as `name: …`".to_owned());
    };
    Ok((frontmatter(fields)?, body))
}

fn split(text: &str) -> Result<(&str, &str), String> {
    let mut lines = text.split_inclusive('\n');
    let first = lines.next().unwrap_or_default();
    if first.trim_end() != "---" {
        return Err("it does not begin with a line `---`, `name:` and `description:`".to_owned());
    }
    let begin = first.len();
    let mut end = begin;
    for line in lines {
        if line.trim_end() == "---" {
            return Ok((&text[begin..end], text[end + line.len()..].trim_matches(['\n', '\r'])));
        }
        end += line.len();
        if end - begin > BLOCK_BYTES_MAX {
            return Err(format!("its first block has more than {BLOCK_BYTES_MAX} bytes"));
        }
    }
    Err("its first block is not closed by a line `---`".to_owned())
}

fn frontmatter(mut fields: Map<String, Value>) -> Result<Frontmatter, String> {
    let name = required(&mut fields, "name")?;
    if !is_name(&name) {
        return Err(format!(
            "the name `{}` is not made of lower-case letters, digits and single hyphens (64 at most)",
            crate::one_line(&name, 80)
        ));
    }
    let description = required(&mut fields, "description")?;
    let compatibility = optional(&mut fields, "compatibility")?;
    within("description", &description, DESCRIPTION_CHARS_MAX)?;
    within("compatibility", compatibility.as_deref().unwrap_or_default(), COMPATIBILITY_CHARS_MAX)?;
    Ok(Frontmatter {
        name,
        description,
        license: optional(&mut fields, "license")?,
        compatibility,
        metadata: metadata(fields.remove("metadata"))?,
        allowed_tools: allowed_tools(fields.remove("allowed-tools"))?,
        unknown: fields.keys().filter(|name| !FIELDS.contains(&name.as_str())).cloned().collect(),
    })
}

fn required(fields: &mut Map<String, Value>, name: &str) -> Result<String, String> {
    match optional(fields, name)?.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty()) {
        Some(text) => Ok(text),
        None => Err(format!("`{name}` is missing or empty")),
    }
}

fn optional(fields: &mut Map<String, Value>, name: &str) -> Result<Option<String>, String> {
    match fields.remove(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) => {
            Err(format!("`{name}` is no text; put it in quotes"))
        }
    }
}

fn within(name: &str, text: &str, chars_max: usize) -> Result<(), String> {
    match text.chars().count() {
        count if count > chars_max => Err(format!("`{name}` has {count} characters, {chars_max} at most")),
        _ => Ok(()),
    }
}

fn metadata(value: Option<Value>) -> Result<BTreeMap<String, String>, String> {
    let fields = match value {
        None | Some(Value::Null) => return Ok(BTreeMap::new()),
        Some(Value::Object(fields)) => fields,
        Some(Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_)) => {
            return Err("`metadata` is no list of names with values".to_owned());
        }
    };
    let text = |(name, value): (String, Value)| match value {
        Value::String(text) => Ok((name, text)),
        value @ (Value::Bool(_) | Value::Number(_)) => Ok((name, value.to_string())),
        Value::Null => Ok((name, String::new())),
        Value::Array(_) | Value::Object(_) => {
            Err(format!("`metadata` has a value at `{}` that is no text", crate::one_line(&name, 80)))
        }
    };
    fields.into_iter().map(text).collect()
}

/// One text, as the specification says, or a list, as is found in the wild.
fn allowed_tools(value: Option<Value>) -> Result<Option<String>, String> {
    match value {
        None => Ok(None),
        // The field is there and names no tool: then there is none.
        Some(Value::Null) => Ok(Some(String::new())),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(Value::Array(items)) => {
            let words = items.iter().map(Value::as_str).collect::<Option<Vec<&str>>>();
            words
                .map(|words| Some(words.join(" ")))
                .ok_or_else(|| "`allowed-tools` is no list of names".to_owned())
        }
        Some(Value::Bool(_) | Value::Number(_) | Value::Object(_)) => {
            Err("`allowed-tools` is no text of names with blanks between".to_owned())
        }
    }
}
