//! The helper process that confines: `loki __confine`.
//!
//! It is the same program, started anew: small, with one thread, so that it may fork, and that what it
//! gives up is given up by nobody else. It takes its plan from the socket that is its stdin. With
//! namespaces it forks a first process for them, which supervises; without, it supervises itself.

mod account;
mod calls;
mod cgroup;
mod command;
mod connect;
mod filters;
mod guards;
mod listen;
pub(crate) mod listening;
mod metadata;
mod program;
mod requests;
mod root;
mod rules;
mod supervise;
mod unix_sockets;

use std::io::Write;
use std::net::TcpListener;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketType};
use rustix::process::{Pid, Signal, WaitOptions, kill_process, waitpid};

use crate::channel::{self, Frames};
use crate::plan::{Failure, Message, PROXY_PORT_INSIDE, Plan, Report, WayOut, doing};
use crate::sys::{self, Fork};

use cgroup::Cgroup;
use filters::Filters;
use guards::Guards;
use requests::Next;

pub(crate) use requests::{PORTS, SOCKET_V4, SOCKET_V6, STOP};

/// The argument that makes the program this helper.
pub const HELPER_ARGUMENT: &str = "__confine";

/// The argument that makes the program try what the machine offers.
pub const PROBE_ARGUMENT: &str = "__confine-probe";

/// Where the helper works.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ground {
    /// In namespaces of its own.
    OwnNamespaces,
    /// In those of everybody else.
    Shared,
}

impl Ground {
    /// The argument that says so.
    pub(crate) fn argument(self) -> &'static str {
        match self {
            Ground::OwnNamespaces => "own",
            Ground::Shared => "shared",
        }
    }
}

/// Confines the command that the socket at stdin tells of, and returns once nothing of it is left. The
/// process exits with the number returned; what happened has gone over the socket by then.
pub fn helper(argument: Option<&std::ffi::OsStr>) -> u8 {
    let ground = [Ground::OwnNamespaces, Ground::Shared];
    match ground.into_iter().find(|ground| argument == Some(ground.argument().as_ref())) {
        Some(ground) => confine(ground),
        None => 2, // It was not started by loki: nobody to tell.
    }
}

/// The helper's work. Everything that does not depend on the command is done before the plan is there:
/// it may be long in coming.
pub(crate) fn confine(ground: Ground) -> u8 {
    let Ok(control) = alone_with_control() else { return 2 };
    let ended = match ground {
        Ground::OwnNamespaces => in_namespaces(&control),
        Ground::Shared => in_shared(&control),
    };
    let said = match ended {
        Ok(messages) => messages.iter().try_for_each(|message| channel::send(&control, message, None)),
        Err(failure) => channel::send(&control, &Message::Failed(failure), None),
    };
    u8::from(said.is_err())
}

/// Tries what the strongest level needs, and says on stdout what is missing: nothing, where all is there. A
/// line before that says why calls have no control group of their own, and is empty where they have one.
pub fn probe() -> u8 {
    close_all_above(2);
    let none = Cgroup::probe().err().map(|none| none.to_string().replace('\n', " ")).unwrap_or_default();
    if writeln!(std::io::stdout(), "{none}").is_err() {
        return 1;
    }
    let (user, group) = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
    let attempt = || {
        make_namespaces().map_err(|error| Failure::unavailable("make namespaces", &error))?;
        map_identity(user, group)?;
        match sys::fork().map_err(doing("fork"))? {
            Fork::Child => {
                let made = sys::unshare(libc::CLONE_NEWNS).map_err(doing("make a mount namespace"));
                let missing = made.and_then(|()| root::try_file_systems()).err();
                exit(missing.is_some_and(|missing| write!(std::io::stdout(), "{missing}").is_ok()))
            }
            Fork::Parent(first) => waitpid(Some(first), WaitOptions::empty()).map_err(doing("wait")),
        }
    };
    match attempt() {
        Ok(_) => 0,
        Err(missing) => u8::from(write!(std::io::stdout(), "{missing}").is_err()),
    }
}

/// Leaves everything that this process was started with but the socket.
fn alone_with_control() -> std::io::Result<UnixStream> {
    // From here on only loki's side of the socket ends this process. A leader of a session is one already.
    let _leads = rustix::process::setsid();
    close_all_above(2);
    let control = UnixStream::from(rustix::io::dup(std::io::stdin().as_fd())?);
    rustix::io::fcntl_setfd(&control, rustix::io::FdFlags::CLOEXEC)?;
    Ok(control)
}

/// Waits for the plan and the command's stdin. None where none is wanted any more.
fn plan_from(control: &UnixStream) -> Result<Option<(Plan, OwnedFd)>, Failure> {
    let mut frames = Frames::default();
    let plan = frames.wait::<Plan>(control).map_err(doing("read the plan"))?;
    Ok(plan.zip(frames.descriptor()))
}

