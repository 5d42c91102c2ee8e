//! `loki forge keys`.

use std::io::Read as _;

use forge_auth::keys::{Algorithm, Keys, State};
use serde_json::{Value, json};

use super::{of_keys, ring};
use crate::context::Context;
use crate::error::{CommandError, ErrorKind};
use crate::exit::Status;
use crate::ui::{Ui, table};

/// Bytes of a key that is read from standard input.
const KEY_BYTES_MAX: u64 = 32 * 1024;

/// Show and change the keys of the backend
///
/// The publishable key may be in browsers: it is nobody in particular. The secret key is the backend itself; no
/// policy binds it. Older clients take the two tokens beside them. Secrets are shown in full with `--reveal`.
#[derive(clap::Args, Debug)]
pub(crate) struct KeysArgs {
    /// Show secrets in full
    #[arg(long, global = true)]
    reveal: bool,
    #[command(subcommand)]
    action: Option<Action>,
}

#[derive(clap::Subcommand, Debug)]
enum Action {
    /// Make a new key pair the one that signs; the one before still verifies
    Rotate {
        /// How it signs
        #[arg(long, value_enum, default_value = "es256")]
        algorithm: Signs,
    },
    /// Make a new key pair that others may learn of before it signs
    StandBy {
        /// How it signs
        #[arg(long, value_enum, default_value = "es256")]
        algorithm: Signs,
    },
    /// Take a private key from standard input, a JWK or PEM; it stands by
    Import,
    /// Make a key pair that stands by, or was before, the one that signs
    Promote {
        /// Its name
        kid: String,
    },
    /// Let a key pair that signed before verify no longer
    Revoke {
        /// Its name
        kid: String,
    },
    /// Make a new publishable and a new secret key; the old ones open nothing any more
    Renew,
    /// Take the secret of HS256 from standard input, such as that of a project that moves here
    SetJwtSecret,
}

#[derive(clap::ValueEnum, Debug, Clone, Copy)]
enum Signs {
    /// ECDSA over P-256
    Es256,
    /// RSA
    Rs256,
}

impl From<Signs> for Algorithm {
    fn from(signs: Signs) -> Algorithm {
        match signs {
            Signs::Es256 => Algorithm::Es256,
            Signs::Rs256 => Algorithm::Rs256,
        }
    }
}

pub(super) fn keys(ui: &mut Ui, context: &Context, args: &KeysArgs) -> Result<Status, CommandError> {
    let ring = ring(context)?;
    let failed = |error| of_keys(&error);
    let keys = match &args.action {
        None => ring.keys(),
        Some(Action::Rotate { algorithm }) => ring.rotate((*algorithm).into()).map_err(failed)?,
        Some(Action::StandBy { algorithm }) => ring.stand_by((*algorithm).into()).map_err(failed)?,
        Some(Action::Import) => ring.import(&from_stdin()?).map_err(failed)?,
        Some(Action::Promote { kid }) => ring.promote(kid).map_err(failed)?,
        Some(Action::Revoke { kid }) => ring.revoke(kid).map_err(failed)?,
        Some(Action::Renew) => ring.renew().map_err(failed)?,
        Some(Action::SetJwtSecret) => ring.set_jwt_secret(&from_stdin()?).map_err(failed)?,
    };
    show(ui, &keys, args.reveal)?;
    Ok(Status::Success)
}

/// What is given on standard input: keys are no arguments, which other processes can read.
fn from_stdin() -> Result<String, CommandError> {
    let mut text = String::new();
    std::io::stdin().lock().take(KEY_BYTES_MAX).read_to_string(&mut text).map_err(|error| {
        CommandError::new(ErrorKind::Io, "failed to read a key from standard input").caused_by(&error)
    })?;
    Ok(text.trim().to_owned())
}

fn show(ui: &mut Ui, keys: &Keys, reveal: bool) -> Result<(), CommandError> {
    let failed = |error| of_keys(&error);
    let shown = |text: &str| if reveal { text.to_owned() } else { hidden(text) };
    let rows = [
        ("publishable", keys.publishable.clone()),
        ("secret", shown(&keys.secret)),
        ("anon_jwt", keys.anon_jwt().map_err(failed)?),
        ("service_jwt", shown(&keys.service_jwt().map_err(failed)?)),
        ("jwt_secret", shown(&keys.jwt_secret)),
    ];
    if ui.is_json() {
        let mut all: serde_json::Map<String, Value> =
            rows.into_iter().map(|(name, value)| (name.to_owned(), Value::from(value))).collect();
        let signing = keys.signing.iter().map(|key| {
            json!({ "kid": key.kid, "algorithm": key.algorithm, "state": key.state, "created_at": key.created_at })
        });
        all.insert("signing".to_owned(), signing.collect());
        return Ok(ui.result_json(&all)?);
    }
    let mut lines: Vec<[String; 2]> = rows.map(|(name, value)| [name.to_owned(), value]).into();
    for key in &keys.signing {
        let state = match key.state {
            State::Standby => "stands by",
            State::Current => "signs",
            State::Previous => "verifies",
            State::Revoked => "revoked",
        };
        lines.push([format!("{:?}", key.algorithm).to_uppercase(), format!("{} ({state})", key.kid)]);
    }
    ui.result_text(&table(&lines))?;
    if !reveal {
        ui.status(format_args!("Secrets are shown in full with --reveal."))?;
    }
    Ok(())
}

/// The beginning of a secret, by which its owner knows it.
fn hidden(text: &str) -> String {
    let kept = if text.starts_with("sb_secret_") { 13 } else { 3 };
    format!("{}…", text.chars().take(kept).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_secret_little_is_shown() {
        assert_eq!(hidden("sb_secret_abcdefghijkl"), "sb_secret_abc…");
        assert_eq!(hidden("abcdefghijkl"), "abc…");
    }
}
