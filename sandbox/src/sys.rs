//! System calls that no library offers safely: the one place of this crate with `unsafe`.
#![expect(unsafe_code, reason = "each call is the kernel's interface, written down once")]

use std::io;
use std::mem;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::time::Duration;

use rustix::process::Pid;
use rustix::time::{ClockId, clock_gettime};
use seccompiler::BpfProgramRef;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// What `fork` returned.
pub(crate) enum Fork {
    /// In the new process.
    Child,
    /// In the old one.
    Parent(Pid),
}

/// Forks. The caller has one thread only ([`is_single_threaded`]), so the child may do anything.
pub(crate) fn fork() -> io::Result<Fork> {
    // SAFETY: no other thread holds a lock or changes anything: there is none.
    match unsafe { libc::fork() } {
        0 => Ok(Fork::Child),
        pid if pid > 0 => Ok(Fork::Parent(pid_of(pid)?)),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Forks into a control group, so that nobody has to be moved there. Like [`fork`] otherwise.
pub(crate) fn fork_into(group: BorrowedFd<'_>) -> io::Result<Fork> {
    const CLONE_INTO_CGROUP: u64 = 0x2_0000_0000;
    // SAFETY: the structure is plain old data, in which zero stands for nothing.
    let mut arguments: libc::clone_args = unsafe { mem::zeroed() };
    arguments.flags = CLONE_INTO_CGROUP;
    arguments.exit_signal = libc::SIGCHLD as u64;
    arguments.cgroup = u64::from(group.as_raw_fd().cast_unsigned());
    let size = mem::size_of::<libc::clone_args>();
    // SAFETY: the arguments are valid for reads of their size. Without CLONE_VM the child has a copy of all
    // memory, as after `fork`; no other thread holds a lock, so that there is nothing to be undone in it.
    match unsafe { libc::syscall(libc::SYS_clone3, &raw const arguments, size) } {
        0 => Ok(Fork::Child),
        pid if pid > 0 => Ok(Fork::Parent(pid_of(pid as libc::pid_t)?)),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Whether this process has one thread: then a child may do anything.
pub(crate) fn is_single_threaded() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let threads = status.lines().find_map(|line| line.strip_prefix("Threads:"));
    threads.is_some_and(|threads| threads.trim() == "1")
}

/// Waits for one child to end.
pub(crate) fn wait_for(pid: Pid) -> io::Result<()> {
    rustix::process::waitpid(Some(pid), rustix::process::WaitOptions::empty())?;
    Ok(())
}

fn pid_of(raw: libc::pid_t) -> io::Result<Pid> {
    Pid::from_raw(raw).ok_or_else(|| io::Error::from(io::ErrorKind::InvalidData))
}

/// Moves the process (and for processes, its children to come) into new namespaces.
pub(crate) fn unshare(flags: i32) -> io::Result<()> {
    // SAFETY: no memory is involved; without CLONE_FILES and CLONE_VM nothing shared is taken away.
    check(i64::from(unsafe { libc::unshare(flags) })).map(drop)
}

/// A process that ended.
pub(crate) struct Reaped {
    /// Which one.
    pub(crate) pid: Pid,
    /// Its wait status.
    pub(crate) status: i32,
    /// Bytes of memory at its most.
    pub(crate) memory_bytes_peak: u64,
}

/// Takes note of one child that ended; none where none has, or where there are no children.
pub(crate) fn reap(wait: Wait) -> io::Result<Option<Reaped>> {
    let flags = match wait {
        Wait::Block => 0,
        Wait::Poll => libc::WNOHANG,
    };
    let mut status = 0;
    // SAFETY: both out-parameters are valid for writes, and rusage is plain old data.
    let (pid, usage) = unsafe {
        let mut usage: libc::rusage = mem::zeroed();
        (libc::wait4(-1, &raw mut status, flags | libc::__WALL, &raw mut usage), usage)
    };
    match pid {
        0 => Ok(None),
        pid if pid > 0 => Ok(Some(Reaped {
            pid: pid_of(pid)?,
            status,
            memory_bytes_peak: u64::try_from(usage.ru_maxrss).unwrap_or(0) * 1024,
        })),
        _ => match io::Error::last_os_error() {
            error if error.raw_os_error() == Some(libc::ECHILD) => Ok(None),
            error => Err(error),
        },
    }
}

/// Whether any child is left, living or not yet waited for.
pub(crate) fn has_children() -> bool {
    // SAFETY: with WNOWAIT nothing changes, and the zeroed out-parameter is valid for writes.
    let done = unsafe {
        let mut about: libc::siginfo_t = mem::zeroed();
        libc::waitid(libc::P_ALL, 0, &raw mut about, libc::WEXITED | libc::WNOHANG | libc::WNOWAIT)
    };
    done == 0
}

/// Whether to wait for something to happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wait {
    /// Until it does.
    Block,
    /// Only look.
    Poll,
}

/// Processor time of all children that ended and were waited for, and of theirs.
pub(crate) fn children_cpu() -> Duration {
    // SAFETY: the out-parameter is valid for writes, and rusage is plain old data.
    let usage = unsafe {
        let mut usage: libc::rusage = mem::zeroed();
        libc::getrusage(libc::RUSAGE_CHILDREN, &raw mut usage);
        usage
    };
    duration_of(usage.ru_utime) + duration_of(usage.ru_stime)
}

fn duration_of(time: libc::timeval) -> Duration {
    let micros = u64::try_from(time.tv_usec).unwrap_or(0);
    Duration::from_secs(u64::try_from(time.tv_sec).unwrap_or(0)) + Duration::from_micros(micros)
}

/// Sends a signal to every process that may be signalled: in a process namespace, to all but its first.
pub(crate) fn kill_all() {
    // SAFETY: no memory is involved.
    unsafe { libc::kill(-1, libc::SIGKILL) };
}

/// Sets attributes of a mount, and of those below it.
pub(crate) fn set_mount_attributes(mount: BorrowedFd<'_>, set: u64) -> io::Result<()> {
    mount_setattr(mount, set, libc::AT_EMPTY_PATH | libc::AT_RECURSIVE)
}

/// Sets attributes of a mount alone.
pub(crate) fn set_one_mount_attributes(mount: BorrowedFd<'_>, set: u64) -> io::Result<()> {
    mount_setattr(mount, set, libc::AT_EMPTY_PATH)
}

fn mount_setattr(mount: BorrowedFd<'_>, set: u64, flags: i32) -> io::Result<()> {
    let attributes =
        libc::mount_attr { attr_set: set, attr_clr: 0, propagation: libc::MS_PRIVATE, userns_fd: 0 };
    // SAFETY: the path is empty and ends in NUL; the attributes are valid for reads of the size given.
    let done = unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            mount.as_raw_fd(),
            c"".as_ptr(),
            flags,
            &raw const attributes,
            mem::size_of::<libc::mount_attr>(),
        )
    };
    check(done).map(drop)
}

