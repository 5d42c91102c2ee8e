//! YAML as a [`Node`] tree.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_saphyr::Spanned;
use serde_saphyr::options::DuplicateKeyPolicy;

use super::tree::{Entry, NODES_MAX, Node, Value};

/// How deep values may nest: less than in JSON, since the parser's own recursion must fit a small thread.
const LEVELS_MAX: usize = 32;
/// The most aliases one document may use.
const ALIASES_MAX: usize = 1_000;

/// Reads one YAML document; nothing when it is not YAML.
pub(crate) fn read(text: &str, first_line: u32) -> Option<Node> {
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! { max_depth: LEVELS_MAX, max_nodes: NODES_MAX, max_aliases: ALIASES_MAX },
        duplicate_keys: DuplicateKeyPolicy::FirstWins,
        with_snippet: false,
    };
    let read: Spanned<Any> = serde_saphyr::from_str_with_options(text, options).ok()?;
    Some(node(read, first_line.saturating_sub(1)))
}

/// A value of any kind, with the place of each part.
enum Any {
    Null,
    Bool(bool),
    Number(String),
    Text(String),
    List(Vec<Spanned<Any>>),
    Map(Vec<(Spanned<Key>, Spanned<Any>)>),
}

/// A key, whatever scalar it is (`200:` is a number).
struct Key(String);

fn line(spanned_line: u64, before: u32) -> u32 {
    u32::try_from(spanned_line).unwrap_or(u32::MAX).saturating_add(before)
}

fn node(spanned: Spanned<Any>, before: u32) -> Node {
    let value = match spanned.value {
        Any::Null => Value::Null,
        Any::Bool(yes) => Value::Bool(yes),
        Any::Number(number) => Value::Number(number),
        Any::Text(text) => Value::Text(text),
        Any::List(items) => Value::List(items.into_iter().map(|item| node(item, before)).collect()),
        Any::Map(entries) => Value::Map(
            entries
                .into_iter()
                .map(|(key, value)| Entry {
                    line: line(key.referenced.line(), before),
                    key: key.value.0,
                    node: node(value, before),
                })
                .collect(),
        ),
    };
    Node { line: line(spanned.referenced.line(), before), value }
}

impl<'de> Deserialize<'de> for Any {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyVisitor)
    }
}

struct AnyVisitor;

impl<'de> Visitor<'de> for AnyVisitor {
    type Value = Any;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a value")
    }

    fn visit_bool<E: Error>(self, yes: bool) -> Result<Any, E> {
        Ok(Any::Bool(yes))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Any, E> {
        Ok(Any::Number(number.to_string()))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Any, E> {
        Ok(Any::Number(number.to_string()))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Any, E> {
        Ok(Any::Number(number.to_string()))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Any, E> {
        Ok(Any::Text(text.to_owned()))
    }

    fn visit_unit<E: Error>(self) -> Result<Any, E> {
        Ok(Any::Null)
    }

    fn visit_none<E: Error>(self) -> Result<Any, E> {
        Ok(Any::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Any, D::Error> {
        Any::deserialize(deserializer)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Any, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Any::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Any, A::Error> {
        let mut map = Vec::new();
        while let Some(entry) = entries.next_entry()? {
            map.push(entry);
        }
        Ok(Any::Map(map))
    }
}

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(KeyVisitor)
    }
}

struct KeyVisitor;

impl Visitor<'_> for KeyVisitor {
    type Value = Key;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a key")
    }

    fn visit_bool<E: Error>(self, yes: bool) -> Result<Key, E> {
        Ok(Key(yes.to_string()))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Key, E> {
        Ok(Key(number.to_string()))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Key, E> {
        Ok(Key(number.to_string()))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Key, E> {
        Ok(Key(number.to_string()))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Key, E> {
        Ok(Key(text.to_owned()))
    }

    fn visit_unit<E: Error>(self) -> Result<Key, E> {
        Ok(Key(String::new()))
    }
}
