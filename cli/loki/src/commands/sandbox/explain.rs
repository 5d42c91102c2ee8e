//! `loki sandbox explain`.

use std::path::PathBuf;

use loki_sandbox::policy::{Access, Answer, Topic};
use serde_json::json;

use crate::confinement::{self, PolicyArgs};
use crate::context::Context;
use crate::error::{CommandError, ErrorKind};
use crate::exit::Status;
use crate::ui::{Paint, Ui, printable};

/// Show what a command would be allowed, and why
///
/// Without a question it shows the whole policy with all its layers. With one it says whether the thing is
/// allowed, by which rule, and otherwise which lines of your policy would allow it; it exits with 1 then.
#[derive(clap::Args, Debug)]
pub(crate) struct ExplainArgs {
    #[command(flatten)]
    policy: PolicyArgs,
    /// Whether this file may be read
    #[arg(long, value_name = "PATH")]
    read: Vec<PathBuf>,
    /// Whether this file may be written
    #[arg(long, value_name = "PATH")]
    write: Vec<PathBuf>,
    /// Whether this host may be reached
    #[arg(long, value_name = "HOST:PORT")]
    host: Vec<String>,
    /// The command that the policy is for; whether its program can be found and run is said too
    #[arg(trailing_var_arg = true, value_name = "COMMAND")]
    command: Vec<String>,
}

pub(crate) fn explain(ui: &mut Ui, context: &Context, args: &ExplainArgs) -> Result<Status, CommandError> {
    let policy = confinement::policy(context, &args.policy)?;
    let places = confinement::places(context)?;
    let mut answers: Vec<(String, Answer)> = Vec::new();
    let real = |path: &PathBuf| {
        let path = context.current_dir.join(path);
        path.canonicalize().unwrap_or(path)
    };
    for (paths, wanted, verb) in [(&args.read, Access::Read, "read"), (&args.write, Access::Write, "write")] {
        for path in paths {
            let answer = policy.explain_file(&places, &real(path), wanted);
            answers.push((format!("{verb} {}", path.display()), answer));
        }
    }
    for host in &args.host {
        let (name, port) = host_and_port(host)?;
        answers.push((format!("reach {name}:{port}"), policy.explain_host(name, port)));
    }
    if let Some(program) = args.command.first() {
        let found = program_file(context, program).unwrap_or_else(|| PathBuf::from(program));
        answers.push((format!("run {program}"), policy.explain_file(&places, &real(&found), Access::Read)));
    }
    let asked_only = args.command.is_empty() && !answers.is_empty();
    let topics = if asked_only { Vec::new() } else { policy.explain().topics };
    if ui.is_json() {
        let answers: Vec<_> = answers.iter().map(|(question, answer)| {
            json!({"question": question, "allowed": answer.allowed, "words": answer.words, "rule": answer.rule})
        }).collect();
        ui.result_json(&json!({"policy": policy, "digest": policy.digest(), "answers": answers}))?;
    } else {
        for topic in &topics {
            show(ui, topic)?;
        }
        for (question, answer) in &answers {
            let sign =
                if answer.allowed { ui.paint(Paint::Good, "yes") } else { ui.paint(Paint::Bad, "no ") };
            ui.result(format_args!("{sign}  {}: {}", printable(question), printable(&answer.words)))?;
            for line in answer.rule.iter().flat_map(|rule| rule.lines()) {
                ui.result(format_args!("     {}", printable(line)))?;
            }
        }
    }
    let all = answers.iter().all(|(_, answer)| answer.allowed);
    Ok(if all { Status::Success } else { Status::GateFailed })
}

fn show(ui: &mut Ui, topic: &Topic) -> Result<(), CommandError> {
    let title = ui.paint(Paint::Strong, topic.title);
    ui.result(format_args!("{title}"))?;
    for statement in &topic.statements {
        let about = statement.about.join(", ");
        let origin = statement.origin.map(|origin| format!(" ({})", origin.words())).unwrap_or_default();
        ui.result(format_args!("  {} {}", statement.verb, printable(&about)))?;
        ui.result(format_args!("      {}{origin}", printable(&statement.reason)))?;
    }
    Ok(ui.result(format_args!("  {}", topic.otherwise))?)
}

fn host_and_port(text: &str) -> Result<(&str, u16), CommandError> {
    let split = text.rsplit_once(':').and_then(|(name, port)| Some((name, port.parse().ok()?)));
    split.filter(|(name, port)| !name.is_empty() && *port > 0).ok_or_else(|| {
        CommandError::new(ErrorKind::Usage, format_args!("`{text}` is no host with a port"))
            .hint("Such as `example.com:443`.")
    })
}

fn program_file(context: &Context, program: &str) -> Option<PathBuf> {
    if program.contains('/') {
        return Some(context.current_dir.join(program));
    }
    let path = context.environment.get("PATH")?;
    std::env::split_paths(path).map(|folder| folder.join(program)).find(|file| file.is_file())
}
