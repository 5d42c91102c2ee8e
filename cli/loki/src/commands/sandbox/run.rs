//! `loki sandbox run`.

use std::ffi::OsString;
use std::io;

use loki_sandbox::{CallError, End, Ended, Job, Level, Mode, Output, Ready, Stream, Workshop};
use tokio::io::AsyncRead;
use tokio::runtime::Runtime;
use tokio::signal::unix::{SignalKind, signal};

use super::report;
use crate::confinement::{self, PolicyArgs, StrengthArgs};
use crate::context::Context;
use crate::error::{CommandError, ErrorKind};
use crate::exit::Status;
use crate::ui::Ui;

/// Run a command with the rights its policy names, and no others
///
/// Its output is passed on and its exit code is loki's: 128 and more where a signal ended it, 126 or 127
/// where it could not be started. A limit of the policy ends it with 20. What it was denied is said at the
/// end, with the rule that would allow it. Every call is recorded in `.loki/sandbox/calls.jsonl`.
#[derive(clap::Args, Debug)]
pub(crate) struct RunArgs {
    #[command(flatten)]
    policy: PolicyArgs,
    #[command(flatten)]
    strength: StrengthArgs,
    /// Seconds it may take, where the policy allows more
    #[arg(long, value_name = "SECONDS")]
    timeout: Option<u64>,
    /// The command and its arguments
    #[arg(required = true, trailing_var_arg = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

pub(crate) fn run(ui: &mut Ui, context: &Context, args: &RunArgs) -> Result<Status, CommandError> {
    let (mode, _) = confinement::strength(context, &args.strength)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|source| {
        CommandError::new(ErrorKind::Io, "failed to start the runtime").caused_by(&source)
    })?;
    // It makes its namespaces while the policy is read.
    let ready = (mode != Mode::Off).then(|| runtime.block_on(async { Ready::start(Level::Isolated) }));
    let ready = ready.transpose().map_err(|error| of_call(&error))?;
    let mut policy = confinement::policy(context, &args.policy)?;
    if let Some(seconds) = args.timeout {
        policy.limits.wall_seconds_max = policy.limits.wall_seconds_max.min(seconds);
    }
    let workshop = confinement::workshop(context, policy, &args.strength)?;
    let folder = context.current_dir.canonicalize().map_err(|source| {
        CommandError::new(ErrorKind::Io, "failed to find the current folder").caused_by(&source)
    })?;
    // A command of another project starts at its top.
    let project = workshop.places.project();
    let folder = if folder.starts_with(project) { folder } else { project.to_owned() };
    let job = Job::new(&args.command, folder);
    let mut sink = Sink { captured: ui.is_json().then(Captured::default), ui };
    let (ended, signalled) = carry_out(runtime, &workshop, job, ready, &mut sink)?;
    let captured = sink.captured.take();
    let program = args.command.first().map(|word| word.to_string_lossy()).unwrap_or_default();
    report::report(ui, &program, &workshop.policy, &workshop.places, &ended, captured)?;
    Ok(signalled.unwrap_or_else(|| status(&ended.outcome.end)))
}

/// Runs the call until it ends, or until this program is asked to end.
fn carry_out(
    runtime: Runtime,
    workshop: &Workshop,
    job: Job,
    ready: Option<Ready>,
    sink: &mut Sink<'_>,
) -> Result<(Ended, Option<Status>), CommandError> {
    let ended = runtime.block_on(async {
        let listen =
            |kind| signal(kind).map_err(|source| CallError::Io { attempt: "listen for signals", source });
        let (mut interrupt, mut terminate) =
            (listen(SignalKind::interrupt())?, listen(SignalKind::terminate())?);
        let mut signalled = None;
        let stop = async {
            signalled = Some(tokio::select! {
                _ = interrupt.recv() => Status::Interrupted,
                _ = terminate.recv() => Status::Terminated,
            });
        };
        let ended = workshop.pass(job, stdin(), ready, sink, stop).await?;
        Ok((ended, signalled))
    });
    // A read from a terminal must not keep the program alive.
    runtime.shutdown_background();
    ended.map_err(|error| of_call(&error))
}

