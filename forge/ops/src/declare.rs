//! Declaring what services will make.

use forge_core::{Declaration, Declared, NewAuditEntry, Resource, ResourceKind, Status, sha256_hex};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::operations::read;
use crate::{Forge, OpError, Outcome};

/// The kinds that can be declared, as doors call them.
pub(crate) const KINDS: [(&str, ResourceKind); 10] = [
    ("auth_provider", ResourceKind::AuthProvider),
    ("role", ResourceKind::Role),
    ("bucket", ResourceKind::Bucket),
    ("function", ResourceKind::Function),
    ("schedule", ResourceKind::Schedule),
    ("channel", ResourceKind::Channel),
    ("payment_provider", ResourceKind::Payment),
    ("vector_index", ResourceKind::VectorIndex),
    ("model_gateway", ResourceKind::Gateway),
    ("secret", ResourceKind::Secret),
];

const LINES_MAX: usize = 1_000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Declare {
    kind: String,
    name: String,
    #[serde(default)]
    spec: serde_json::Map<String, Value>,
    #[serde(default)]
    lines: Vec<u32>,
}

/// The name by which doors know a kind.
pub(crate) fn kind_name(kind: ResourceKind) -> &'static str {
    KINDS.iter().find(|(_, known)| *known == kind).map_or("table", |(name, _)| name)
}

pub(crate) fn declare(forge: &Forge, operation: &'static str, input: &Value) -> Result<Outcome, OpError> {
    let refused = |why: String| OpError::Input { operation, why };
    let Declare { kind, name, spec, lines } = read(operation, input)?;
    let known = KINDS.iter().find(|(known, _)| *known == kind);
    let (word, kind) = *known.ok_or_else(|| refused(format!("`{kind}` is no kind of resource")))?;
    if lines.len() > LINES_MAX {
        return Err(refused(format!("it cites {} lines, {LINES_MAX} are allowed", lines.len())));
    }
    if kind == ResourceKind::Secret && !spec.is_empty() {
        // Whatever is in it might be the value, and the catalog is no vault.
        return Err(refused("a secret is declared by its name alone".to_owned()));
    }
    if kind == ResourceKind::AuthProvider
        && let Some(field) = in_the_clear(&spec)
    {
        return Err(refused(format!(
            "`{field}` is given by reference, as `secret:NAME`, and set by a person"
        )));
    }
    let spec = Value::Object(spec);
    if let Some(known) = forge.catalog.resource(kind, &name)?
        && same(&known, &spec, &lines)
    {
        return Ok(answer(word, &name, "unchanged", known.status));
    }
    // Said before it is done: an entry too many is harmless, a change that nobody wrote down is not.
    forge.catalog.audit(NewAuditEntry {
        key: format!("resource.declare/{word}/{}/{}", sha256_hex(&[&name]), forge.clock.now()),
        actor: "forge".to_owned(),
        action: "resource.declare".to_owned(),
        subject: format!("{word} {name}"),
        details: json!({ "kind": word, "name": name, "spec": spec }),
    })?;
    let declaration = Declaration { kind, name: name.clone(), spec, lines, status: Status::Declared };
    let what = match forge.catalog.declare(declaration)? {
        Declared::Created => "declared",
        Declared::Updated => "updated",
        Declared::Unchanged => "unchanged",
    };
    Ok(answer(word, &name, what, Status::Declared))
}

/// Takes a resource out of the catalog; whether it was there.
pub(crate) fn undeclare(forge: &Forge, kind: ResourceKind, name: &str) -> Result<bool, OpError> {
    let Some(known) = forge.catalog.resource(kind, name)? else { return Ok(false) };
    let word = kind_name(kind);
    forge.catalog.audit(NewAuditEntry {
        key: format!("resource.remove/{word}/{}/{}", sha256_hex(&[name]), forge.clock.now()),
        actor: "forge".to_owned(),
        action: "resource.remove".to_owned(),
        subject: format!("{word} {name}"),
        details: json!({ "kind": word, "name": name, "spec": known.spec }),
    })?;
    Ok(forge.catalog.remove(kind, name)?)
}

/// What a way of signing in says itself although it is for a person to say: a secret, or to whom the tokens are
/// issued that open accounts.
fn in_the_clear(spec: &serde_json::Map<String, Value>) -> Option<&'static str> {
    const REFERRED: [&str; 5] = ["client_id", "client_secret", "private_key", "team_id", "key_id"];
    let by_reference = |value: &Value| value.as_str().is_some_and(|value| value.starts_with("secret:"));
    REFERRED.into_iter().find(|field| spec.get(*field).is_some_and(|value| !by_reference(value)))
}

/// Declaring again what is there does not take it back to being declared only.
fn same(known: &Resource, spec: &Value, lines: &[u32]) -> bool {
    known.spec == *spec && known.lines == lines
}

fn answer(kind: &str, name: &str, what: &str, status: Status) -> Outcome {
    Outcome::Done {
        summary: format!("{kind} `{name}`: {what}"),
        data: json!({ "kind": kind, "name": name, "change": what, "status": status }),
    }
}
