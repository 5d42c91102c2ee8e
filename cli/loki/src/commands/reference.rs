//! `loki __reference`: writes `docs/reference/cli.md` from the definition of the command line, and what else is
//! generated there.

use std::fmt::Write;

use clap::{Arg, Command};

use crate::cli;
use crate::commands::mcp;
use crate::error::CommandError;
use crate::exit::Status;
use crate::ui::Ui;

/// Print the reference of the command line in Markdown
#[derive(clap::Args, Debug)]
pub(crate) struct ReferenceArgs {
    /// What to describe
    #[arg(value_enum, default_value_t = About::Cli)]
    about: About,
}

#[derive(clap::ValueEnum, Debug, Clone, Copy, PartialEq, Eq)]
enum About {
    /// The command line
    Cli,
    /// What `loki mcp` offers
    Mcp,
}

pub(crate) fn reference(ui: &mut Ui, args: &ReferenceArgs) -> Result<Status, CommandError> {
    ui.result_text(&match args.about {
        About::Cli => reference_text(),
        About::Mcp => mcp::reference::text(),
    })?;
    Ok(Status::Success)
}

fn reference_text() -> String {
    let mut program = cli::definition();
    program.build();
    let mut text = String::from(
        "# Command line reference\n\nGenerated from the program; regenerate with \
         `cargo run -- __reference > docs/reference/cli.md`.\n\n",
    );
    text.push_str("## Options of every command\n\n");
    push_arguments(&mut text, program.get_arguments().filter(|argument| argument.is_global_set()));
    text.push_str("## Exit codes\n\n| code | meaning |\n|---|---|\n");
    for status in Status::ALL {
        push(&mut text, format_args!("| {} | {} |\n", status.code(), status.meaning()));
    }
    text.push('\n');
    for command in program.get_subcommands().filter(|command| is_shown(command)) {
        push_command(&mut text, command, "##", "loki");
    }
    format!("{}\n", text.trim_end())
}

fn push_command(text: &mut String, command: &Command, level: &str, above: &str) {
    let name = format!("{above} {}", command.get_name());
    push(text, format_args!("{level} `{name}`\n\n"));
    let about = command.get_long_about().or_else(|| command.get_about());
    for line in about.map(ToString::to_string).unwrap_or_default().lines() {
        push(text, format_args!("{line}\n"));
    }
    let usage = command.clone().render_usage().to_string();
    push(text, format_args!("\n```text\n{}\n```\n\n", usage.trim_start_matches("Usage: ")));
    push_arguments(text, command.get_arguments().filter(|argument| !argument.is_global_set()));
    for inner in command.get_subcommands().filter(|inner| is_shown(inner)) {
        push_command(text, inner, "###", &name);
    }
}

fn push_arguments<'a>(text: &mut String, arguments: impl Iterator<Item = &'a Arg>) {
    let mut any = false;
    for argument in arguments.filter(|argument| !matches!(argument.get_id().as_str(), "help" | "version")) {
        let about = argument.get_help().map(ToString::to_string).unwrap_or_default();
        push(text, format_args!("- `{}`: {about}", shown(argument)));
        let values: Vec<String> = argument
            .get_possible_values()
            .iter()
            .filter(|_| argument.get_action().takes_values())
            .map(|value| format!("`{}`", value.get_name()))
            .collect();
        if !values.is_empty() {
            push(text, format_args!(" ({})", values.join(", ")));
        }
        text.push('\n');
        any = true;
    }
    if any {
        text.push('\n');
    }
}

fn shown(argument: &Arg) -> String {
    let value = argument
        .get_value_names()
        .filter(|_| argument.get_action().takes_values())
        .map(|names| names.iter().map(|name| format!("<{name}>")).collect::<Vec<_>>().join(" "));
    let flags: Vec<String> = argument
        .get_short()
        .map(|short| format!("-{short}"))
        .into_iter()
        .chain(argument.get_long().map(|long| format!("--{long}")))
        .collect();
    let parts: Vec<String> = (!flags.is_empty()).then(|| flags.join(", ")).into_iter().chain(value).collect();
    parts.join(" ")
}

fn is_shown(command: &Command) -> bool {
    !command.is_hide_set() && command.get_name() != "help"
}

fn push(text: &mut String, piece: std::fmt::Arguments<'_>) {
    // Writing to a string cannot fail.
    text.write_fmt(piece).unwrap_or_default();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checked_in_reference_is_current() {
        let checked_in = include_str!("../../../../docs/reference/cli.md");
        assert!(
            checked_in == reference_text(),
            "docs/reference/cli.md is stale: cargo run -- __reference > docs/reference/cli.md"
        );
    }
}
