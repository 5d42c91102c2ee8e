//! A call's input, as models write it: what is missing, unknown or of the wrong type is one clear error.

use std::ops::RangeInclusive;

use loki_engine::tool::ToolError;
use serde_json::{Map, Value};

use crate::files::shown;

/// Bytes of a name that an error repeats.
const NAME_BYTES_MAX: usize = 60;

/// The members of an input.
pub(crate) struct Input<'a> {
    tool: &'static str,
    known: &'static [&'static str],
    members: &'a Map<String, Value>,
}

impl<'a> Input<'a> {
    /// The input of `tool`, which takes the members that are `known` and no other.
    pub(crate) fn of(
        tool: &'static str,
        known: &'static [&'static str],
        value: &'a Value,
    ) -> Result<Input<'a>, ToolError> {
        static NOTHING: std::sync::LazyLock<Map<String, Value>> = std::sync::LazyLock::new(Map::new);
        let members = match value {
            Value::Object(members) => members,
            Value::Null => &NOTHING,
            _ => return Err(bad(format!("the input of `{tool}` must be an object"), &takes(tool, known))),
        };
        if let Some(name) = members.keys().find(|name| !known.contains(&name.as_str())) {
            let hint = match nearest(name, known) {
                Some(meant) => format!("did you mean `{meant}`? {}", takes(tool, known)),
                None => takes(tool, known),
            };
            return Err(bad(format!("`{tool}` takes no `{}`", head(name)), &hint));
        }
        Ok(Input { tool, known, members })
    }

    /// A text that must be there.
    pub(crate) fn text(&self, name: &'static str) -> Result<&'a str, ToolError> {
        self.text_if_any(name)?.ok_or_else(|| {
            bad(format!("`{}` needs `{name}`, a string", self.tool), &takes(self.tool, self.known))
        })
    }

    /// A text that may be there.
    pub(crate) fn text_if_any(&self, name: &'static str) -> Result<Option<&'a str>, ToolError> {
        match self.member(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(other) => Err(self.wrong(name, "a string", other)),
        }
    }

    /// A whole number within bounds that may be there.
    pub(crate) fn number(
        &self,
        name: &'static str,
        bounds: RangeInclusive<u64>,
    ) -> Result<Option<u64>, ToolError> {
        let Some(value) = self.member(name) else { return Ok(None) };
        match value.as_u64().filter(|number| bounds.contains(number)) {
            Some(number) => Ok(Some(number)),
            None => {
                let wanted = format!("a whole number from {} to {}", bounds.start(), bounds.end());
                Err(self.wrong(name, &wanted, value))
            }
        }
    }

    /// A truth value that is false where it is not there.
    pub(crate) fn flag(&self, name: &'static str) -> Result<bool, ToolError> {
        match self.member(name) {
            None => Ok(false),
            Some(Value::Bool(flag)) => Ok(*flag),
            Some(other) => Err(self.wrong(name, "true or false", other)),
        }
    }

    /// One of some words that may be there.
    pub(crate) fn choice(
        &self,
        name: &'static str,
        words: &[&'static str],
    ) -> Result<Option<&'static str>, ToolError> {
        let Some(value) = self.member(name) else { return Ok(None) };
        let chosen = words.iter().find(|word| value.as_str() == Some(word));
        chosen.copied().map(Some).ok_or_else(|| {
            let words: Vec<String> = words.iter().map(|word| format!("\"{word}\"")).collect();
            self.wrong(name, &format!("one of {}", words.join(", ")), value)
        })
    }

    /// Texts by name, at most `count_max`; none where the member is not there.
    pub(crate) fn texts(
        &self,
        name: &'static str,
        count_max: usize,
    ) -> Result<Vec<(&'a str, &'a str)>, ToolError> {
        let Some(value) = self.member(name) else { return Ok(Vec::new()) };
        let wanted = || format!("an object of at most {count_max} strings");
        let members = value.as_object().filter(|members| members.len() <= count_max);
        let members = members.ok_or_else(|| self.wrong(name, &wanted(), value))?;
        let text = |(key, value): (&'a String, &'a Value)| Some((key.as_str(), value.as_str()?));
        members.iter().map(text).collect::<Option<_>>().ok_or_else(|| self.wrong(name, &wanted(), value))
    }

    /// A member; one that is null counts as absent.
    fn member(&self, name: &str) -> Option<&'a Value> {
        self.members.get(name).filter(|value| !value.is_null())
    }

    fn wrong(&self, name: &str, wanted: &str, found: &Value) -> ToolError {
        let found = match found {
            Value::Null => "null".to_owned(),
            Value::Bool(flag) => flag.to_string(),
            Value::Number(number) => number.to_string(),
            Value::String(text) => format!("the string \"{}\"", head(text)),
            Value::Array(_) => "a list".to_owned(),
            Value::Object(_) => "an object".to_owned(),
        };
        bad(
            format!("`{name}` of `{}` must be {wanted}, and is {found}", self.tool),
            &takes(self.tool, self.known),
        )
    }
}