/// Brings the loopback interface of this network namespace up.
pub(crate) fn loopback_up(socket: BorrowedFd<'_>) -> io::Result<()> {
    // SAFETY: `ifreq` is plain old data; the name fits and ends in NUL; the kernel reads what is set here.
    let done = unsafe {
        let mut request: libc::ifreq = mem::zeroed();
        request.ifr_name[0] = b'l'.cast_signed();
        request.ifr_name[1] = b'o'.cast_signed();
        request.ifr_ifru.ifru_flags = libc::IFF_UP as i16 | libc::IFF_RUNNING as i16;
        libc::ioctl(socket.as_raw_fd(), libc::SIOCSIFFLAGS, &raw const request)
    };
    check(i64::from(done)).map(drop)
}

/// Landlock's version; none where the kernel has none, or it is switched off.
pub(crate) fn landlock_abi() -> Option<u8> {
    // SAFETY: with no attributes and this flag the call only returns a number.
    let version = unsafe { libc::syscall(libc::SYS_landlock_create_ruleset, std::ptr::null::<u8>(), 0, 1) };
    u8::try_from(version).ok().filter(|version| *version > 0)
}

/// Puts a filter on this process for good.
pub(crate) fn filter(program: BpfProgramRef<'_>) -> io::Result<()> {
    install(program, 0).map(drop)
}

/// Puts a filter on this process for good; what it refers to a supervisor arrives at the descriptor.
pub(crate) fn filter_with_listener(program: BpfProgramRef<'_>) -> io::Result<OwnedFd> {
    let flags = libc::SECCOMP_FILTER_FLAG_NEW_LISTENER | WAIT_KILLABLE_RECV;
    let fd = i32::try_from(install(program, flags)?).map_err(io::Error::other)?;
    // SAFETY: the kernel has just made this descriptor for us.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// `SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV`: a call that the supervisor has taken is not begun anew by a
/// signal.
const WAIT_KILLABLE_RECV: libc::c_ulong = 1 << 5;

fn install(program: BpfProgramRef<'_>, flags: libc::c_ulong) -> io::Result<i64> {
    let length = u16::try_from(program.len()).map_err(io::Error::other)?;
    // seccompiler's instruction has the layout of the kernel's `sock_filter`.
    let fprog = libc::sock_fprog { len: length, filter: program.as_ptr().cast_mut().cast() };
    // SAFETY: the program is valid for reads of its length for as long as the call takes.
    check(unsafe { libc::syscall(libc::SYS_seccomp, libc::SECCOMP_SET_MODE_FILTER, flags, &raw const fprog) })
}

/// Whether filters can refer system calls to a supervisor.
pub(crate) fn has_supervised_filters() -> bool {
    let action = libc::SECCOMP_RET_USER_NOTIF;
    // SAFETY: the action is valid for reads.
    let known =
        unsafe { libc::syscall(libc::SYS_seccomp, libc::SECCOMP_GET_ACTION_AVAIL, 0, &raw const action) };
    known == 0
}

/// A system call that waits for the supervisor's answer.
#[derive(Clone, Copy)]
pub(crate) struct Question {
    /// What an answer names.
    pub(crate) id: u64,
    /// The thread that asks, as this process names it.
    pub(crate) pid: u32,
    /// The call's number.
    pub(crate) number: i64,
    /// Its arguments.
    pub(crate) arguments: [u64; 6],
}

/// Takes the next question. None where the thread that asked has gone.
pub(crate) fn next_question(listener: BorrowedFd<'_>) -> io::Result<Option<Question>> {
    // SAFETY: the structure is plain old data, zeroed as the kernel demands, and valid for writes.
    let (done, raw) = unsafe {
        let mut raw: libc::seccomp_notif = mem::zeroed();
        (libc::ioctl(listener.as_raw_fd(), NOTIF_RECV, &raw mut raw), raw)
    };
    match check(i64::from(done)) {
        Ok(_) => Ok(Some(Question {
            id: raw.id,
            pid: raw.pid,
            number: i64::from(raw.data.nr),
            arguments: raw.data.args,
        })),
        Err(error) if matches!(error.raw_os_error(), Some(libc::ENOENT | libc::EINTR)) => Ok(None),
        Err(error) => Err(error),
    }
}

/// What a supervised system call comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    /// It returns this.
    Returns(i64),
    /// It fails with this error number.
    Fails(i32),
    /// The kernel carries it out. Only for calls whose arguments are all numbers.
    Continue,
}

