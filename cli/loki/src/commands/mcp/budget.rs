//! `loki mcp budget`.

use std::sync::Arc;

use loki_mcp::Server;
use serde_json::json;
use tiktoken_rs::CoreBPE;

use super::ListingArgs;
use crate::app::desk::ProjectDesk;
use crate::context::Context;
use crate::error::{CommandError, ErrorKind};
use crate::exit::Status;
use crate::ui::Ui;

/// Count what the listed tools cost a model with every turn
///
/// Counts the tokens of each tool's name, description and schema as clients are sent them, with the vocabulary
/// `o200k_base`. Other models count a little differently.
#[derive(clap::Args, Debug)]
pub(super) struct BudgetArgs {
    #[command(flatten)]
    listing: ListingArgs,
}

/// What a listing costs.
struct Bill {
    tools: Vec<(String, usize)>,
}

impl Bill {
    fn total(&self) -> usize {
        self.tools.iter().map(|(_, tokens)| tokens).sum()
    }
}

pub(super) fn budget(ui: &mut Ui, context: &Context, args: &BudgetArgs) -> Result<Status, CommandError> {
    let settings = args.listing.settings(context, false)?;
    let server = Server::new(Arc::new(ProjectDesk::new(context)), settings);
    let bill = bill(&server, &vocabulary()?);
    if ui.is_json() {
        let tools: Vec<_> =
            bill.tools.iter().map(|(name, tokens)| json!({"name": name, "tokens": tokens})).collect();
        ui.result_json(&json!({ "vocabulary": "o200k_base", "tools": tools, "total": bill.total() }))?;
        return Ok(Status::Success);
    }
    for (name, tokens) in &bill.tools {
        ui.result(format_args!("{tokens:>6}  {name}"))?;
    }
    ui.result(format_args!("{:>6}  in all, {} tools", bill.total(), bill.tools.len()))?;
    Ok(Status::Success)
}

fn vocabulary() -> Result<CoreBPE, CommandError> {
    tiktoken_rs::o200k_base().map_err(|error| {
        CommandError::new(ErrorKind::State, "the vocabulary cannot be read").caused_by(error.as_ref())
    })
}

fn bill(server: &Server, vocabulary: &CoreBPE) -> Bill {
    let tools = server.listing().into_iter();
    Bill { tools: tools.map(|(name, text)| (name, vocabulary.encode_ordinary(&text).len())).collect() }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use loki_mcp::{Settings, Shown};
    use loki_operation::Allow;

    use super::*;
    use crate::context::Project;
    use crate::environment::Environment;

    /// The listing of a project, with a backend or without, where everything is allowed.
    fn counted(with_backend: bool, shown: Shown) -> Bill {
        let dir = tempfile::tempdir().unwrap();
        if with_backend {
            let forge = dir.path().join(".loki/forge");
            fs::create_dir_all(&forge).unwrap();
            fs::write(forge.join("state.db"), "").unwrap();
        }
        let context = Context {
            environment: Environment::default(),
            current_dir: dir.path().to_owned(),
            project: Project::at(dir.path()),
            named: true,
        };
        let settings = Settings { shown, allow: Allow::EVERYTHING, with_output_schemas: false };
        let bill = bill(&Server::new(Arc::new(ProjectDesk::new(&context)), settings), &vocabulary().unwrap());
        assert!(bill.tools.iter().any(|(name, _)| name.starts_with("forge_")) == with_backend);
        bill
    }

    #[test]
    fn a_listing_is_short_and_the_whole_one_not_long() {
        for (with_backend, shown, tools_max, tokens_max) in [
            (true, Shown::Lean, 10, 1_500),
            (false, Shown::Lean, 10, 1_500),
            (true, Shown::All, usize::MAX, 6_000),
        ] {
            let bill = counted(with_backend, shown.clone());
            let told: Vec<String> =
                bill.tools.iter().map(|(name, tokens)| format!("{tokens} {name}")).collect();
            let (tools, tokens) = (bill.tools.len(), bill.total());
            assert!(tools <= tools_max && tokens <= tokens_max, "{shown:?}: {tokens}\n{}", told.join("\n"));
        }
    }
}
