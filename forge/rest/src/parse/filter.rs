//! Tests of values: `not.eq.5`, `in.(1,2)`, `like(any).{a*,b*}`, `fts(english).cat`.

use super::cursor::Cursor;
use super::{Loose, array, list, names};
use crate::ast::{Cond, IsValue, Operand, Operator, Scoped, SearchKind, Test};
use crate::error::RestError;

/// How operators are told in errors.
const OPERATOR: &str = "operator (eq, gt, ...)";

/// What a parameter is.
pub(super) enum Parameter {
    /// A condition.
    Filter(Scoped<Cond>),
    /// An argument of the function of this name.
    Argument(String),
}

/// How far a value goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Extent {
    /// To the end.
    All,
    /// To a comma or a closing parenthesis that is not quoted.
    Item,
}

/// Reads a parameter that is about a field.
pub(super) fn parameter(name: &str, value: &str, loose: Loose) -> Result<Parameter, RestError> {
    let (path, field) = names::tree_path(name)?;
    let mut cursor = Cursor::new(value);
    match tested(&mut cursor, Extent::All) {
        Some((negated, test)) if cursor.end() => {
            Ok(Parameter::Filter(Scoped { path, what: Cond::Test { field, negated, test } }))
        }
        None if loose == Loose::Argument && !cursor.committed => Ok(Parameter::Argument(field.name)),
        Some(_) | None => Err(cursor.error("filter", value)),
    }
}

/// A test with its operator, and whether it is negated.
pub(super) fn tested(c: &mut Cursor, extent: Extent) -> Option<(bool, Test)> {
    let negated = c.attempt(|c| {
        c.string("not")?;
        c.delimiter()
    });
    let negated = negated.is_some();
    c.committed |= negated;
    Some((negated, test(c, extent)?))
}

fn test(c: &mut Cursor, extent: Extent) -> Option<Test> {
    if decides(c, "in") {
        return Some(Test::In(list::values(c)?));
    }
    if decides(c, "is") {
        return Some(Test::Is(is_value(c)?));
    }
    if decides(c, "isdistinct") {
        return Some(Test::Distinct(value(c, extent)));
    }
    let (word, mode) =
        c.labelled(OPERATOR, |c| WORDS.iter().find_map(|word| c.attempt(|c| operator(c, word))))?;
    let mut value = value(c, extent);
    let op = match word {
        Word::Search(kind) => {
            let config = if let Mode::Language(language) = mode { Some(language) } else { None };
            return Some(Test::Search { kind, config, query: value });
        }
        Word::Plain(op) | Word::Quantified(op) => op,
    };
    if matches!(op, Operator::Like | Operator::ILike) {
        value = value.replace('*', "%");
    }
    let with = match mode {
        Mode::Bare | Mode::Language(_) => Operand::One(value),
        Mode::Any => Operand::Any(elements(c, &value)?),
        Mode::All => Operand::All(elements(c, &value)?),
    };
    Some(Test::Compare { op, with })
}

/// The elements of an array literal, which is refused for good where it is none.
fn elements(c: &mut Cursor, text: &str) -> Option<Vec<Option<String>>> {
    match array::elements(text) {
        Ok(elements) => Some(elements),
        Err(error) => c.refuse(error),
    }
}

/// Takes the beginning of a test that can be read in no other way.
fn decides(c: &mut Cursor, text: &str) -> bool {
    let found = c.labelled(OPERATOR, |c| {
        c.attempt(|c| {
            c.string(text)?;
            c.delimiter()
        })
    });
    c.committed |= found.is_some();
    found.is_some()
}

/// An operator's kind, which decides what may stand between it and its value.
#[derive(Debug, Clone, Copy)]
enum Word {
    Plain(Operator),
    Quantified(Operator),
    Search(SearchKind),
}

/// What stands between an operator and its value.
enum Mode {
    Bare,
    Any,
    All,
    Language(String),
}