/// Without namespaces this process supervises the command itself.
fn in_shared(control: &UnixStream) -> Result<Vec<Message>, Failure> {
    let Some((mut plan, stdin)) = plan_from(control)? else { return Ok(Vec::new()) };
    let guards = guard(&mut plan)?;
    rustix::process::set_child_subreaper(Some(rustix::process::getpid()))
        .map_err(doing("take over orphans"))?;
    let filters = Filters::build(Ground::Shared)?;
    let cgroup = Cgroup::create().ok(); // Without one, usage is sampled.
    let ended = supervised(&plan, &filters, stdin, control, cgroup.as_ref());
    if let Some(cgroup) = cgroup {
        cgroup.remove();
    }
    let swept = guards.sweep();
    Ok(vec![Message::Ended(ended?), Message::Swept(swept)])
}

fn guard(plan: &mut Plan) -> Result<Guards, Failure> {
    let guards = Guards::prepare(plan)?;
    if guards.stands_for_repository {
        without_repository(plan);
    }
    Ok(guards)
}

/// Go asks git about the folder around every program it builds, and takes an empty `.git` for one.
fn without_repository(plan: &mut Plan) {
    let name = "GOFLAGS";
    let before = plan.environment.iter().position(|(known, _)| known == name);
    let mut flags = before.map(|at| plan.environment.swap_remove(at).1).unwrap_or_default();
    flags.push(" -buildvcs=false");
    plan.environment.push((name.to_owned(), flags));
}

/// Makes namespaces, and in them a first process that supervises the command.
fn in_namespaces(control: &UnixStream) -> Result<Vec<Message>, Failure> {
    let cgroup = Cgroup::create().ok(); // Without one, usage is sampled.
    let ended = in_namespaces_and(control, cgroup.as_ref());
    if let Some(cgroup) = cgroup {
        cgroup.remove();
    }
    ended
}

fn in_namespaces_and(control: &UnixStream, cgroup: Option<&Cgroup>) -> Result<Vec<Message>, Failure> {
    let (user, group) = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
    make_namespaces().map_err(|error| Failure::unavailable("make namespaces", &error))?;
    map_identity(user, group)?;
    loopback()?;
    let (leash, held) = UnixStream::pair().map_err(doing("make a socket"))?;
    match sys::fork().map_err(doing("fork"))? {
        Fork::Child => {
            drop(leash);
            let said = match first_process(&held, cgroup) {
                Ok(Some(report)) => channel::send(&held, &Message::Ended(report), None),
                Ok(None) => Ok(()),
                Err(failure) => channel::send(&held, &Message::Failed(failure), None),
            };
            exit(said.is_err())
        }
        Fork::Parent(first) => {
            drop(held);
            attended(control, leash, first)
        }
    }
}

/// Has the first process run the command of the plan, and takes away what was prepared for it.
fn attended(control: &UnixStream, leash: UnixStream, first: Pid) -> Result<Vec<Message>, Failure> {
    let begun = begin(control, &leash);
    let ended = match &begun {
        Ok(Some(begun)) => attend(control, &leash, first, begun.way_out).map(Some),
        Ok(None) | Err(_) => Ok(None),
    };
    // Whoever told how the command ended has ended everything but itself: what remains of it dies while
    // this process sweeps.
    let is_over = matches!(ended, Ok(Some(_)));
    if !is_over {
        let _gone = kill_process(first, Signal::KILL);
    }
    drop(leash);
    let swept_meanwhile = match (&ended, begun) {
        (Ok(Some(_)), Ok(Some(begun))) => Ok(begun.guards.sweep()),
        (_, begun) => Err(begun),
    };
    waitpid(Some(first), WaitOptions::empty()).map_err(doing("wait for the first process"))?;
    let swept = match swept_meanwhile {
        Ok(swept) => swept,
        Err(begun) => begun?.map(|begun| begun.guards.sweep()).unwrap_or_default(),
    };
    Ok(ended?.map(|report| vec![Message::Ended(report), Message::Swept(swept)]).unwrap_or_default())
}

/// What is to be known of a command that was begun.
struct Begun {
    guards: Guards,
    way_out: WayOut,
}

/// Takes the plan and passes it on. None where no command is wanted any more.
fn begin(control: &UnixStream, leash: &UnixStream) -> Result<Option<Begun>, Failure> {
    let Some((mut plan, stdin)) = plan_from(control)? else { return Ok(None) };
    if plan.way_out == WayOut::Listener {
        listen(control)?;
    }
    let guards = guard(&mut plan)?;
    match channel::send(leash, &plan, Some(stdin.as_fd())) {
        // It has ended already; what it said of that is still to be heard.
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => {}
        told => told.map_err(doing("tell the first process its plan"))?,
    }
    Ok(Some(Begun { guards, way_out: plan.way_out }))
}

fn make_namespaces() -> std::io::Result<()> {
    let own = libc::CLONE_NEWPID | libc::CLONE_NEWNET | libc::CLONE_NEWIPC;
    // A user namespace makes all rights in the others rights in them alone.
    sys::unshare(libc::CLONE_NEWUSER | own)
}

