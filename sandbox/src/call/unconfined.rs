//! A call that nothing holds, because that was asked for. Only wall time and output are limited.

use std::pin::Pin;
use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;

use super::flow::{Input, Meter, Source};
use super::{Call, CallError, Ended, Output, Stream, doing};
use crate::outcome::{End, Limit, Outcome, Usage};
use crate::sys;

/// Runs a call to its end with all rights of this process.
pub(super) async fn run(
    call: &Call,
    input: &Input,
    output: &mut dyn Output,
    mut stop: Pin<&mut impl Future<Output = ()>>,
) -> Result<Ended, CallError> {
    let began = sys::monotonic();
    let limits = &call.policy.limits;
    let stdin = input.reader.try_clone().map_err(doing("pass stdin on"))?;
    let Some((program, arguments)) = call.command.split_first() else {
        return Ok(ended(End::NotStarted { errno: libc::ENOENT }, Usage::default()));
    };
    let spawned = Command::new(program)
        .args(arguments)
        .env_clear()
        .envs(&call.variables)
        .current_dir(&call.folder)
        .stdin(stdin)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn();
    let mut child = match spawned {
        Ok(child) => child,
        Err(error) => {
            let errno = error.raw_os_error().unwrap_or(libc::EIO);
            return Ok(ended(End::NotStarted { errno }, Usage::default()));
        }
    };
    let mut stdout = Source::new(child.stdout.take(), Stream::Stdout);
    let mut stderr = Source::new(child.stderr.take(), Stream::Stderr);
    let mut meter = Meter::new(limits.output_bytes_max);
    let mut time = std::pin::pin!(tokio::time::sleep(Duration::from_secs(limits.wall_seconds_max)));
    let mut asked = None;
    while asked.is_none() && !(stdout.is_over() && stderr.is_over()) {
        let taken = tokio::select! {
            bytes = stdout.fill() => bytes.and_then(|bytes| stdout.give(meter.count(bytes), output)),
            bytes = stderr.fill() => bytes.and_then(|bytes| stderr.give(meter.count(bytes), output)),
            () = stop.as_mut() => { asked = Some(End::Stopped); Ok(()) }
            () = time.as_mut() => { asked = Some(End::Limit { limit: Limit::Wall }); Ok(()) }
        };
        taken.map_err(doing("pass the command's output on"))?;
        if meter.is_over() {
            asked = Some(End::Limit { limit: Limit::Output });
        }
    }
    if asked.is_some() {
        child.start_kill().map_err(doing("end the command"))?;
    }
    let status = child.wait().await.map_err(doing("wait for the command"))?;
    let by_itself = match (status.code(), std::os::unix::process::ExitStatusExt::signal(&status)) {
        (Some(code), _) => End::Exited { code },
        (None, signal) => End::Signaled { signal: signal.unwrap_or(0) },
    };
    let wall_ms = u64::try_from((sys::monotonic() - began).as_millis()).unwrap_or(u64::MAX);
    let usage = Usage { wall_ms, output_bytes: meter.bytes, ..Usage::default() };
    Ok(ended(asked.unwrap_or(by_itself), usage))
}

fn ended(end: End, usage: Usage) -> Ended {
    Ended { outcome: Outcome { end, usage, denials: Vec::new(), level: None }, egress: None }
}
