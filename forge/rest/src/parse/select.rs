//! `select=`: columns, aggregates and embedded relations.

use super::cursor::Cursor;
use super::{DEPTH_MAX, names, whole};
use crate::ast::{Aggregate, EmbedTarget, Join, SelectItem};
use crate::error::RestError;

/// Reads the items.
pub(super) fn select(text: &str) -> Result<Vec<SelectItem>, RestError> {
    whole("select parameter", text, |c| items(c, 0))
}

/// Items with commas between them; there may be none.
fn items(c: &mut Cursor, depth: usize) -> Option<Vec<SelectItem>> {
    if depth > DEPTH_MAX {
        return c.exceed(format!("relations embedded more than {DEPTH_MAX} deep"));
    }
    let mut found = Vec::new();
    if matches!(c.peek(), None | Some(')')) {
        return Some(found);
    }
    loop {
        c.item()?;
        found.push(item(c, depth)?);
        if c.spaced(",").is_none() {
            return Some(found);
        }
    }
}

fn item(c: &mut Cursor, depth: usize) -> Option<SelectItem> {
    c.blanks();
    if let Some(target) = c.attempt(spread) {
        let select = c.decided(|c| inner(c, depth))?;
        return Some(SelectItem::Spread { target, select });
    }
    if let Some((alias, target)) = c.attempt(embed) {
        let select = c.decided(|c| inner(c, depth))?;
        return Some(SelectItem::Embed { alias, target, select });
    }
    if let Some(star) = c.attempt(star) {
        return Some(star);
    }
    match c.attempt(count) {
        Some(count) => Some(count),
        None => field(c),
    }
}

/// What is selected of an embedded relation.
fn inner(c: &mut Cursor, depth: usize) -> Option<Vec<SelectItem>> {
    c.string("(")?;
    let select = items(c, depth + 1)?;
    c.blanks();
    c.string(")")?;
    c.blanks();
    Some(select)
}

/// `...relation`, before its parenthesis.
fn spread(c: &mut Cursor) -> Option<EmbedTarget> {
    c.string("...")?;
    let name = names::name(c)?;
    target(c, name)
}

/// `alias:relation`, before its parenthesis.
fn embed(c: &mut Cursor) -> Option<(Option<String>, EmbedTarget)> {
    let alias = c.attempt(alias);
    let quoted = c.looking_at("\"");
    let name = names::name(c)?;
    // That one is the aggregate.
    if name == "count" && !quoted {
        return None;
    }
    Some((alias, target(c, name)?))
}

/// Hint and kind of join, up to the parenthesis.
fn target(c: &mut Cursor, name: String) -> Option<EmbedTarget> {
    let mut target = EmbedTarget { name, hint: None, join: None };
    for _ in 0..2 {
        if !c.looking_at("!") {
            break;
        }
        c.take();
        let quoted = c.looking_at("\"");
        let word = names::name(c)?;
        match word.as_str() {
            "inner" if !quoted => target.join = target.join.or(Some(Join::Inner)),
            "left" if !quoted => target.join = target.join.or(Some(Join::Left)),
            _ => target.hint = target.hint.or(Some(word)),
        }
    }
    c.looking_at("(").then_some(target)
}

/// `*`
fn star(c: &mut Cursor) -> Option<SelectItem> {
    c.string("*")?;
    ends(c)?;
    Some(SelectItem::Star)
}

/// `alias:count()::cast`
fn count(c: &mut Cursor) -> Option<SelectItem> {
    let alias = c.attempt(alias);
    c.string("count()")?;
    let cast = cast_of(c)?;
    ends(c)?;
    Some(SelectItem::Aggregate { alias, of: None, function: Aggregate::Count, cast })
}

/// `alias:field->path::cast.sum()::cast`
fn field(c: &mut Cursor) -> Option<SelectItem> {
    let alias = c.attempt(alias);
    let field = c.decided(names::field)?;
    let cast = cast_of(c)?;
    if let Some(function) = c.attempt(aggregate) {
        let of = Some((field, cast));
        let cast = cast_of(c)?;
        ends(c)?;
        return Some(SelectItem::Aggregate { alias, of, function, cast });
    }
    ends(c)?;
    Some(SelectItem::Field { alias, field, cast })
}

/// A name before a colon; two colons are a cast.
fn alias(c: &mut Cursor) -> Option<String> {
    c.blanks();
    let name = names::name(c)?;
    if c.looking_at("::") {
        return None;
    }
    c.string(":")?;
    Some(name)
}

/// `::type`, if there is one.
fn cast_of(c: &mut Cursor) -> Option<Option<String>> {
    if c.string("::").is_none() {
        return Some(None);
    }
    names::identifier(c).map(Some)
}

/// `.sum()`
fn aggregate(c: &mut Cursor) -> Option<Aggregate> {
    c.string(".")?;
    let functions = [
        ("sum", Aggregate::Sum),
        ("avg", Aggregate::Avg),
        ("count", Aggregate::Count),
        ("max", Aggregate::Max),
        ("min", Aggregate::Min),
    ];
    let function = functions.into_iter().find_map(|(text, function)| c.string(text).map(|()| function))?;
    c.string("()")?;
    Some(function)
}

/// Whether an item ends here.
fn ends(c: &mut Cursor) -> Option<()> {
    c.blanks();
    let closed = c.ahead(")");
    let more = c.ahead(",");
    let over = c.end();
    (closed || more || over).then_some(())
}
