//! A call under a level: the helper's side of the socket is a process that becomes the command.

use std::collections::HashSet;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io;
use std::net::TcpListener;
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::pin::Pin;

use tokio::io::{AsyncWriteExt, Interest};
use tokio::net::unix::pipe::Receiver;

use super::flow::{Input, Meter, Source};
use super::line::{self, Ask, Asked, Began, Extras, Line};
use super::ready::{Helper, Ready};
use super::way_out::{Served, Way, denials};
use super::{Call, CallError, Ended, Output, Stream, doing};
use crate::channel::{self, Frames};
use crate::confine::STOP;
use crate::environment::{self, Proxy};
use crate::level::Level;
use crate::outcome::{Denial, End, Limit, Outcome};
use crate::plan::{AUTHORITIES_FILE, Failure, Message, Place, Plan, Report, is_within};
use crate::policy::{Access, FileRule};
use crate::workshop::DOOR_VARIABLE;

/// Runs a call to its end.
pub(super) async fn run(
    call: &mut Call,
    extras: &mut Extras,
    input: &Input,
    level: Level,
    output: &mut (impl Output + ?Sized),
    stop: Pin<&mut impl Future<Output = ()>>,
) -> Result<Ended, CallError> {
    let running = Running::start(call, extras, input, level)?;
    running.drive(output, stop, extras.line.as_mut()).await
}

/// A call under way.
struct Running {
    helper: Helper,
    stdout: Source<Receiver>,
    stderr: Source<Receiver>,
    control: tokio::net::UnixStream,
    frames: Frames,
    way: Way,
    served: Option<Served>,
    level: Level,
    meter: Meter,
    asked: Asked,
    /// Whether the command is known to be under way, so that requests can be passed on.
    has_begun: bool,
    /// What this side ended it for.
    ended_by: Option<End>,
    report: Option<Report>,
    swept: Option<Vec<Denial>>,
    /// Why the command could not be confined. The helper is at its end then.
    failed: Option<Failure>,
}

impl Running {
    fn start(call: &mut Call, extras: &Extras, input: &Input, level: Level) -> Result<Running, CallError> {
        for folder in [call.places.own_home(), call.places.own_temporary()] {
            let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(folder);
            made.map_err(doing("make the command's own folders"))?;
        }
        let ready = match call.ready.take().filter(|ready| ready.serves(level)) {
            Some(ready) => ready,
            None => Ready::start_as(level, extras.helper.as_deref())?,
        };
        // The helper is at work from here on; what it needs to be told is made meanwhile.
        let mut way = Way::prepare(call, level)?;
        let plan = plan(call, extras, level, &way);
        let Ready { helper, control: near, stdout, stderr, .. } = ready;
        match channel::send(&near, &plan, Some(input.reader.as_fd())) {
            // It has ended already, and has said why.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {}
            sent => sent.map_err(doing("tell the helper its plan"))?,
        }
        near.set_nonblocking(true).map_err(doing("listen to the helper"))?;
        let served = way.serve_own();
        Ok(Running {
            stdout: Source::new(Some(stdout), Stream::Stdout),
            stderr: Source::new(Some(stderr), Stream::Stderr),
            helper,
            control: tokio::net::UnixStream::from_std(near).map_err(doing("listen to the helper"))?,
            frames: Frames::default(),
            way,
            served,
            level,
            meter: Meter::new(call.policy.limits.output_bytes_max),
            asked: Asked::default(),
            has_begun: false,
            ended_by: None,
            report: None,
            swept: None,
            failed: None,
        })
    }

