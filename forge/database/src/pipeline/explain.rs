//! What the pipeline's errors are called, and what to do about them.

use forge_core::Explain;

use super::{ApplyError, PipelineError};

impl Explain for PipelineError {
    fn code(&self) -> &'static str {
        match self {
            PipelineError::Introspect(_) => "FRG004",
            PipelineError::Spec(_) => "FRG010",
            PipelineError::Plan { .. } => "FRG011",
            PipelineError::NameTaken { .. } => "FRG012",
            PipelineError::NoVersion { .. } => "FRG013",
            PipelineError::Stale => "FRG014",
            PipelineError::Drift { .. } => "FRG015",
            PipelineError::Shadow(_) => "FRG016",
            PipelineError::Rls(_) => "FRG017",
            PipelineError::Backup(_) => "FRG018",
            PipelineError::Catalog(_) => "FRG019",
            PipelineError::Sqlite { .. } => "FRG020",
            PipelineError::File { .. } => "FRG021",
        }
    }

    fn hint(&self) -> Option<String> {
        let hint = match self {
            PipelineError::Spec(error) => return error.hint.clone(),
            PipelineError::Plan { source, .. } => return Some(source.hint()),
            PipelineError::NameTaken { name, .. } => {
                return Some(format!("give the migration another name, such as `{name}_2`"));
            }
            PipelineError::NoVersion { newest: 0, .. } => "nothing was applied yet",
            PipelineError::NoVersion { .. } => "choose a version from the history, or 0 for the beginning",
            PipelineError::Stale => "ask for the same migration again: it is then proven on the new schema",
            PipelineError::Drift { .. } => {
                "undo the change by hand, or restore the newest backup; Forge changes only what it knows"
            }
            PipelineError::Introspect(_) => "restore the newest backup",
            PipelineError::Shadow(_) | PipelineError::Backup(_) | PipelineError::File { .. } => {
                "make room on the disk, and see that the folder may be written"
            }
            PipelineError::Sqlite { .. } => {
                "see that no other program holds the database, and that there is room"
            }
            PipelineError::Catalog(error) => return Explain::hint(error),
            PipelineError::Rls(_) => return None,
        };
        Some(hint.to_owned())
    }

    fn next_actions(&self) -> Vec<String> {
        match self {
            PipelineError::NoVersion { .. } | PipelineError::Drift { .. } | PipelineError::Introspect(_) => {
                vec!["forge_state_dump".to_owned(), "forge_verify".to_owned()]
            }
            PipelineError::Stale | PipelineError::NameTaken { .. } | PipelineError::Plan { .. } => {
                vec!["forge_db_introspect".to_owned(), "forge_db_migrate_dryrun".to_owned()]
            }
            PipelineError::Spec(_)
            | PipelineError::Shadow(_)
            | PipelineError::Rls(_)
            | PipelineError::Backup(_)
            | PipelineError::Catalog(_)
            | PipelineError::Sqlite { .. }
            | PipelineError::File { .. } => Vec::new(),
        }
    }
}

impl Explain for ApplyError {
    fn code(&self) -> &'static str {
        match self {
            ApplyError::OtherSubject { .. } => "FRG030",
            ApplyError::NeedsPerson { .. } => "FRG031",
            ApplyError::Stale { .. } => "FRG032",
            ApplyError::Diverged { .. } => "FRG033",
            ApplyError::Execute { .. } => "FRG034",
            ApplyError::RollbackFailed { .. } => "FRG002",
            ApplyError::Backup(_) => "FRG018",
            ApplyError::Introspect(_) => "FRG004",
            ApplyError::Sqlite { .. } => "FRG020",
            ApplyError::Database(error) => error.code(),
        }
    }

    fn hint(&self) -> Option<String> {
        let hint = match self {
            ApplyError::OtherSubject { .. } | ApplyError::Stale { .. } => {
                "ask for the same change again: it is proven anew and needs an approval of its own"
            }
            ApplyError::NeedsPerson { .. } => "a person approves with `loki approve`",
            ApplyError::Diverged { .. } => "report this: the copy and the database behaved differently",
            ApplyError::Execute { .. } | ApplyError::RollbackFailed { .. } => {
                "rows that came after the proof stand in the way; look at the cause"
            }
            ApplyError::Backup(_) => "make room on the disk, and see that the folder may be written",
            ApplyError::Introspect(_) => "restore the newest backup",
            ApplyError::Sqlite { .. } => {
                "see that no other program holds the database, and that there is room"
            }
            ApplyError::Database(error) => return error.hint(),
        };
        Some(hint.to_owned())
    }

    fn next_actions(&self) -> Vec<String> {
        match self {
            ApplyError::RollbackFailed { .. } => vec!["forge_verify".to_owned()],
            ApplyError::OtherSubject { .. } | ApplyError::Stale { .. } | ApplyError::Execute { .. } => {
                vec!["forge_db_migrate_dryrun".to_owned()]
            }
            ApplyError::NeedsPerson { .. } => vec!["loki approve".to_owned()],
            ApplyError::Diverged { .. } | ApplyError::Introspect(_) => vec!["forge_verify".to_owned()],
            ApplyError::Backup(_) | ApplyError::Sqlite { .. } => Vec::new(),
            ApplyError::Database(error) => error.next_actions(),
        }
    }
}
