//! Random requests on a schema.

use bytes::Bytes;
use forge_database::schema::{Schema, Table, Type};
use http::Request;
use serde_json::{Map, Value};

use super::random::Random;
use super::values::{encoded, key, text, value};

/// What is asked, so that it can be shown.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) method: &'static str,
    pub(crate) path: String,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Option<Value>,
}

impl Asked {
    pub(crate) fn request(&self) -> Request<Bytes> {
        let mut request = Request::builder().method(self.method).uri(self.path.replace('>', "%3E"));
        for (name, value) in &self.headers {
            request = request.header(*name, value);
        }
        let body = self.body.as_ref().map(|body| Bytes::from(body.to_string())).unwrap_or_default();
        request.body(body).expect("a request")
    }
}

/// Every row of a table in a fixed order.
pub(crate) fn everything(table: &str) -> Asked {
    Asked { method: "GET", path: format!("/{}?order=id", encoded(table)), headers: Vec::new(), body: None }
}

/// Adds rows as whoever asks.
pub(crate) fn filling(random: &mut Random, table: &Table) -> Asked {
    let rows: Vec<Value> = (0..4).map(|_| Value::Object(row(random, table, 100))).collect();
    Asked {
        method: "POST",
        path: format!("/{}", encoded(&table.name)),
        headers: vec![
            ("content-type", "application/json".to_owned()),
            ("prefer", "resolution=ignore-duplicates,missing=default".to_owned()),
        ],
        body: Some(Value::Array(rows)),
    }
}

/// Any request.
pub(crate) fn request(random: &mut Random, schema: &Schema) -> Asked {
    let tables: Vec<&Table> = schema.tables.values().collect();
    let table = *random.pick(&tables);
    match random.below(10) {
        0..=4 => read(random, schema, table),
        5..=6 => add(random, schema, table),
        7..=8 => change(random, schema, table),
        _ => remove(random, schema, table),
    }
}

fn read(random: &mut Random, schema: &Schema, table: &Table) -> Asked {
    let mut query = Vec::new();
    if random.happens(15) {
        query.push(grouped(random, table));
    } else {
        let select = select(random, schema, table, 0);
        let embeds_order: Vec<String> = select.orders;
        query.push(format!("select={}", select.text));
        query.extend(embeds_order);
        query.extend(order(random, table));
        if random.happens(30) {
            query.push(format!("limit={}", random.below(5)));
        }
        if random.happens(20) {
            query.push(format!("offset={}", random.below(3)));
        }
    }
    query.extend(filters(random, table));
    let mut headers = Vec::new();
    if random.happens(30) {
        headers.push(("prefer", "count=exact".to_owned()));
    }
    if random.happens(8) {
        headers.push(("accept", "application/vnd.pgrst.object+json".to_owned()));
    }
    let method = if random.happens(5) { "HEAD" } else { "GET" };
    Asked { method, path: path(table, &query), headers, body: None }
}

fn grouped(random: &mut Random, table: &Table) -> String {
    let mut of = vec!["count()".to_owned()];
    for column in &table.columns {
        match column.ty {
            Type::Integer | Type::Bigint if random.happens(50) => {
                let function = random.pick(&["sum", "min", "max"]);
                of.push(format!("{}.{function}()", encoded(&column.name)));
            }
            Type::Text | Type::Date if random.happens(30) => {
                of.push(format!("{}.max()", encoded(&column.name)))
            }
            _ => {}
        }
    }
    format!("select={}", of.join(","))
}

struct Chosen {
    text: String,
    orders: Vec<String>,
}

