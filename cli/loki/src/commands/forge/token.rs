//! `loki forge token`.

use loki_store::{Clock as _, SystemClock};
use serde_json::{Map, Value, json};

use super::{of_keys, ring};
use crate::context::Context;
use crate::error::{CommandError, ErrorKind};
use crate::exit::Status;
use crate::ui::Ui;

/// Seconds that a token may hold: a year.
const SECONDS_MAX: i64 = 31_536_000;

/// Sign a token with which to ask the backend as somebody
///
/// For trying things out and for scripts: whoever has it is that user until it expires.
#[derive(clap::Args, Debug)]
pub(crate) struct TokenArgs {
    /// Whose token: the id of a user
    #[arg(long, value_name = "ID")]
    user: Option<String>,
    /// The role
    #[arg(long, default_value = "authenticated")]
    role: String,
    /// More claims, as a JSON object
    #[arg(long, value_name = "JSON")]
    claims: Option<String>,
    /// Seconds for which it holds
    #[arg(long, value_name = "SECONDS", default_value_t = 3600, value_parser = clap::value_parser!(i64).range(1..=SECONDS_MAX))]
    seconds: i64,
}

pub(super) fn token(ui: &mut Ui, context: &Context, args: &TokenArgs) -> Result<Status, CommandError> {
    let now = SystemClock.now().as_second();
    let mut claims = more(args.claims.as_deref())?;
    let own = [
        ("role", json!(args.role)),
        ("aud", json!("authenticated")),
        ("iss", json!("loki")),
        ("iat", json!(now)),
        ("exp", json!(now + args.seconds)),
    ];
    claims.extend(own.map(|(name, value)| (name.to_owned(), value)));
    if let Some(user) = &args.user {
        claims.insert("sub".to_owned(), json!(user));
    }
    let signer = ring(context)?.keys().signer().map_err(|error| of_keys(&error))?;
    let token = signer.sign(&Value::Object(claims)).map_err(|error| of_keys(&error.into()))?;
    if ui.is_json() {
        ui.result_json(&json!({ "token": token, "expires_at": now + args.seconds }))?;
    } else {
        ui.result(format_args!("{token}"))?;
    }
    Ok(Status::Success)
}

fn more(text: Option<&str>) -> Result<Map<String, Value>, CommandError> {
    let Some(text) = text else { return Ok(Map::new()) };
    serde_json::from_str(text).map_err(|error| {
        CommandError::new(ErrorKind::Usage, "`--claims` is no JSON object").caused_by(&error)
    })
}
