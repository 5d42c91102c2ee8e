//! The table of operations: what each is called, what it takes, what it may do, and who carries it out.

mod missing;
mod schemas;
mod table;

use std::sync::LazyLock;

use loki_operation::{Info, object};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{Forge, OpError, Outcome};

/// An operation: how doors tell of it, and who carries it out.
#[derive(Debug)]
pub struct OperationInfo {
    /// How doors tell of it.
    pub info: Info,
    call: fn(&Forge, &'static str, &Value) -> Result<Outcome, OpError>,
}

/// Every operation, those that are not there yet last.
pub(crate) fn all() -> &'static [OperationInfo] {
    static ALL: LazyLock<Vec<OperationInfo>> =
        LazyLock::new(|| table::HERE.into_iter().chain(missing::all()).collect());
    &ALL
}

pub(crate) fn call(forge: &Forge, name: &str, input: &Value) -> Result<Outcome, OpError> {
    let operation = all().iter().find(|operation| operation.info.name == name);
    let operation = operation.ok_or_else(|| OpError::Unknown { name: name.to_owned() })?;
    (operation.call)(forge, operation.info.name, input)
}

/// The input as the operation's own type.
pub(crate) fn read<'v, T: Deserialize<'v>>(operation: &'static str, input: &'v Value) -> Result<T, OpError> {
    let refused = |why: String| OpError::Input { operation, why };
    if !input.is_object() {
        return Err(refused("it is no JSON object".to_owned()));
    }
    T::deserialize(input).map_err(|error| refused(error.to_string()))
}

fn nothing() -> Value {
    object(json!({}), &[])
}
