//! Runs that go on when the terminal, and whoever watched them, is gone.

use std::process::Command;

use super::{look, of_signal, show};
use crate::app::App;
use crate::app::drivers::{self, Driver, attached, heads, until};
use crate::context::Context;
use crate::error::CommandError;
use crate::exit::Status;
use crate::session;
use crate::ui::Ui;
use loki_tui::app::Left;

/// Makes this process the head of a session of its own, so that nothing that happens to a terminal ends it.
pub(crate) fn leave_session() {
    // It fails where the process heads one already.
    rustix::process::setsid().ok();
}

/// Lets another process do what this one was started for, and shows it.
pub(crate) fn watched(ui: &mut Ui, context: &Context, app: &App) -> Result<Status, CommandError> {
    let before = heads(app)?;
    let mut command = Command::new(drivers::program()?);
    command.args(std::env::args_os().skip(1)).args(["--headless", "--detached"]);
    let mut driver = drivers::begin(command)?;
    ui.status(format_args!("Starting; `--no-tui` says the same line by line."))?;
    let pid = driver.child.id();
    let mut run = None;
    until(&mut driver, || {
        run = attached(app, &before, pid);
        run.is_some()
    })?;
    let Some(run) = run else {
        let status = refused(ui, &mut driver)?;
        // It had nothing to drive: what there is to say is how the last run ended.
        if let Some(reader) = app.reader()?
            && let Some(last) = app.latest(&reader)?
            && let Some(stop) = last.stopped.as_ref().filter(|stop| session::status(stop) == status)
        {
            session::report(ui, app, &last, stop)?;
        }
        return Ok(status);
    };
    let left = show(context, look(&context.environment, ui, &super::LookArgs::default()), Some(run.clone()))?;
    if driver.child.try_wait().ok().flatten().is_none() {
        ui.status(format_args!(
            "Run {run} goes on in process {pid}. `loki tui` shows it, `loki stop` ends it."
        ))?;
        return Ok(match left {
            Left::Key | Left::TerminalGone => Status::Success,
            Left::Signal(number) => of_signal(number),
        });
    }
    let (_, run) = app.run(Some(run.as_str()))?;
    match &run.stopped {
        Some(stop) => {
            session::report(ui, app, &run, stop)?;
            Ok(session::status(stop))
        }
        None => refused(ui, &mut driver),
    }
}

/// Says what the driver said before it ended, and ends as it did.
fn refused(ui: &mut Ui, driver: &mut Driver) -> Result<Status, CommandError> {
    let ended = driver.child.wait();
    ui.usage(&driver.said())?;
    let code = ended.ok().and_then(|ended| ended.code()).and_then(|code| u8::try_from(code).ok());
    Ok(Status::ALL.into_iter().find(|status| Some(status.code()) == code).unwrap_or(Status::Refused))
}