fn bad(message: String, hint: &str) -> ToolError {
    ToolError::new("bad_input", message, Some(hint))
}

fn takes(tool: &str, known: &[&str]) -> String {
    let names: Vec<String> = known.iter().map(|name| format!("`{name}`")).collect();
    format!("`{tool}` takes {}", names.join(", "))
}

/// The first bytes of a text that may be anything.
fn head(text: &str) -> String {
    let end = text.floor_char_boundary(NAME_BYTES_MAX.min(text.len()));
    let rest = if end < text.len() { "…" } else { "" };
    format!("{}{rest}", shown(&text.as_bytes()[..end]))
}

/// The known name that `name` is most likely a slip of.
fn nearest<'k>(name: &str, known: &[&'k str]) -> Option<&'k str> {
    let name = name.to_lowercase();
    if name.len() > NAME_BYTES_MAX {
        return None;
    }
    let contained = |known: &&&str| name.contains(**known) || known.contains(&name);
    let by_distance = known.iter().map(|known| (distance(&name, known), known));
    let near = by_distance.filter(|(distance, _)| *distance <= (name.len() / 3).clamp(1, 3));
    let near = near.min_by_key(|(distance, _)| *distance).map(|(_, known)| known);
    near.or_else(|| known.iter().find(contained)).copied()
}

/// Levenshtein distance in characters.
fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (i, l) in left.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, r) in right.iter().enumerate() {
            let replaced = diagonal + usize::from(l != *r);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[right.len()]
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const KNOWN: &[&str] = &["path", "offset", "all", "case"];

    fn input(value: &Value) -> Result<Input<'_>, ToolError> {
        Input::of("read_file", KNOWN, value)
    }

    #[test]
    fn what_is_right_is_taken() {
        let value = json!({"path": "a", "offset": 3, "all": true, "case": "smart"});
        let input = input(&value).unwrap();
        assert_eq!(input.text("path").unwrap(), "a");
        assert_eq!(input.number("offset", 1..=9).unwrap(), Some(3));
        assert!(input.flag("all").unwrap());
        assert_eq!(input.choice("case", &["smart", "exact"]).unwrap(), Some("smart"));
        let value = json!({"path": null, "offset": null});
        let input = Input::of("read_file", KNOWN, &value).unwrap();
        assert_eq!(input.text_if_any("path").unwrap(), None);
        assert_eq!(input.number("offset", 1..=9).unwrap(), None);
        assert!(!input.flag("all").unwrap());
    }

    #[test]
    fn what_is_wrong_is_one_clear_error() {
        let unknown = |name: &str| {
            let error = input(&json!({ name: 1 })).err().unwrap();
            assert_eq!(error.code, "bad_input");
            (error.message, error.hint.unwrap())
        };
        let takes = "`read_file` takes `path`, `offset`, `all`, `case`";
        assert_eq!(
            unknown("ofset"),
            ("`read_file` takes no `ofset`".to_owned(), format!("did you mean `offset`? {takes}"))
        );
        assert_eq!(unknown("file_path").1, format!("did you mean `path`? {takes}"));
        assert_eq!(unknown("banana").1, takes);
        let wrong = json!({"path": 7, "offset": "3", "all": "yes", "case": "loud"});
        let wrong = input(&wrong).unwrap();
        assert_eq!(
            wrong.text("path").unwrap_err().message,
            "`path` of `read_file` must be a string, and is 7"
        );
        assert_eq!(
            wrong.number("offset", 1..=9).unwrap_err().message,
            "`offset` of `read_file` must be a whole number from 1 to 9, and is the string \"3\""
        );
        wrong.flag("all").unwrap_err();
        wrong.choice("case", &["smart"]).unwrap_err();
        let texts = json!({"path": {"a": "1", "b": "2"}, "all": {"a": 1}});
        let texts = input(&texts).unwrap();
        assert_eq!(texts.texts("path", 2).unwrap(), [("a", "1"), ("b", "2")]);
        assert_eq!(texts.texts("case", 2).unwrap(), []);
        texts.texts("path", 1).unwrap_err();
        texts.texts("all", 2).unwrap_err();
        for out in
            [json!({"offset": 0}), json!({"offset": 10}), json!({"offset": -1}), json!({"offset": 1.5})]
        {
            input(&out).unwrap().number("offset", 1..=9).unwrap_err();
        }
        assert_eq!(
            input(&json!({})).unwrap().text("path").unwrap_err().message,
            "`read_file` needs `path`, a string"
        );
        for other in [json!([1]), json!("x"), json!(3)] {
            assert_eq!(input(&other).err().unwrap().code, "bad_input");
        }
    }
}
