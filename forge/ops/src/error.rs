//! What can go wrong, what it is called, and what to do about it.

use std::path::PathBuf;

use forge_core::{CatalogError, Explain};
use forge_database::pipeline::{ApplyError, PipelineError};
use forge_rest::RestError;

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
    /// The service that would carry it out does not exist yet.
    #[error("`{operation}` needs {service}, which this version does not have")]
    NotAvailable {
        /// The operation.
        operation: &'static str,
        /// The service.
        service: &'static str,
        /// What can be done instead.
        instead: &'static str,
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
    /// The database that serves the rows cannot be reached.
    #[error("the rows cannot be reached: {why}")]
    Unserved {
        /// Why.
        why: String,
    },
    /// The database refused what was asked of its rows.
    #[error("failed to {attempt}")]
    Rows {
        /// What was attempted.
        attempt: &'static str,
        /// What the database says.
        #[source]
        source: Box<RestError>,
    },
    /// A row could not be added, so none was.
    #[error("nothing was added: row {row}{}", column.as_ref().map(|column| format!(", column `{column}`")).unwrap_or_default())]
    Row {
        /// Which one, from 1.
        row: usize,
        /// The column that the database's words are about.
        column: Option<String>,
        /// What the database says.
        #[source]
        source: Box<RestError>,
    },
    /// A file could not be used.
    #[error("failed to {attempt} `{}`", path.display())]
    File {
        /// What was attempted.
        attempt: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: std::io::Error,
    },
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
            OpError::NotAvailable { .. } => "not_available",
            OpError::Catalog(error) => error.code(),
            OpError::Pipeline(error) => error.code(),
            OpError::Apply(error) => error.code(),
            OpError::Unserved { .. } => "FRG044",
            OpError::Rows { .. } => "FRG045",
            OpError::Row { .. } => "FRG046",
            OpError::File { .. } => "FRG047",
            OpError::People(PeopleError::Unreachable { .. }) => "FRG042",
            OpError::People(PeopleError::Refused(_)) => "FRG043",
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            OpError::NotAvailable { .. } | OpError::Unserved { .. } | OpError::File { .. } => None,
            OpError::Rows { source, .. } | OpError::Row { source, .. } => {
                let details = source.details.as_ref().map(|details| match details {
                    serde_json::Value::String(text) => text.clone(),
                    other => other.to_string(),
                });
                source.hint.as_ref().map(|hint| hint.to_string()).or(details)
            }
            OpError::Unknown { .. } => {
                let here = crate::Forge::operations().iter().filter(|known| known.info.is_here());
                let names: Vec<&str> = here.map(|known| known.info.name).collect();
                Some(format!("there are: {}", names.join(", ")))
            }
            OpError::Input { operation, .. } => {
                let info = crate::Forge::operations().iter().find(|known| known.info.name == *operation);
                info.map(|known| format!("it takes {}", (known.info.input_schema)()["properties"]))
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
            OpError::NotAvailable { instead, .. } => vec![(*instead).to_owned()],
            OpError::Unserved { .. } => {
                vec![
                    "See that the database runs, and what `forge.database_url` says: `loki config show`."
                        .to_owned(),
                ]
            }
            OpError::Rows { source, .. } => vec![next_for(&source.code).to_owned()],
            OpError::Row { .. } => vec![
                "Mend that row and make the call again; `dry_run` tries without keeping anything.".to_owned(),
            ],
            OpError::File { .. } => vec!["See that the folder can be written and has room.".to_owned()],
            OpError::Catalog(error) => error.next_actions(),
            OpError::Pipeline(error) => error.next_actions(),
            OpError::Apply(error) => error.next_actions(),
        }
    }
}

/// What to do about what a database says.
fn next_for(code: &str) -> &'static str {
    match code {
        "42P01" | "42703" | "42883" | "PGRST202" | "PGRST205" | "PGRST204" => {
            "Read what there is with `forge_db_introspect`, and make the call again with those names."
        }
        "42501" => "A policy or a grant refuses it: see the table's policies with `forge_db_introspect`.",
        "0A000" => "Write it in other words: what the engine does not have is named.",
        "57014" => "Ask for less: filter, aggregate, or add an index with `forge_db_index_create`.",
        "22023" => "Name a role that the policies know, or none.",
        _ => "Mend it as the message says, and make the call again.",
    }
}