/// The command is who its caller is.
fn map_identity(user: u32, group: u32) -> Result<(), Failure> {
    let write = |file: &str, text: String| {
        std::fs::write(format!("/proc/self/{file}"), text).map_err(doing(format!("write the {file}")))
    };
    write("setgroups", "deny".to_owned())?;
    write("uid_map", format!("{user} {user} 1"))?;
    write("gid_map", format!("{group} {group} 1"))
}

fn loopback() -> Result<(), Failure> {
    let socket = rustix::net::socket(AddressFamily::INET, SocketType::DGRAM, None);
    let socket = socket.map_err(doing("set up the network"))?;
    sys::loopback_up(socket.as_fd()).map_err(doing("bring the loopback up"))
}

/// Makes the proxy's listener in the command's network and hands it over.
fn listen(control: &UnixStream) -> Result<(), Failure> {
    let attempt = || {
        let listener = TcpListener::bind(("127.0.0.1", PROXY_PORT_INSIDE))?;
        channel::send(control, &Message::Listening, Some(listener.as_fd()))
    };
    attempt().map_err(doing("make the proxy's listener"))
}

/// The first process of the namespaces. When it ends, the kernel ends all others in them. None where no
/// command is wanted any more.
fn first_process(leash: &UnixStream, cgroup: Option<&Cgroup>) -> Result<Option<Report>, Failure> {
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL))
        .map_err(doing("tie to the helper"))?;
    sys::unshare(libc::CLONE_NEWNS)
        .map_err(|error| Failure::unavailable("make a mount namespace", &error))?;
    let base = root::Base::make()?;
    let filters = Filters::build(Ground::OwnNamespaces)?;
    let Some((plan, stdin)) = plan_from(leash)? else { return Ok(None) };
    root::enter(base, &plan)?;
    supervised(&plan, &filters, stdin, leash, cgroup).map(Some)
}

/// Starts the command and watches over it.
fn supervised(
    plan: &Plan,
    filters: &Filters,
    stdin: OwnedFd,
    leash: &UnixStream,
    cgroup: Option<&Cgroup>,
) -> Result<Report, Failure> {
    let (gate, theirs) = UnixStream::pair().map_err(doing("make a socket"))?;
    let inside = cgroup.and_then(|cgroup| Some((cgroup.fork(&plan.limits).ok()?, cgroup)));
    let (forked, cgroup) = match inside {
        Some((forked, cgroup)) => (forked, Some(cgroup)),
        // A group that cannot be entered counts nothing.
        None => (sys::fork().map_err(doing("fork"))?, None),
    };
    match forked {
        Fork::Child => {
            drop(gate);
            command::become_command(plan, filters, stdin, &theirs);
            exit(true)
        }
        Fork::Parent(command) => {
            drop(theirs);
            drop(stdin);
            release_output();
            supervise::supervise(plan, command, &gate, leash.as_fd(), cgroup)
        }
    }
}

/// Lets go of stdout and stderr, so that their reader sees the end when the command has let go.
fn release_output() {
    if let Ok(nothing) = std::fs::File::options().read(true).write(true).open("/dev/null") {
        let _kept = rustix::stdio::dup2_stdout(&nothing);
        let _kept = rustix::stdio::dup2_stderr(&nothing);
    }
}

/// Passes word between loki and the first process, until that tells how the command ended.
fn attend(control: &UnixStream, leash: &UnixStream, first: Pid, way_out: WayOut) -> Result<Report, Failure> {
    release_output();
    let mut frames = Frames::default();
    let mut asked = false;
    loop {
        match frames.next::<Message>().map_err(doing("hear from the first process"))? {
            Some(Message::Ended(report)) => return Ok(report),
            Some(Message::Failed(failure)) => return Err(failure),
            Some(Message::Began) => {
                channel::send(control, &Message::Began, None).map_err(doing("tell that it has begun"))?;
            }
            Some(Message::Listening | Message::Socket { .. } | Message::Ports(_) | Message::Swept(_))
            | None => {}
        }
        if frames.closed {
            return Err(Failure::new("watch over the command", &"its supervisor was ended from outside"));
        }
        let mut watched = vec![PollFd::new(leash, PollFlags::IN)];
        watched.extend((!asked).then(|| PollFd::new(control, PollFlags::IN)));
        match poll(&mut watched, None) {
            Err(Errno::INTR) => continue,
            other => other.map_err(doing("wait for the command"))?,
        };
        let ready: Vec<bool> = watched.iter().map(|one| !one.revents().is_empty()).collect();
        if ready.get(1) == Some(&true) && requests::answer(control, way_out) == Next::Stop {
            asked = true;
            let mut to = leash;
            if to.write_all(&[STOP]).is_err() {
                let _gone = kill_process(first, Signal::KILL);
            }
        }
        if ready[0] {
            frames.receive(leash).map_err(doing("hear from the first process"))?;
        }
    }
}

/// Closes every descriptor above `last`: handles to folders and files are rights that no policy names.
fn close_all_above(last: u32) {
    sys::close_from(last + 1);
}

/// Ends this forked process without running what its parent set up for its own end.
fn exit(failed: bool) -> ! {
    sys::exit_now(i32::from(failed))
}
