//! `loki sandbox`.

mod diagnose;
mod explain;
mod report;
mod run;

use crate::context::Context;
use crate::error::CommandError;
use crate::exit::Status;
use crate::ui::Ui;

pub(crate) use diagnose::probe;

/// Run commands confined, and see what they may do
#[derive(clap::Args, Debug)]
pub(crate) struct SandboxArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(clap::Subcommand, Debug)]
enum Action {
    Run(run::RunArgs),
    Explain(explain::ExplainArgs),
    Diagnose(diagnose::DiagnoseArgs),
}

pub(crate) fn sandbox(ui: &mut Ui, context: &Context, args: &SandboxArgs) -> Result<Status, CommandError> {
    match &args.action {
        Action::Run(args) => run::run(ui, context, args),
        Action::Explain(args) => explain::explain(ui, context, args),
        Action::Diagnose(args) => diagnose::diagnose(ui, context, args),
    }
}