    async fn drive(
        mut self,
        output: &mut (impl Output + ?Sized),
        mut stop: Pin<&mut impl Future<Output = ()>>,
        mut line: Option<&mut Line>,
    ) -> Result<Ended, CallError> {
        // With its last word the helper has nothing left to do; it is not waited for.
        while !((self.frames.closed || self.swept.is_some())
            && self.stdout.is_over()
            && self.stderr.is_over())
        {
            tokio::select! {
                ready = self.control.readable(), if !self.frames.closed => {
                    ready.map_err(doing("hear from the helper"))?;
                    self.hear(line.as_deref_mut())?;
                }
                bytes = self.stdout.fill() => {
                    let bytes = bytes.map_err(doing("read the command's output"))?;
                    let bytes = self.within_limit(bytes).await;
                    self.stdout.give(bytes, output).map_err(doing("pass the command's output on"))?;
                }
                bytes = self.stderr.fill() => {
                    let bytes = bytes.map_err(doing("read the command's output"))?;
                    let bytes = self.within_limit(bytes).await;
                    self.stderr.give(bytes, output).map_err(doing("pass the command's output on"))?;
                }
                ask = line::next(line.as_deref_mut()), if self.takes_requests() => self.ask(ask).await,
                () = stop.as_mut(), if self.ended_by.is_none() => self.end(End::Stopped).await,
                () = transfer_reached(self.served.as_ref()), if self.ended_by.is_none() => {
                    self.end(End::Limit { limit: Limit::Transfer }).await;
                }
            }
        }
        if self.swept.is_none() {
            self.helper.end().await.map_err(doing("wait for the helper"))?;
        }
        let egress = match self.served.take() {
            Some(served) => Some(served.finish().await),
            None => None,
        };
        if let Some(failure) = self.failed.take() {
            return Err(failure.into());
        }
        let Some(report) = self.report.take() else {
            return Err(Failure::new("confine the command", &"the helper was ended from outside").into());
        };
        Ok(Ended { outcome: self.outcome(report, egress.as_ref()), egress })
    }

    fn outcome(&self, report: Report, egress: Option<&crate::proxy::Report>) -> Outcome {
        // What this side asked for is why it ended, unless it ended by itself before.
        let end = match (&self.ended_by, report.end) {
            (Some(asked), End::Stopped) => asked.clone(),
            (_, end) => end,
        };
        let mut usage = report.usage;
        usage.output_bytes = self.meter.bytes;
        let refused = egress.map(denials).unwrap_or_default();
        let swept = self.swept.clone().unwrap_or_default();
        let denials = [report.denials, refused, swept].concat();
        Outcome { end, usage, denials, level: Some(self.level) }
    }

    /// Takes what the helper says.
    fn hear(&mut self, mut line: Option<&mut Line>) -> Result<(), CallError> {
        let frames = &mut self.frames;
        let received = self.control.try_io(Interest::READABLE, || frames.receive(&self.control));
        match received {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
            other => other.map_err(doing("hear from the helper"))?,
        }
        while let Some(message) = self.frames.next().map_err(doing("hear from the helper"))? {
            match message {
                Message::Listening => {
                    if let Some(listener) = self.frames.descriptor() {
                        self.served = self.way.serve(TcpListener::from(listener));
                    }
                }
                Message::Began => {
                    self.has_begun = true;
                    if let Some(line) = &mut line {
                        line.begun(Began { level: Some(self.level), process: self.helper.id() });
                    }
                }
                Message::Socket { made } => {
                    let socket = if made { self.frames.descriptor() } else { None };
                    self.asked.socket(socket);
                }
                Message::Ports(ports) => self.asked.ports(ports),
                Message::Failed(failure) => self.failed = Some(failure),
                Message::Ended(report) => self.report = Some(report),
                Message::Swept(denials) => self.swept = Some(denials),
            }
        }
        Ok(())
    }

    /// Counts output, and ends the command where there is too much of it.
    async fn within_limit(&mut self, bytes: usize) -> usize {
        let within = self.meter.count(bytes);
        if self.meter.is_over() && self.ended_by.is_none() {
            self.end(End::Limit { limit: Limit::Output }).await;
        }
        within
    }

    /// Whether a request can be passed on to the helper now.
    fn takes_requests(&self) -> bool {
        self.has_begun && self.ended_by.is_none() && self.report.is_none() && self.asked.has_room()
    }

    async fn ask(&mut self, ask: Ask) {
        // A helper that does not listen any more is at its own end, and the request is dropped with the call.
        let _gone = self.control.write_all(&[ask.byte()]).await;
        self.asked.push(ask);
    }

    /// Asks the helper to end the command.
    async fn end(&mut self, why: End) {
        self.ended_by = Some(why);
        // A helper that does not listen any more is at its own end.
        let _gone = self.control.write_all(&[STOP]).await;
    }
}

