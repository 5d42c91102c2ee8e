//! Starts a command the way careless callers do: `loki-probe launch [SCENE…] -- COMMAND ARGS…`.
//!
//! Scenes: `--open FD:MODE:PATH` leaves a descriptor open (`r` reads, `w` reads and writes, `d` is a folder),
//! `--terminal` gives the command a terminal of its own, `--filtered` puts the command, but not its parent,
//! under a filter that lets everything through, `--no-namespaces` and `--no-landlock` stand for machines that
//! have none, `--in FOLDER` starts the command there. In its words `{launcher}` stands for this process and
//! `{terminal}` for the terminal's name. It exits as the command does, or with 124 where that took too long.

use std::os::fd::{AsRawFd, IntoRawFd, OwnedFd};
use std::path::Path;
use std::process::ExitCode;

use crate::filter;
use crate::sys::{self, Args, Refusal, call};

/// A command that takes longer has hung.
const SECONDS_MAX: i64 = 40;

const TOOK_TOO_LONG: u8 = 124;
const COULD_NOT: u8 = 125;

#[derive(Default)]
struct Scene {
    open: Vec<(i32, i32, String)>,
    terminal: Option<(OwnedFd, String)>,
    filters: Vec<fn() -> Result<(), Refusal>>,
    folder: Option<String>,
    command: Vec<String>,
}

pub(crate) fn launch(args: &Args) -> ExitCode {
    match scene(args).and_then(|scene| run(&scene)) {
        Ok(code) => ExitCode::from(code),
        Err(_) => ExitCode::from(COULD_NOT),
    }
}

fn scene(args: &Args) -> Result<Scene, Refusal> {
    let mut scene = Scene::default();
    let mut words = args.all().iter();
    while let Some(word) = words.next() {
        let mut value = || words.next().cloned().unwrap_or_default();
        match word.as_str() {
            "--open" => scene.open.push(descriptor(&value())?),
            "--terminal" => scene.terminal = Some(terminal()?),
            "--filtered" => scene.filters.push(filter::nothing),
            "--no-namespaces" => scene.filters.push(filter::no_namespaces),
            "--no-landlock" => scene.filters.push(filter::no_landlock),
            "--in" => scene.folder = Some(value()),
            "--" => break,
            other => return Err(Refusal::Usage(format!("there is no scene `{other}`"))),
        }
    }
    let launcher = std::process::id().to_string();
    let name = scene.terminal.as_ref().map_or("", |(_, name)| name);
    scene.command =
        words.map(|word| word.replace("{launcher}", &launcher).replace("{terminal}", name)).collect();
    Ok(scene)
}

fn descriptor(word: &str) -> Result<(i32, i32, String), Refusal> {
    let wrong = || Refusal::Usage(format!("`{word}` is no FD:MODE:PATH"));
    let (fd, rest) = word.split_once(':').ok_or_else(wrong)?;
    let (mode, path) = rest.split_once(':').ok_or_else(wrong)?;
    let flags = match mode {
        "r" => libc::O_RDONLY,
        "w" => libc::O_RDWR,
        "d" => libc::O_RDONLY | libc::O_DIRECTORY,
        _ => return Err(wrong()),
    };
    Ok((fd.parse().map_err(|_| wrong())?, flags, path.to_owned()))
}

/// A new terminal: the end that shows it, and its name.
fn terminal() -> Result<(OwnedFd, String), Refusal> {
    let front = sys::open("/dev/ptmx", libc::O_RDWR | libc::O_NOCTTY)?;
    let (unlocked, mut number) = (0_i32, 0_i32);
    call!(libc::SYS_ioctl, front, libc::TIOCSPTLCK, &raw const unlocked)?;
    call!(libc::SYS_ioctl, front, libc::TIOCGPTN, &raw mut number)?;
    Ok((front, format!("/dev/pts/{number}")))
}

fn run(scene: &Scene) -> Result<u8, Refusal> {
    let child_ended = 1_u64 << (libc::SIGCHLD - 1);
    call!(libc::SYS_rt_sigprocmask, libc::SIG_BLOCK, &raw const child_ended, 0, 8)?;
    let Some(child) = sys::fork()? else {
        let none = 0_u64;
        let _failed = call!(libc::SYS_rt_sigprocmask, libc::SIG_SETMASK, &raw const none, 0, 8)
            .map_err(Refusal::from)
            .and_then(|_| become_command(scene));
        sys::leave(i32::from(COULD_NOT));
    };
    let end = libc::timespec { tv_sec: SECONDS_MAX, tv_nsec: 0 };
    if call!(libc::SYS_rt_sigtimedwait, &raw const child_ended, 0, &raw const end, 8).is_err() {
        call!(libc::SYS_kill, child, libc::SIGKILL)?;
        sys::wait(child)?;
        return Ok(TOOK_TOO_LONG);
    }
    Ok(sys::wait(child)? as u8)
}

fn become_command(scene: &Scene) -> Result<(), Refusal> {
    if let Some((_, name)) = &scene.terminal {
        call!(libc::SYS_setsid)?;
        let back = sys::open(name, libc::O_RDWR)?;
        call!(libc::SYS_ioctl, back, libc::TIOCSCTTY, 0)?;
        call!(libc::SYS_dup3, back.as_raw_fd(), 0, 0)?;
    }
    for (fd, flags, path) in &scene.open {
        let opened = sys::open(path, *flags)?.into_raw_fd();
        if opened != *fd {
            call!(libc::SYS_dup3, opened, *fd, 0)?;
        }
        // `dup3` leaves the new one open across exec; one that fell into place has to be told.
        call!(libc::SYS_fcntl, *fd, libc::F_SETFD, 0)?;
    }
    if let Some(folder) = &scene.folder {
        std::env::set_current_dir(folder)?;
    }
    for filter in &scene.filters {
        filter()?;
    }
    let [program, words @ ..] = scene.command.as_slice() else {
        return Err(Refusal::Usage("a command is missing".into()));
    };
    Err(sys::exec(Path::new(program), words).into())
}