/// Answers a question. One whose thread has gone needs no answer.
pub(crate) fn answer(listener: BorrowedFd<'_>, id: u64, answer: Answer) -> io::Result<()> {
    let (val, error, flags) = match answer {
        Answer::Returns(value) => (value, 0, 0),
        Answer::Fails(errno) => (0, -errno, 0),
        Answer::Continue => (0, 0, libc::SECCOMP_USER_NOTIF_FLAG_CONTINUE as u32),
    };
    let response = libc::seccomp_notif_resp { id, val, error, flags };
    // SAFETY: the response is valid for reads.
    let done = unsafe { libc::ioctl(listener.as_raw_fd(), NOTIF_SEND, &raw const response) };
    match check(i64::from(done)) {
        Err(error) if error.raw_os_error() != Some(libc::ENOENT) => Err(error),
        _ => Ok(()),
    }
}

/// Whether the thread that asked still waits, so that what was read of it was its own.
pub(crate) fn still_asks(listener: BorrowedFd<'_>, id: u64) -> bool {
    // SAFETY: the id is valid for reads.
    unsafe { libc::ioctl(listener.as_raw_fd(), NOTIF_ID_VALID, &raw const id) == 0 }
}

const NOTIF_RECV: libc::Ioctl = ioctl_number(3, 0, mem::size_of::<libc::seccomp_notif>());
const NOTIF_SEND: libc::Ioctl = ioctl_number(3, 1, mem::size_of::<libc::seccomp_notif_resp>());
const NOTIF_ID_VALID: libc::Ioctl = ioctl_number(1, 2, mem::size_of::<u64>());

/// `_IOC(direction, '!', number, size)` of the kernel's `asm-generic/ioctl.h`.
const fn ioctl_number(direction: u64, number: u64, size: usize) -> libc::Ioctl {
    (direction << 30 | (size as u64) << 16 | (b'!' as u64) << 8 | number) as libc::Ioctl
}

/// Closes every descriptor from `first` on.
pub(crate) fn close_from(first: u32) {
    // SAFETY: the helper calls this before it has opened anything of its own. Kernels before 5.9 do not
    // know the call, and offer nothing that the helper could confine with either.
    unsafe { libc::syscall(libc::SYS_close_range, first, u32::MAX, 0) };
}

/// Ends this process at once.
pub(crate) fn exit_now(code: i32) -> ! {
    // SAFETY: nothing runs after it.
    unsafe { libc::_exit(code) }
}

/// Connects a socket to the address in `bytes`, as the caller gave it.
pub(crate) fn connect(socket: BorrowedFd<'_>, bytes: &[u8]) -> io::Result<()> {
    let length = libc::socklen_t::try_from(bytes.len()).map_err(io::Error::other)?;
    // SAFETY: the address is valid for reads of its length; the kernel checks what it says.
    check(i64::from(unsafe { libc::connect(socket.as_raw_fd(), bytes.as_ptr().cast(), length) })).map(drop)
}

/// Time since some fixed moment; it never goes back.
pub(crate) fn monotonic() -> Duration {
    let now = clock_gettime(ClockId::Monotonic);
    Duration::new(u64::try_from(now.tv_sec).unwrap_or(0), u32::try_from(now.tv_nsec).unwrap_or(0))
}

/// A descriptor whose readiness to be read a runtime watches. Must be called in one.
pub(crate) fn watched(descriptor: OwnedFd) -> io::Result<AsyncFd<OwnedFd>> {
    // SAFETY: an `OwnedFd` is open, names the same file and has the same number for as long as it lives.
    let watched = unsafe { AsyncFd::register_with_interest(descriptor, Interest::READABLE) };
    watched.map_err(io::Error::from)
}

fn check(returned: i64) -> io::Result<i64> {
    if returned < 0 { Err(io::Error::last_os_error()) } else { Ok(returned) }
}