/// This program's own stdin, where there is something to read.
fn stdin() -> Option<Box<dyn AsyncRead + Send + Unpin>> {
    let nothing = rustix::fs::fstat(io::stdin()).is_ok_and(|stdin| {
        let null = rustix::fs::stat("/dev/null");
        null.is_ok_and(|null| stdin.st_rdev == null.st_rdev && stdin.st_rdev != 0)
    });
    (!nothing).then(|| Box::new(tokio::io::stdin()) as Box<dyn AsyncRead + Send + Unpin>)
}

/// Passes output on as it comes, or keeps it for a result in JSON.
struct Sink<'a> {
    ui: &'a mut Ui,
    captured: Option<Captured>,
}

/// What a command printed.
#[derive(Default)]
pub(super) struct Captured {
    pub(super) stdout: Vec<u8>,
    pub(super) stderr: Vec<u8>,
}

impl Output for Sink<'_> {
    fn take(&mut self, stream: Stream, bytes: &[u8]) -> io::Result<()> {
        match (&mut self.captured, stream) {
            (Some(captured), Stream::Stdout) => captured.stdout.extend_from_slice(bytes),
            (Some(captured), Stream::Stderr) => captured.stderr.extend_from_slice(bytes),
            (None, Stream::Stdout) => return self.ui.pass_stdout(bytes),
            (None, Stream::Stderr) => return self.ui.pass_stderr(bytes),
        }
        Ok(())
    }
}

/// The exit code that a command's end means.
fn status(end: &End) -> Status {
    let code = |code: i32| Status::OfCommand(u8::try_from(code & 0xff).unwrap_or(u8::MAX));
    match end {
        End::Exited { code: own } => code(*own),
        End::Signaled { signal } => code(128 + signal),
        End::Limit { .. } | End::Stopped => Status::Stopped,
        End::NotStarted { errno: libc::ENOENT } => code(127),
        End::NotStarted { .. } => code(126),
    }
}

fn of_call(error: &CallError) -> CommandError {
    let shown = |kind| CommandError::from_error(kind, error);
    match error {
        CallError::TooWeak(weak) => {
            let mut shown = shown(ErrorKind::Machine);
            shown.causes.extend(weak.missing.iter().cloned());
            let shown = match weak.strongest {
                Some(level) => shown.hint(format_args!(
                    "`--sandbox degrade` runs it at level `{}`, where {}.",
                    level.name(),
                    level.caveat().unwrap_or("everything holds")
                )),
                None => shown.hint("`--sandbox off` runs it unconfined, with all your rights."),
            };
            shown.hint("`loki sandbox diagnose` shows what this machine offers.")
        }
        CallError::Confine(_) => {
            shown(ErrorKind::Machine).hint("`loki sandbox diagnose` shows what this machine offers.")
        }
        CallError::Proxy(_) => {
            shown(ErrorKind::Config).hint("Look at the hosts of the policy: `loki sandbox explain`.")
        }
        CallError::Io { .. } => shown(ErrorKind::Io),
        CallError::Job(job) => CommandError::from_error(ErrorKind::Usage, job),
        CallError::Record(record) => confinement::of_record(record),
        CallError::Lost(lost) => of_call(lost),
    }
}

#[cfg(test)]
mod tests {
    use loki_sandbox::Limit;

    use super::*;

    #[test]
    fn the_exit_code_is_the_commands_own() {
        for (end, code) in [
            (End::Exited { code: 0 }, 0),
            (End::Exited { code: 3 }, 3),
            (End::Signaled { signal: 9 }, 137),
            (End::Limit { limit: Limit::Wall }, 20),
            (End::Stopped, 20),
            (End::NotStarted { errno: libc::ENOENT }, 127),
            (End::NotStarted { errno: libc::EACCES }, 126),
        ] {
            assert_eq!(status(&end).code(), code, "{end:?}");
        }
    }
}
