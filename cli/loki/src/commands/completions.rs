//! `loki completions`.

use clap_complete::Shell;

use crate::cli;
use crate::error::CommandError;
use crate::exit::Status;
use crate::ui::Ui;

/// Print the completion script of a shell
///
/// For bash: `loki completions bash > ~/.local/share/bash-completion/completions/loki`.
#[derive(clap::Args, Debug)]
pub(crate) struct CompletionsArgs {
    /// The shell to print it for
    shell: Shell,
}

pub(crate) fn completions(ui: &mut Ui, args: &CompletionsArgs) -> Result<Status, CommandError> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut cli::definition(), "loki", &mut script);
    ui.result_text(&String::from_utf8_lossy(&script))?;
    Ok(Status::Success)
}