async fn transfer_reached(served: Option<&Served>) {
    match served {
        Some(served) => served.transfer_reached().await,
        None => std::future::pending().await,
    }
}

/// Everything the helper is told.
fn plan(call: &Call, extras: &Extras, level: Level, way: &Way) -> Plan {
    let places = relevant(call);
    let mut plan = Plan {
        level,
        landlock_abi: call.support.landlock_abi.unwrap_or(0),
        command: call.command.clone(),
        environment: Vec::new(),
        folder: call.folder.clone(),
        links: links(call, &places),
        places: places.iter().map(|(path, rule)| Place { path: path.clone(), access: rule.access }).collect(),
        home: call.places.own_home().to_owned(),
        tmp: call.places.own_temporary().to_owned(),
        limits: call.policy.limits.clone(),
        authorities: way.authorities.clone(),
        way_out: way.kind,
        door: extras.door.clone(),
        announces: extras.line.is_some(),
        listens: extras.listens,
    };
    let given = call.variables.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let mut variables = call.policy.variables(&call.places, given).given;
    let authorities = plan.authorities.as_ref().map(|_| plan.tmp_seen().join(AUTHORITIES_FILE));
    let outside: Vec<&str> = call.policy.network.iter().map(|rule| rule.host.as_str()).collect();
    let proxy =
        way.url.as_deref().map(|url| Proxy { url, authorities: authorities.as_deref(), outside: &outside });
    environment::complete(&mut variables, plan.home_seen(), plan.tmp_seen(), proxy);
    variables
        .extend(plan.door_seen().map(|door| (DOOR_VARIABLE.to_owned(), door.to_string_lossy().into_owned())));
    variables.extend(extras.variables.clone());
    plan.environment = variables.into_iter().map(|(name, value)| (name, value.into())).collect();
    plan
}

/// The places that make a difference here. Most of those that a policy names are not there, on any one
/// machine; what is protected or hidden where a command may write must be named all the same.
fn relevant(call: &Call) -> Vec<(PathBuf, &FileRule)> {
    let home = call.places.home();
    let mut there = Presence::default();
    let writable = |rule: &&FileRule| rule.access == Access::Write;
    let roots: Vec<PathBuf> =
        call.policy.files.iter().filter(writable).filter_map(|rule| call.places.locate(&rule.path)).collect();
    // What is there has everything around it there too.
    let mut places = call.policy.expand_where(&call.places, |path, rule| {
        let guarded = matches!(rule.access, Access::Hide | Access::Protect);
        there.has(path, home) || (guarded && roots.iter().any(|root| is_within(path, root)))
    });
    // The helper puts these where the command sees them.
    places.retain(|(path, _)| path != call.places.own_home() && path != call.places.own_temporary());
    places
}

/// Tells what is there. Policies name hundreds of places in the user's home, of which few exist: the names
/// in it are read once instead of asking for each.
#[derive(Default)]
struct Presence {
    names_in_home: Option<HashSet<OsString>>,
}

impl Presence {
    fn has(&mut self, path: &Path, home: Option<&Path>) -> bool {
        if let Some(home) = home.filter(|home| is_within(path, home)) {
            let names = self.names_in_home.get_or_insert_with(|| names_in(home));
            let below = &path.as_os_str().as_bytes()[home.as_os_str().len()..];
            let first = below.split(|byte| *byte == b'/').find(|name| !name.is_empty());
            if first.is_some_and(|first| !names.contains(OsStr::from_bytes(first))) {
                return false;
            }
        }
        fs::symlink_metadata(path).is_ok()
    }
}

fn names_in(folder: &Path) -> HashSet<OsString> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| entry.file_name()).collect()
}

/// What may be read of the user's home, so that programs find it where they look for it.
fn links(call: &Call, places: &[(PathBuf, &FileRule)]) -> Vec<(PathBuf, PathBuf)> {
    let Some(home) = call.places.home() else { return Vec::new() };
    let readable = places.iter().filter(|(_, rule)| matches!(rule.access, Access::Read | Access::Write));
    let inside = readable.filter_map(|(path, _)| {
        let name = path.strip_prefix(home).ok().filter(|name| !name.as_os_str().is_empty())?;
        (!is_within(path, call.places.project())).then(|| (name.to_owned(), path.clone()))
    });
    inside.collect()
}
