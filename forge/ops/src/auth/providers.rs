//! Providers of sign-in, as they are declared.
//!
//! What only a person has is there by reference: an operation may be asked for by a model, and whoever chooses to
//! whom tokens are issued opens accounts.

use forge_auth::oauth::provider::{Credential, Provider, ProviderError, Registration};
use forge_core::{Declaration, Declared, NewAuditEntry, ResourceKind, Status};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::operations::read;
use crate::{Forge, OpError, Outcome};

/// What marks a value that is kept elsewhere.
const REFERENCE: &str = "secret:";
/// Stand for what is not known yet while the rest is judged.
const STAND_IN: &str = "unknown";
const ISSUER_STAND_IN: &str = "https://issuer.invalid";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Add {
    name: String,
    #[serde(default)]
    issuer: Option<String>,
    #[serde(default)]
    client_id: Option<String>,
    #[serde(default)]
    client_secret: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Remove {
    name: String,
}

/// Declares a provider, or declares it otherwise than before.
pub(crate) fn add_provider(
    forge: &Forge,
    operation: &'static str,
    input: &Value,
) -> Result<Outcome, OpError> {
    let refused = |why: String| OpError::Input { operation, why };
    let add: Add = read(operation, input)?;
    let name = add.name.clone();
    let spec = spec(add).map_err(refused)?;
    let known = forge.catalog.resource(ResourceKind::AuthProvider, &name)?;
    if known.as_ref().is_some_and(|known| known.spec == spec) {
        return Ok(answer(&name, "unchanged", &spec));
    }
    // Said before it is done: an entry too many is harmless, a change that nobody wrote down is not.
    note(forge, "auth.provider.add", &name, &spec)?;
    let lines = known.map(|known| known.lines).unwrap_or_default();
    let declaration = Declaration {
        kind: ResourceKind::AuthProvider,
        name: name.clone(),
        spec: spec.clone(),
        lines,
        status: Status::Declared,
    };
    let what = match forge.catalog.declare(declaration)? {
        Declared::Created => "added",
        Declared::Updated => "changed",
        Declared::Unchanged => "unchanged",
    };
    Ok(answer(&name, what, &spec))
}

/// Removes a provider. Who signed in by it stays, and can sign in in other ways they have.
pub(crate) fn remove_provider(
    forge: &Forge,
    operation: &'static str,
    input: &Value,
) -> Result<Outcome, OpError> {
    let Remove { name } = read(operation, input)?;
    let Some(known) = forge.catalog.resource(ResourceKind::AuthProvider, &name)? else {
        return Ok(answer(&name, "not there", &Value::Null));
    };
    note(forge, "auth.provider.remove", &name, &known.spec)?;
    forge.catalog.remove(ResourceKind::AuthProvider, &name)?;
    Ok(answer(&name, "removed", &Value::Null))
}

fn note(forge: &Forge, action: &str, name: &str, spec: &Value) -> Result<(), OpError> {
    forge.catalog.audit(NewAuditEntry {
        key: format!("{action}/{name}/{}", forge.clock.now()),
        actor: "forge".to_owned(),
        action: action.to_owned(),
        subject: format!("auth_provider {name}"),
        details: json!({ "name": name, "spec": spec }),
    })?;
    Ok(())
}

fn answer(name: &str, what: &str, spec: &Value) -> Outcome {
    let fields = spec.as_object().into_iter().flatten().filter_map(|(_, value)| value.as_str());
    let needs: Vec<&str> = fields.filter_map(|value| value.strip_prefix(REFERENCE)).collect();
    Outcome::Done {
        summary: format!("provider `{name}`: {what}"),
        data: json!({ "name": name, "change": what, "needs": needs }),
    }
}

/// What would be declared of the provider that these fields describe.
pub(crate) fn provider_spec(fields: &Map<String, Value>) -> Result<Value, String> {
    spec(Add::deserialize(Value::Object(fields.clone())).map_err(|error| error.to_string())?)
}

/// What is declared of the provider, if it could be one.
fn spec(add: Add) -> Result<Value, String> {
    let upper = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' };
    let prefix: String = add.name.chars().map(upper).collect();
    let named = |field: &str| format!("{REFERENCE}{prefix}_{}", field.to_ascii_uppercase());
    let mut spec = Map::from_iter([("method".to_owned(), json!("oauth"))]);
    let mut put = |field: &str, given: Option<String>| {
        let value = given.unwrap_or_else(|| named(field));
        if !is_reference(&value) {
            return Err(format!("`{field}` is given by reference, as `secret:NAME`, and set by a person"));
        }
        spec.insert(field.to_owned(), Value::String(value));
        Ok(())
    };
    let needs_issuer = judge(&add.name, add.issuer.is_some())?;
    put("client_id", add.client_id)?;
    if add.name == "apple" {
        if add.client_secret.is_some() {
            return Err("Apple has no secret: it is shown tokens that `private_key` signs".to_owned());
        }
        for field in ["team_id", "key_id", "private_key"] {
            put(field, None)?;
        }
    } else {
        put("client_secret", add.client_secret)?;
    }
    if needs_issuer || add.issuer.is_some() {
        put("issuer", add.issuer)?;
    }
    Ok(Value::Object(spec))
}

/// Judges a name by the service's own rules; says whether such a provider needs an issuer.
fn judge(name: &str, has_issuer: bool) -> Result<bool, String> {
    let credential = match name {
        "apple" => Credential::Apple {
            team_id: STAND_IN.to_owned(),
            key_id: STAND_IN.to_owned(),
            private_key: STAND_IN.to_owned(),
        },
        _ => Credential::Secret(STAND_IN.to_owned()),
    };
    let registration = |issuer: Option<String>| Registration {
        name: name.to_owned(),
        client_id: STAND_IN.to_owned(),
        other_client_ids: Vec::new(),
        credential: credential.clone(),
        issuer,
        scopes: Vec::new(),
    };
    let issuer = has_issuer.then(|| ISSUER_STAND_IN.to_owned());
    match Provider::new(registration(issuer)) {
        Ok(_) => Ok(false),
        Err(ProviderError::NoIssuer) => Ok(true),
        Err(error) => Err(error.to_string()),
    }
}

/// Whether a value is `secret:` and a name that a variable can have.
fn is_reference(value: &str) -> bool {
    let Some(name) = value.strip_prefix(REFERENCE) else { return false };
    let taken = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_';
    (1..=64).contains(&name.len())
        && name.bytes().all(taken)
        && !name.starts_with(|first: char| first.is_ascii_digit())
}
