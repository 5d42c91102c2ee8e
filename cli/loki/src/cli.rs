//! The command line: what may be said, and which file answers it.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::error::ErrorKind as ClapKind;
use clap::{CommandFactory, Parser, Subcommand};

use crate::commands::{
    approve, cleanup, completions, config, doctor, forge, forge_detect, init, ledger, mcp, pause, plan,
    prompt, receipt, reference, reject, resume, rollback, sandbox, skills, start, status, steer, stop, tui,
    verify, watch, why,
};
use crate::context::Context;
use crate::environment::Environment;
use crate::error::{CommandError, ErrorKind};
use crate::exit::Status;
use crate::ui::{Ui, Verbosity};

/// Turns a product requirement document into a working, proven backend
///
/// Works in iterations of reason, act, reflect and verify, and calls nothing done that it has not
/// checked itself.
#[derive(Parser, Debug)]
#[command(name = "loki", version, propagate_version = false, arg_required_else_help = true)]
#[command(after_help = exit_codes())]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) globals: Globals,
    #[command(subcommand)]
    command: Command,
}

/// What every command understands.
#[derive(clap::Args, Debug, Clone, Default)]
pub(crate) struct Globals {
    /// The project's folder (default: the nearest one upward with a `.loki`, else this one)
    #[arg(long, value_name = "DIR", global = true, help_heading = "Global options")]
    pub(crate) project: Option<PathBuf>,
    /// Print the result as JSON
    #[arg(long, global = true, help_heading = "Global options")]
    pub(crate) json: bool,
    /// Say nothing but the result, warnings and errors
    #[arg(long, short, global = true, conflicts_with = "verbose", help_heading = "Global options")]
    pub(crate) quiet: bool,
    /// Say in detail what is going on
    #[arg(long, short, global = true, help_heading = "Global options")]
    pub(crate) verbose: bool,
    /// Print without colour
    #[arg(long, global = true, help_heading = "Global options")]
    pub(crate) no_color: bool,
    /// Never wait for a person: runs print one JSON event a line
    #[arg(long, global = true, help_heading = "Global options")]
    pub(crate) headless: bool,
}

impl Globals {
    /// How much is said beside the result.
    pub(crate) fn verbosity(&self) -> Verbosity {
        match (self.quiet, self.verbose) {
            (true, _) => Verbosity::Quiet,
            (false, true) => Verbosity::Verbose,
            (false, false) => Verbosity::Normal,
        }
    }
}

#[derive(Subcommand, Debug)]
enum Command {
    Init(init::InitArgs),
    Start(start::StartArgs),
    Resume(resume::ResumeArgs),
    Status(status::StatusArgs),
    Why(why::WhyArgs),
    Tui(tui::TuiArgs),
    Watch(watch::WatchArgs),
    Plan(plan::PlanArgs),
    Verify(verify::VerifyArgs),
    Receipt(receipt::ReceiptArgs),
    Pause(pause::PauseArgs),
    Stop(stop::StopArgs),
    Steer(steer::SteerArgs),
    Approve(approve::ApproveArgs),
    Reject(reject::RejectArgs),
    Rollback(rollback::RollbackArgs),
    Prompt(prompt::PromptArgs),
    Forge(forge::ForgeArgs),
    ForgeDetect(forge_detect::ForgeDetectArgs),
    Sandbox(sandbox::SandboxArgs),
    Skills(skills::SkillsArgs),
    Mcp(mcp::McpArgs),
    Ledger(ledger::LedgerArgs),
    Doctor(doctor::DoctorArgs),
    Config(config::ConfigArgs),
    Cleanup(cleanup::CleanupArgs),
    Completions(completions::CompletionsArgs),
    #[command(name = "__reference", hide = true)]
    Reference(reference::ReferenceArgs),
}

/// Reads the arguments, carries the command out and reports what came of it.
pub(crate) fn run(arguments: Vec<OsString>, environment: Environment) -> Status {
    let wants_json = arguments.iter().any(|argument| argument == "--json");
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(error) => return report_usage(&error, wants_json, &environment),
    };
    let mut ui = Ui::of_process(&environment, &cli.globals);
    let ended = Context::find(environment, &cli.globals)
        .and_then(|context| dispatch(&mut ui, &context, &cli.command));
    match ended {
        Ok(status) => status,
        Err(error) => match ui.error(&error) {
            Ok(()) => error.status(),
            Err(_) => Status::Refused, // Nothing is left to report it on.
        },
    }
}