fn select(random: &mut Random, schema: &Schema, table: &Table, depth: usize) -> Chosen {
    let mut items = Vec::new();
    let mut orders = Vec::new();
    if random.happens(50) {
        items.push("*".to_owned());
    } else {
        items.push("id".to_owned());
        for column in random.some(&table.columns, 40) {
            items.push(item(random, &column.name, &column.ty));
        }
        items.dedup();
    }
    if depth < 2 && random.happens(45) {
        let mut others: Vec<(String, &Table, bool)> = Vec::new();
        for key in &table.foreign_keys {
            others.extend(schema.table(&key.table).map(|other| (key.table.clone(), other, false)));
        }
        for other in schema.tables.values() {
            if other.foreign_keys.iter().any(|key| key.table == table.name) {
                others.push((other.name.clone(), other, true));
            }
        }
        if !others.is_empty() {
            let (name, other, many) = random.pick(&others).clone();
            let inner = select(random, schema, other, depth + 1);
            let join = random.pick(&["", "", "!inner", "!left"]);
            let name = quoted(&name);
            let spread = if !many && random.happens(15) { "..." } else { "" };
            let inside = if spread.is_empty() { inner.text } else { "x:id".to_owned() };
            items.push(format!("{spread}{name}{join}({inside})"));
            if many {
                orders.push(format!("{name}.order=id"));
            }
            if spread.is_empty() {
                orders.extend(inner.orders.into_iter().map(|order| format!("{name}.{order}")));
            }
        }
    }
    Chosen { text: items.join(","), orders }
}

fn item(random: &mut Random, name: &str, ty: &Type) -> String {
    let column = quoted(name);
    match ty {
        Type::Jsonb if random.happens(60) => {
            let path = random.pick(&["->a", "->>a", "->b->>c", "->l->0", "->l->-1", "->0"]);
            format!("v:{column}{path}")
        }
        Type::Integer | Type::Numeric(..) | Type::Date | Type::Uuid | Type::Boolean if random.happens(20) => {
            format!("{column}::text")
        }
        _ if random.happens(15) => format!("other:{column}"),
        _ => column,
    }
}

fn order(random: &mut Random, table: &Table) -> Vec<String> {
    let sortable = |ty: &Type| !matches!(ty, Type::Jsonb | Type::Array(_) | Type::Range(_));
    let columns: Vec<_> = table.columns.iter().filter(|column| sortable(&column.ty)).collect();
    let mut terms = Vec::new();
    if random.happens(50) {
        let column = random.pick(&columns);
        let direction = random.pick(&["", ".asc", ".desc", ".desc.nullslast", ".asc.nullsfirst"]);
        terms.push(format!("{}{direction}", quoted(&column.name)));
    }
    terms.push("id".to_owned());
    vec![format!("order={}", terms.join(","))]
}

fn filters(random: &mut Random, table: &Table) -> Vec<String> {
    let mut all = Vec::new();
    while all.len() < 3 && random.happens(45) {
        if random.happens(20) {
            let word = random.pick(&["or", "and", "not.or", "not.and"]);
            let of: Vec<String> = (0..2).map(|_| test(random, table, true)).collect();
            all.push(format!("{word}=({})", of.join(",")));
        } else {
            all.push(test(random, table, false));
        }
    }
    all
}

/// `column=op.value`, or `column.op.value` inside of a tree.
fn test(random: &mut Random, table: &Table, nested: bool) -> String {
    let column = random.pick(&table.columns);
    let with = if column.name == "id" || column.name.ends_with("_id") {
        key(random, &column.ty)
    } else {
        value(random, &column.name, &column.ty)
    };
    let comparisons = ["eq", "neq", "gt", "gte", "lt", "lte"];
    let plain = text(&with);
    let (op, operand) = match &column.ty {
        Type::Text | Type::Varchar(_) if random.happens(40) => match random.happens(50) {
            true => (*random.pick(&["like", "ilike"]), (*random.pick(&["a*", "*b*", "A_*"])).to_owned()),
            false => {
                (*random.pick(&["match", "imatch"]), (*random.pick(&["^a", "e.*a", "[a-c]$"])).to_owned())
            }
        },
        Type::Array(_) | Type::Jsonb if random.happens(50) => {
            let plain = if matches!(column.ty, Type::Jsonb) { with.to_string() } else { plain };
            (*random.pick(&["cs", "cd"]), plain)
        }
        Type::Range(_) if random.happens(70) => {
            (*random.pick(&["cs", "cd", "ov", "sl", "sr", "nxr", "nxl", "adj"]), plain)
        }
        Type::Jsonb => ("eq", with.to_string()),
        Type::Boolean if random.happens(50) => {
            ("is", (*random.pick(&["true", "false", "null", "not_null"])).to_owned())
        }
        _ if random.happens(15) => ("is", (*random.pick(&["null", "not_null"])).to_owned()),
        _ if random.happens(15) => {
            let other = text(&value(random, &column.name, &column.ty));
            ("in", format!("({},{})", inner(&plain), inner(&other)))
        }
        _ if random.happens(8) => ("isdistinct", plain),
        _ => (*random.pick(&comparisons), plain),
    };
    let not = if random.happens(15) { "not." } else { "" };
    let name = quoted(&column.name);
    if nested {
        let operand = if op == "in" || op == "is" { operand } else { inner(&operand) };
        format!("{name}.{not}{op}.{}", encoded(&operand))
    } else {
        format!("{name}={not}{op}.{}", encoded(&operand))
    }
}

