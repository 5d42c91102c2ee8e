//! What can go wrong, what it is called, and what to do about it.

use forge_core::{CatalogError, Explain};
use forge_database::pipeline::{ApplyError, PipelineError};

use crate::auth::PeopleError;

/// Why Forge cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ForgeError {
    /// The catalog.
    #[error("Forge's catalog cannot be used")]
    Catalog(#[from] CatalogError),
    /// The database.
    #[error("Forge's database cannot be used")]
    Database(#[from] PipelineError),
}

/// Why an operation was not carried out.
#[derive(Debug, thiserror::Error)]
pub enum OpError {
    /// There is no such operation.
    #[error("there is no operation `{name}`")]
    Unknown {
        /// The name.
        name: String,
    },
    /// The input is not what the operation takes.
    #[error("`{operation}` cannot take this input: {why}")]
    Input {
        /// The operation.
        operation: &'static str,
        /// What is wrong with it.
        why: String,
    },
    /// The catalog.
    #[error("the catalog could not be read or written")]
    Catalog(#[from] CatalogError),
    /// A step before the change.
    #[error("the change could not be prepared")]
    Pipeline(#[from] PipelineError),
    /// The change.
    #[error("the change was not applied")]
    Apply(#[from] ApplyError),
    /// The people who sign in.
    #[error("nothing was done about people")]
    People(#[from] PeopleError),
}

impl Explain for ForgeError {
    fn code(&self) -> &'static str {
        match self {
            ForgeError::Catalog(error) => error.code(),
            ForgeError::Database(error) => error.code(),
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            ForgeError::Catalog(error) => error.hint(),
            ForgeError::Database(error) => error.hint(),
        }
    }

    fn next_actions(&self) -> Vec<String> {
        match self {
            ForgeError::Catalog(error) => error.next_actions(),
            ForgeError::Database(error) => error.next_actions(),
        }
    }
}

impl Explain for OpError {
    fn code(&self) -> &'static str {
        match self {
            OpError::Unknown { .. } => "FRG040",
            OpError::Input { .. } => "FRG041",
            OpError::Catalog(error) => error.code(),
            OpError::Pipeline(error) => error.code(),
            OpError::Apply(error) => error.code(),
            OpError::People(PeopleError::Unreachable { .. }) => "FRG042",
            OpError::People(PeopleError::Refused(_)) => "FRG043",
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            OpError::Unknown { .. } => {
                let names: Vec<&str> = crate::Forge::operations().iter().map(|known| known.name).collect();
                Some(format!("there are: {}", names.join(", ")))
            }
            OpError::Input { operation, .. } => {
                let info = crate::Forge::operations().iter().find(|known| known.name == *operation);
                info.map(|info| format!("it takes {}", info.input_schema["properties"]))
            }
            OpError::Catalog(error) => error.hint(),
            OpError::Pipeline(error) => error.hint(),
            OpError::Apply(error) => error.hint(),
            OpError::People(PeopleError::Unreachable { .. }) => {
                Some("`loki forge auth users` asks the database itself".to_owned())
            }
            OpError::People(PeopleError::Refused(_)) => None,
        }
    }

    fn next_actions(&self) -> Vec<String> {
        match self {
            OpError::Unknown { .. } | OpError::Input { .. } | OpError::People(_) => Vec::new(),
            OpError::Catalog(error) => error.next_actions(),
            OpError::Pipeline(error) => error.next_actions(),
            OpError::Apply(error) => error.next_actions(),
        }
    }
}