fn dispatch(ui: &mut Ui, context: &Context, command: &Command) -> Result<Status, CommandError> {
    match command {
        Command::Init(args) => init::init(ui, context, args),
        Command::Start(args) => start::start(ui, context, args),
        Command::Resume(args) => resume::resume(ui, context, args),
        Command::Status(args) => status::status(ui, context, args),
        Command::Why(args) => why::why(ui, context, args),
        Command::Tui(args) => tui::tui(ui, context, args),
        Command::Watch(args) => watch::watch(ui, context, args),
        Command::Plan(args) => plan::plan(ui, context, args),
        Command::Verify(args) => verify::verify(ui, context, args),
        Command::Receipt(args) => receipt::receipt(ui, context, args),
        Command::Pause(args) => pause::pause(ui, context, args),
        Command::Stop(args) => stop::stop(ui, context, args),
        Command::Steer(args) => steer::steer(ui, context, args),
        Command::Approve(args) => approve::approve(ui, context, args),
        Command::Reject(args) => reject::reject(ui, context, args),
        Command::Rollback(args) => rollback::rollback(ui, context, args),
        Command::Prompt(args) => prompt::prompt(ui, context, args),
        Command::Sandbox(args) => sandbox::sandbox(ui, context, args),
        Command::Skills(args) => skills::skills(ui, context, args),
        Command::Mcp(args) => mcp::mcp(ui, context, args),
        Command::Ledger(args) => ledger::ledger(ui, context, args),
        Command::Forge(args) => forge::forge(ui, context, args),
        Command::ForgeDetect(args) => forge_detect::forge_detect(ui, context, args),
        Command::Doctor(args) => doctor::doctor(ui, context, args),
        Command::Config(args) => config::config(ui, context, args),
        Command::Cleanup(args) => cleanup::cleanup(ui, context, args),
        Command::Completions(args) => completions::completions(ui, args),
        Command::Reference(args) => reference::reference(ui, args),
    }
}

/// The whole command line, for completions and the reference.
pub(crate) fn definition() -> clap::Command {
    Cli::command()
}

/// Shows what the parser has to say: help and version are results, the rest is an error.
fn report_usage(error: &clap::Error, wants_json: bool, environment: &Environment) -> Status {
    let globals = Globals { json: wants_json, ..Globals::default() };
    let mut ui = Ui::of_process(environment, &globals);
    let asked = matches!(error.kind(), ClapKind::DisplayHelp | ClapKind::DisplayVersion);
    let shown = if asked {
        ui.result_text(&error.render().to_string())
    } else if wants_json {
        ui.error(&usage_error(error))
    } else {
        ui.usage(&error.render().to_string())
    };
    match shown {
        Ok(()) if asked => Status::Success,
        Ok(()) | Err(_) => Status::Refused,
    }
}

/// The parser's complaint without its layout.
fn usage_error(error: &clap::Error) -> CommandError {
    let text = error.render().to_string();
    let first = text.lines().next().unwrap_or_default();
    CommandError::new(ErrorKind::Usage, first.trim_start_matches("error: "))
        .hint("Run `loki --help` for what it understands.")
}

fn exit_codes() -> String {
    let lines = Status::ALL.map(|status| format!("  {:>3}  {}", status.code(), status.meaning()));
    format!("Exit codes:\n{}", lines.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_definition_is_sound() {
        definition().debug_assert();
    }

    #[test]
    fn the_help_names_every_exit_code() {
        let help = definition().render_help().to_string();
        for status in Status::ALL {
            assert!(help.contains(&format!("{:>3}  {}", status.code(), status.meaning())), "{status:?}");
        }
    }

    #[test]
    fn every_command_says_what_it_does() {
        for command in definition().get_subcommands() {
            let about = command.get_about().map(ToString::to_string).unwrap_or_default();
            assert!(!about.is_empty() && !about.ends_with('.'), "{}: {about:?}", command.get_name());
        }
    }

    #[test]
    fn global_flags_are_understood_after_the_command_too() {
        let cli = Cli::try_parse_from(["loki", "doctor", "--json", "-q", "--project", "/p"]).unwrap();
        assert!(cli.globals.json);
        assert_eq!(cli.globals.verbosity(), Verbosity::Quiet);
        assert_eq!(cli.globals.project, Some(PathBuf::from("/p")));
        Cli::try_parse_from(["loki", "-q", "-v", "doctor"]).unwrap_err();
    }

    #[test]
    fn a_usage_error_keeps_the_first_line_for_scripts() {
        let error = Cli::try_parse_from(["loki", "doctor", "--nonsense"]).unwrap_err();
        let shown = usage_error(&error);
        assert_eq!(shown.message, "unexpected argument '--nonsense' found");
        assert_eq!(shown.kind, ErrorKind::Usage);
    }
}
