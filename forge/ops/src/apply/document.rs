//! A document that says what the backend is to be, and `forge.yaml` with what `.loki/forge.local.yaml` lays over it.
//!
//! Mappings are laid over each other member by member, everything else is replaced, and `null` takes a member out.
//! A key that nobody knows is an error: what is misspelt would else be left undone in silence.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use forge_core::ResourceKind;
use forge_database::ddl::closest;
use serde_json::{Map, Value};

/// The document of a project, in its folder.
pub(super) const PROJECT: &str = "forge.yaml";
/// What one machine has otherwise.
pub(super) const LOCAL: &str = ".loki/forge.local.yaml";
/// The format.
const VERSION: u64 = 1;
const BYTES_MAX: u64 = 1 << 20;

/// What the backend is to be. What is not named is left alone.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Document {
    /// Enums with their values.
    pub(super) enums: Map<String, Value>,
    /// Tables, each as `add_table` has it.
    pub(super) tables: Map<String, Value>,
    /// Row-level security of tables that are not described here.
    pub(super) policies: Map<String, Value>,
    /// Resources of the services.
    pub(super) resources: Vec<Wanted>,
    /// What is to go.
    pub(super) drop: Dropped,
}

/// A resource as it is to be.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Wanted {
    pub(super) kind: ResourceKind,
    pub(super) name: String,
    pub(super) fields: Map<String, Value>,
}

/// What is to go.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Dropped {
    pub(super) tables: Vec<String>,
    pub(super) columns: BTreeMap<String, Vec<String>>,
    pub(super) resources: Vec<(ResourceKind, String)>,
}

/// Resources by their key in the document, with the keys that each may have.
const RESOURCES: [(&str, ResourceKind, &[&str]); 5] = [
    ("buckets", ResourceKind::Bucket, &["public", "max_bytes", "types", "text"]),
    ("functions", ResourceKind::Function, &["kind", "path", "text"]),
    ("schedules", ResourceKind::Schedule, &["cron", "tz", "function", "text"]),
    ("secrets", ResourceKind::Secret, &[]),
    ("providers", ResourceKind::AuthProvider, &["issuer", "client_id", "client_secret"]),
];

/// Reads a document.
pub(super) fn read(text: &str) -> Result<Document, String> {
    document(yaml(text)?)
}

/// The project's document with the machine's own laid over it.
pub(super) fn of_project(project: &Path) -> Result<Document, String> {
    let Some(text) = file(&project.join(PROJECT))? else {
        return Err(format!("the project has no `{PROJECT}`: write one, or give a `document`"));
    };
    let mut whole = yaml(&text).map_err(|why| format!("`{PROJECT}`: {why}"))?;
    if let Some(text) = file(&project.join(LOCAL))? {
        lay_over(&mut whole, yaml(&text).map_err(|why| format!("`{LOCAL}`: {why}"))?);
    }
    document(whole).map_err(|why| format!("`{PROJECT}`: {why}"))
}

fn file(path: &Path) -> Result<Option<String>, String> {
    let failed = |error: std::io::Error| format!("failed to read `{}`: {error}", path.display());
    match fs::metadata(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(failed(error)),
        Ok(found) if !found.is_file() || found.len() > BYTES_MAX => {
            Err(format!("`{}` is no file of at most {BYTES_MAX} bytes", path.display()))
        }
        Ok(_) => fs::read_to_string(path).map(Some).map_err(failed),
    }
}