/// In quotes, as values in lists and trees are.
fn inner(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

fn quoted(name: &str) -> String {
    if name.contains(' ') { encoded(&format!("\"{name}\"")) } else { name.to_owned() }
}

fn path(table: &Table, query: &[String]) -> String {
    let name = encoded(&table.name);
    if query.is_empty() { format!("/{name}") } else { format!("/{name}?{}", query.join("&")) }
}

/// A row with some of the columns.
fn row(random: &mut Random, table: &Table, percent: usize) -> Map<String, Value> {
    let mut row = Map::new();
    for column in &table.columns {
        if column.name != "id" && !random.happens(percent.max(30)) {
            continue;
        }
        let made = if column.name == "id" || column.name.ends_with("_id") {
            key(random, &column.ty)
        } else if column.nullable && random.happens(15) {
            Value::Null
        } else {
            value(random, &column.name, &column.ty)
        };
        row.insert(column.name.clone(), made);
    }
    row
}

fn add(random: &mut Random, schema: &Schema, table: &Table) -> Asked {
    let count = 1 + random.below(3);
    let first = row(random, table, 80);
    let mut rows = vec![Value::Object(first.clone())];
    for _ in 1..count {
        let mut next = row(random, table, 100);
        next.retain(|name, _| first.contains_key(name));
        for name in first.keys() {
            next.entry(name.clone()).or_insert(Value::Null);
        }
        rows.push(Value::Object(next));
    }
    let mut prefer: Vec<&str> = Vec::new();
    let mut query = Vec::new();
    prefer.push(*random.pick(&["return=representation", "return=minimal", "return=headers-only"]));
    match random.below(4) {
        0 => prefer.push("resolution=merge-duplicates"),
        1 => prefer.push("resolution=ignore-duplicates"),
        _ => {}
    }
    if random.happens(30) {
        prefer.push("missing=default");
    }
    if random.happens(40) {
        query.push(format!("select={}", select(random, schema, table, 1).text));
    }
    let body = if count == 1 && random.happens(50) { Value::Object(first) } else { Value::Array(rows) };
    writing("POST", table, query, &prefer, Some(body))
}

fn change(random: &mut Random, schema: &Schema, table: &Table) -> Asked {
    let mut set = row(random, table, 30);
    if random.happens(85) {
        set.remove("id");
    }
    let mut query = filters(random, table);
    let mut prefer = vec![*random.pick(&["return=representation", "return=minimal"])];
    if random.happens(30) {
        prefer.push("count=exact");
    }
    if random.happens(30) {
        query.push(format!("select={}", select(random, schema, table, 1).text));
    }
    writing("PATCH", table, query, &prefer, Some(Value::Object(set)))
}

fn remove(random: &mut Random, schema: &Schema, table: &Table) -> Asked {
    let mut query = vec![test(random, table, false)];
    if random.happens(30) {
        query.push(format!("select={}", select(random, schema, table, 1).text));
    }
    writing("DELETE", table, query, &[*random.pick(&["return=representation", "return=minimal"])], None)
}

fn writing(
    method: &'static str,
    table: &Table,
    query: Vec<String>,
    prefer: &[&str],
    body: Option<Value>,
) -> Asked {
    let mut headers = vec![("prefer", prefer.join(","))];
    if body.is_some() {
        headers.push(("content-type", "application/json".to_owned()));
    }
    Asked { method, path: path(table, &query), headers, body }
}
