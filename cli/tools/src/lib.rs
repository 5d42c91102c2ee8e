//! The tools that a model works with: the project's files, and commands that run confined.
//!
//! Every tool takes hostile input and hostile files: paths stay in the project ([`files`]), everything has a
//! limit, and a change of a file that is repeated after a crash is not made twice.

mod change;
mod commands;
mod disk;
mod edit;
pub mod files;
mod input;
mod list;
mod read;
mod search;
mod seen;
#[cfg(test)]
mod tests;
mod write;

use std::sync::Arc;

use loki_engine::tool::Tool;
use loki_sandbox::Workshop;

use crate::commands::Commands;
use crate::disk::OnDisk;
use crate::files::Project;
use crate::seen::Seen;

pub use crate::commands::Processes;

/// The tools for a project. With a workshop there are tools that run commands as well, and what its policy
/// keeps from commands the tools for files do not touch either. What commands start to go on is in
/// `processes`.
pub fn tools(
    project: &Project,
    workshop: Option<&Arc<Workshop>>,
    processes: &Processes,
) -> Vec<Arc<dyn Tool>> {
    let project = match workshop {
        Some(workshop) => project.under(&workshop.policy, &workshop.places),
        None => project.clone(),
    };
    let seen = Arc::new(Seen::default());
    let mut tools = vec![
        OnDisk::tool(read::ReadFile { project: project.clone(), seen: Arc::clone(&seen) }),
        OnDisk::tool(write::WriteFile { project: project.clone(), seen: Arc::clone(&seen) }),
        OnDisk::tool(edit::EditFile { project: project.clone(), seen }),
        OnDisk::tool(list::ListFiles { project: project.clone() }),
        OnDisk::tool(search::SearchFiles { project: project.clone() }),
    ];
    if let Some(workshop) = workshop {
        let (workshop, processes) = (Arc::clone(workshop), processes.clone());
        tools.extend(commands::tools(Commands { project, workshop, processes }));
    }
    tools
}
