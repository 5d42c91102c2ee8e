//! `loki sandbox diagnose`.

use std::process::{Command, Stdio};

use loki_sandbox::confine::PROBE_ARGUMENT;
use loki_sandbox::{Level, Support};
use serde_json::json;

use crate::confinement::{self, StrengthArgs};
use crate::context::Context;
use crate::error::{CommandError, ErrorKind};
use crate::exit::Status;
use crate::ui::{Paint, Ui, printable};

/// Show how strongly this machine can confine commands
///
/// Tries everything for real, in a process of its own. Exits with 1 where commands would be refused.
#[derive(clap::Args, Debug)]
pub(crate) struct DiagnoseArgs {
    #[command(flatten)]
    strength: StrengthArgs,
}

pub(crate) fn diagnose(ui: &mut Ui, context: &Context, args: &DiagnoseArgs) -> Result<Status, CommandError> {
    let (mode, least) = confinement::strength(context, &args.strength)?;
    let support = args.strength.limited(probe()?);
    let chosen = support.choose(mode, least);
    if ui.is_json() {
        ui.result_json(&json!({
            "support": support,
            "strongest": support.strongest(),
            "mode": mode,
            "least": least,
            "used": chosen.as_ref().ok().copied().flatten(),
            "refused": chosen.is_err(),
        }))?;
    } else {
        show(ui, &support)?;
        match &chosen {
            Ok(Some(level)) => {
                ui.result(format_args!("Commands run at level `{}`.", level.name()))?;
                if let Some(caveat) = level.caveat() {
                    ui.result(format_args!("At this level {caveat}."))?;
                }
            }
            Ok(None) => ui.result(format_args!("Commands run unconfined, with all your rights."))?,
            Err(weak) => {
                ui.result(format_args!("Commands are refused: {weak}."))?;
                let flag = if weak.strongest.is_some() { "degrade" } else { "off" };
                ui.result(format_args!(
                    "`--sandbox {flag}`, or `loki config set --user sandbox.mode {flag}`, accepts that."
                ))?;
            }
        }
    }
    Ok(if chosen.is_err() { Status::GateFailed } else { Status::Success })
}

/// What the machine offers, tried in a process of its own.
pub(crate) fn probe() -> Result<Support, CommandError> {
    let tried = Command::new("/proc/self/exe")
        .arg(PROBE_ARGUMENT)
        .env_clear()
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .map_err(|source| CommandError::new(ErrorKind::Io, "failed to try the sandbox").caused_by(&source))?;
    let said = String::from_utf8_lossy(&tried.stdout).into_owned();
    let none = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    let (cgroup, missing) = said.split_once('\n').unwrap_or(("not tried", ""));
    let failed = (!tried.status.success() && missing.is_empty())
        .then(|| format!("trying it ended with {}", tried.status));
    let namespaces = failed.or(none(missing));
    Ok(Support { namespaces, cgroup: none(cgroup), ..Support::at_first_sight() })
}

fn show(ui: &mut Ui, support: &Support) -> Result<(), CommandError> {
    let landlock = support.landlock_abi.map_or("not there".to_owned(), |abi| format!("version {abi}"));
    let namespaces =
        support.namespaces.clone().unwrap_or_else(|| "user, mount, process, network, IPC".to_owned());
    let seccomp = if support.seccomp { "filters with a supervisor" } else { "not there" };
    ui.result(format_args!("Landlock      {landlock}"))?;
    ui.result(format_args!("namespaces    {}", printable(&namespaces)))?;
    ui.result(format_args!("system calls  {seccomp}"))?;
    match &support.cgroup {
        None => ui.result(format_args!("account       by the kernel, in a control group"))?,
        Some(why) => ui.result(format_args!("account       sampled: {}", printable(why)))?,
    }
    for level in Level::ALL {
        let offered = support.offers(level);
        let sign = if offered { ui.paint(Paint::Good, "yes") } else { ui.paint(Paint::Bad, "no ") };
        ui.result(format_args!("{sign}  level `{}`", level.name()))?;
    }
    Ok(())
}