/// The operators. Of two that begin alike the longer one comes first.
const WORDS: [(&str, Word); 22] = [
    ("fts", Word::Search(SearchKind::Query)),
    ("plfts", Word::Search(SearchKind::Plain)),
    ("phfts", Word::Search(SearchKind::Phrase)),
    ("wfts", Word::Search(SearchKind::Web)),
    ("neq", Word::Plain(Operator::NotEqual)),
    ("cs", Word::Plain(Operator::Contains)),
    ("cd", Word::Plain(Operator::ContainedIn)),
    ("ov", Word::Plain(Operator::Overlaps)),
    ("sl", Word::Plain(Operator::StrictlyLeft)),
    ("sr", Word::Plain(Operator::StrictlyRight)),
    ("nxr", Word::Plain(Operator::NotRight)),
    ("nxl", Word::Plain(Operator::NotLeft)),
    ("adj", Word::Plain(Operator::Adjacent)),
    ("eq", Word::Quantified(Operator::Equal)),
    ("gte", Word::Quantified(Operator::GreaterOrEqual)),
    ("gt", Word::Quantified(Operator::Greater)),
    ("lte", Word::Quantified(Operator::LessOrEqual)),
    ("lt", Word::Quantified(Operator::Less)),
    ("like", Word::Quantified(Operator::Like)),
    ("ilike", Word::Quantified(Operator::ILike)),
    ("match", Word::Quantified(Operator::Match)),
    ("imatch", Word::Quantified(Operator::IMatch)),
];

/// An operator with what belongs to it and the delimiter.
fn operator(c: &mut Cursor, (text, word): &(&str, Word)) -> Option<(Word, Mode)> {
    c.string(text)?;
    let mode = match word {
        Word::Plain(_) => None,
        Word::Quantified(_) => c.attempt(quantifier),
        Word::Search(_) => c.attempt(|c| {
            c.string("(")?;
            let language = names::identifier(c)?;
            c.string(")")?;
            Some(Mode::Language(language))
        }),
    };
    let mode = mode.unwrap_or(Mode::Bare);
    c.delimiter()?;
    Some((*word, mode))
}

fn quantifier(c: &mut Cursor) -> Option<Mode> {
    c.string("(")?;
    let mode = if c.string("any").is_some() {
        Mode::Any
    } else {
        c.string("all")?;
        Mode::All
    };
    c.string(")")?;
    Some(mode)
}

fn is_value(c: &mut Cursor) -> Option<IsValue> {
    let mark = c.mark();
    let word = c.take_while(|char| char.is_ascii_alphabetic() || char == '_').to_ascii_lowercase();
    match word.as_str() {
        "null" => Some(IsValue::Null),
        "not_null" => Some(IsValue::NotNull),
        "true" => Some(IsValue::True),
        "false" => Some(IsValue::False),
        "unknown" => Some(IsValue::Unknown),
        _ => {
            c.back(mark);
            c.fail("isVal: (null, not_null, true, false, unknown)")
        }
    }
}

/// A value up to where it ends.
fn value(c: &mut Cursor, extent: Extent) -> String {
    match extent {
        Extent::All => c.rest(),
        Extent::Item => match c.attempt(braced) {
            Some(text) => text,
            None => list::value(c),
        },
    }
}

/// An array or an object, up to the brace that closes it; braces and commas in quotes are part of it.
fn braced(c: &mut Cursor) -> Option<String> {
    if c.peek() != Some('{') {
        return None;
    }
    let mut text = String::new();
    let (mut open, mut in_quotes) = (0_usize, false);
    while let Some(char) = c.take() {
        text.push(char);
        match char {
            '\\' => text.extend(c.take()),
            '"' => in_quotes = !in_quotes,
            '{' if !in_quotes => open += 1,
            '}' if !in_quotes => open -= 1,
            _ => {}
        }
        if open == 0 {
            return Some(text);
        }
    }
    None
}
