//! A call that nothing holds, because that was asked for. Only wall time and output are limited.

use std::io;
use std::os::fd::OwnedFd;
use std::pin::Pin;
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, PidfdFlags, Signal, kill_process_group, pidfd_open};
use tokio::io::unix::AsyncFd;
use tokio::process::{Child, Command};

use super::flow::{Input, Meter, Source};
use super::line::{Began, Extras};
use super::{Call, CallError, Ended, Output, Stream, doing};
use crate::outcome::{End, Limit, Outcome, Usage};
use crate::sys;
use crate::workshop::DOOR_VARIABLE;

/// Runs a call to its end with all rights of this process.
pub(super) async fn run(
    call: Call,
    extras: Extras,
    input: &Input,
    output: &mut (impl Output + ?Sized),
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
        .envs(extras.door.iter().map(|door| (DOOR_VARIABLE, door)))
        .envs(&extras.variables)
        .current_dir(&call.folder)
        .stdin(stdin)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true)
        .spawn();
    let mut child = match spawned {
        Ok(child) => child,
        Err(error) => {
            let errno = error.raw_os_error().unwrap_or(libc::EIO);
            return Ok(ended(End::NotStarted { errno }, Usage::default()));
        }
    };
    let mut group = Group::led_by(&child).map_err(doing("watch over the command"))?;
    if let Some(mut line) = extras.line {
        line.begun(Began { level: None, process: child.id() });
    }
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
    // As long as its leader is not waited for, no other group has the number of this one.
    while asked.is_none() && !group.has_no_leader {
        tokio::select! {
            gone = group.leader_gone() => gone.map_err(doing("wait for the command"))?,
            () = stop.as_mut() => asked = Some(End::Stopped),
            () = time.as_mut() => asked = Some(End::Limit { limit: Limit::Wall }),
        }
    }
    group.end();
    let status = child.wait().await.map_err(doing("wait for the command"))?;
    let by_itself = match (status.code(), std::os::unix::process::ExitStatusExt::signal(&status)) {
        (Some(code), _) => End::Exited { code },
        (None, signal) => End::Signaled { signal: signal.unwrap_or(0) },
    };
    let wall_ms = u64::try_from((sys::monotonic() - began).as_millis()).unwrap_or(u64::MAX);
    let usage = Usage { wall_ms, output_bytes: meter.bytes, ..Usage::default() };
    Ok(ended(asked.unwrap_or(by_itself), usage))
}

/// The processes that the command started and that have not left its group. Dropping it ends them.
struct Group {
    leader: Option<Pid>,
    handle: AsyncFd<OwnedFd>,
    /// Whether the command itself has ended.
    has_no_leader: bool,
}

impl Group {
    fn led_by(child: &Child) -> io::Result<Group> {
        let id = child.id().and_then(|id| Pid::from_raw(id.cast_signed()));
        let leader = id.ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))?;
        let handle = pidfd_open(leader, PidfdFlags::empty())?;
        Ok(Group { leader: Some(leader), handle: sys::watched(handle)?, has_no_leader: false })
    }

    /// Waits for the command itself to end.
    async fn leader_gone(&mut self) -> io::Result<()> {
        let _stays_so = self.handle.readable().await?;
        self.has_no_leader = true;
        Ok(())
    }

    /// Ends all of it. Only before its leader is waited for.
    fn end(&mut self) {
        if let Some(leader) = self.leader.take() {
            // It may be gone by now, which is what is wanted.
            let _gone = kill_process_group(leader, Signal::KILL);
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.end();
    }
}

fn ended(end: End, usage: Usage) -> Ended {
    Ended { outcome: Outcome { end, usage, denials: Vec::new(), level: None }, egress: None }
}