fn yaml(text: &str) -> Result<Map<String, Value>, String> {
    if text.len() as u64 > BYTES_MAX {
        return Err(format!("it is longer than {BYTES_MAX} bytes"));
    }
    match serde_saphyr::from_str(text) {
        Ok(Value::Object(members)) => Ok(members),
        Ok(Value::Null) => Ok(Map::new()),
        Ok(_) => Err("it is no mapping of keys".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

/// Lays the members of `over` over those of `under`.
pub(super) fn lay_over(under: &mut Map<String, Value>, over: Map<String, Value>) {
    for (key, value) in over {
        match (under.get_mut(&key), value) {
            (_, Value::Null) => drop(under.remove(&key)),
            (Some(Value::Object(below)), Value::Object(above)) => lay_over(below, above),
            (_, value) => drop(under.insert(key, value)),
        }
    }
}

fn document(whole: Map<String, Value>) -> Result<Document, String> {
    let resources = RESOURCES.iter().map(|(key, ..)| *key);
    let keys: Vec<&str> =
        ["version", "enums", "tables", "policies", "drop"].into_iter().chain(resources).collect();
    known("", &whole, &keys)?;
    if let Some(version) = whole.get("version").filter(|version| version.as_u64() != Some(VERSION)) {
        return Err(format!("`version` is {version}, and this version of loki reads {VERSION}"));
    }
    let part = |key: &str| mapping(key, whole.get(key));
    let mut document = Document {
        enums: part("enums")?,
        tables: part("tables")?,
        policies: part("policies")?,
        ..Document::default()
    };
    for (key, kind, fields) in RESOURCES {
        for (name, value) in named(key, whole.get(key))? {
            known(&format!("{key}.{name}."), &value, fields)?;
            document.resources.push(Wanted { kind, name, fields: value });
        }
    }
    document.drop = dropped(&part("drop")?)?;
    contradictions(&document)?;
    Ok(document)
}

fn dropped(drop: &Map<String, Value>) -> Result<Dropped, String> {
    let resources = RESOURCES.iter().map(|(key, ..)| *key);
    known("drop.", drop, &["tables", "columns"].into_iter().chain(resources).collect::<Vec<_>>())?;
    let mut dropped = Dropped { tables: names("drop.tables", drop.get("tables"))?, ..Dropped::default() };
    for (table, columns) in mapping("drop.columns", drop.get("columns"))? {
        dropped.columns.insert(table.clone(), names(&format!("drop.columns.{table}"), Some(&columns))?);
    }
    for (key, kind, _) in RESOURCES {
        let gone = names(&format!("drop.{key}"), drop.get(key))?;
        dropped.resources.extend(gone.into_iter().map(|name| (kind, name)));
    }
    Ok(dropped)
}

/// What cannot both be meant.
fn contradictions(document: &Document) -> Result<(), String> {
    let Document { tables, policies, resources, drop, .. } = document;
    if let Some(table) = drop.tables.iter().find(|table| tables.contains_key(*table)) {
        return Err(format!("`tables.{table}` is described, and dropped in `drop.tables`"));
    }
    if let Some(table) = policies.keys().find(|table| tables.contains_key(*table)) {
        return Err(format!("`{table}` is under `tables` and under `policies`: put `rls` into the table"));
    }
    let wanted = |(kind, name): &&(ResourceKind, String)| {
        resources.iter().any(|wanted| wanted.kind == *kind && wanted.name == *name)
    };
    match drop.resources.iter().find(wanted) {
        Some((_, name)) => Err(format!("`{name}` is described, and dropped")),
        None => Ok(()),
    }
}

/// Refuses a key that is not known, and names the nearest that is.
fn known(place: &str, members: &Map<String, Value>, keys: &[&str]) -> Result<(), String> {
    let Some(key) = members.keys().find(|key| !keys.contains(&key.as_str())) else { return Ok(()) };
    let all: Vec<String> = keys.iter().map(|key| (*key).to_owned()).collect();
    Err(match closest(key, &all) {
        Some(near) => format!("`{place}{key}` is no key; did you mean `{near}`?"),
        None if keys.is_empty() => format!("`{place}{key}`: only the name is given here"),
        None => format!("`{place}{key}` is no key; there are: {}", keys.join(", ")),
    })
}

fn mapping(place: &str, value: Option<&Value>) -> Result<Map<String, Value>, String> {
    match value {
        None | Some(Value::Null) => Ok(Map::new()),
        Some(Value::Object(members)) => Ok(members.clone()),
        Some(_) => Err(format!("`{place}` is no mapping of names")),
    }
}

/// A name and what is said of it.
type Named = (String, Map<String, Value>);

/// Resources by name: a mapping, or a list of names where there is no more to say.
fn named(place: &str, value: Option<&Value>) -> Result<Vec<Named>, String> {
    match value {
        Some(Value::Array(_)) => {
            Ok(names(place, value)?.into_iter().map(|name| (name, Map::new())).collect())
        }
        other => {
            let fields = |(name, value): (String, Value)| {
                let fields = mapping(&format!("{place}.{name}"), Some(&value))?;
                Ok((name, fields))
            };
            mapping(place, other)?.into_iter().map(fields).collect()
        }
    }
}

fn names(place: &str, value: Option<&Value>) -> Result<Vec<String>, String> {
    let wrong = || format!("`{place}` is no list of names");
    match value {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(Value::Array(items)) => {
            items.iter().map(|item| item.as_str().map(str::to_owned).ok_or_else(wrong)).collect()
        }
        Some(_) => Err(wrong()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_nobody_knows_is_named_with_the_nearest() {
        for (text, told) in [
            ("tabels: {}", "`tabels` is no key; did you mean `tables`?"),
            ("buckets: {photos: {pubic: true}}", "`buckets.photos.pubic` is no key; did you mean `public`?"),
            ("drop: {table: [a]}", "`drop.table` is no key; did you mean `tables`?"),
            ("secrets: {KEY: {value: x}}", "`secrets.KEY.value`: only the name is given here"),
            (
                "zzz: 1",
                "`zzz` is no key; there are: version, enums, tables, policies, drop, buckets, functions, schedules, secrets, providers",
            ),
            ("version: 2", "`version` is 2, and this version of loki reads 1"),
            ("buckets: photos", "`buckets` is no mapping of names"),
            ("drop: {tables: notes}", "`drop.tables` is no list of names"),
            ("- a", "it is no mapping of keys"),
            (
                "tables: {a: {columns: [id pk]}}\ndrop: {tables: [a]}",
                "`tables.a` is described, and dropped in `drop.tables`",
            ),
            (
                "tables: {a: {}}\npolicies: {a: none}",
                "`a` is under `tables` and under `policies`: put `rls` into the table",
            ),
            ("buckets: [a]\ndrop: {buckets: [a]}", "`a` is described, and dropped"),
        ] {
            assert_eq!(read(text).unwrap_err(), told, "{text}");
        }
        assert!(read("a: [").is_err());
        assert_eq!(read("").unwrap(), Document::default());
    }

    #[test]
    fn what_is_local_is_laid_over_member_by_member() {
        let dir = tempfile::tempdir().unwrap();
        assert!(of_project(dir.path()).unwrap_err().contains("has no `forge.yaml`"));
        fs::write(
            dir.path().join(PROJECT),
            "buckets: {a: {public: true, text: one}, b: {}}\nsecrets: [X, Y]",
        )
        .unwrap();
        fs::create_dir(dir.path().join(".loki")).unwrap();
        fs::write(dir.path().join(LOCAL), "buckets: {a: {public: false}, b: null}\nsecrets: [Z]").unwrap();
        let document = of_project(dir.path()).unwrap();
        let read = read("buckets: {a: {public: false, text: one}}\nsecrets: [Z]").unwrap();
        assert_eq!(document, read);
        fs::write(dir.path().join(LOCAL), "bucket: {}").unwrap();
        assert_eq!(
            of_project(dir.path()).unwrap_err(),
            "`forge.yaml`: `bucket` is no key; did you mean `buckets`?"
        );
    }
}
