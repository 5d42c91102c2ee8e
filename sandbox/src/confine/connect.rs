//! Connections, made in the command's stead: to its own Unix sockets, and to what its network has.
//!
//! The kernel reads the address from the command's memory, which its threads can change after any check.
//! So the address is copied, judged, and used by the supervisor on the command's own socket.

use std::fs::{self, File};
use std::io;
use std::net::Ipv6Addr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use rustix::event::{PollFd, PollFlags};
use rustix::fs::{CWD, FileType, Mode, OFlags, ResolveFlags, fcntl_getfl, fcntl_setfl, fstat, openat2};
use rustix::net::{AddressFamily, sockopt};
use rustix::process::{Pid, PidfdFlags, PidfdGetfdFlags, pidfd_getfd, pidfd_open};

use super::account::{self, Whose};
use super::listening;
use super::unix_sockets::bound_to;
use crate::plan::{Plan, WayOut};
use crate::sys::{self, Answer, Question};

/// Bytes of an address at most: `sizeof(struct sockaddr_storage)`.
const ADDRESS_BYTES_MAX: usize = 128;

/// Connections that are under way at most; more are refused for the moment.
const PENDING_MAX: usize = 64;

/// Connections, and those of them that were begun on sockets that wait and whose end is not known yet.
pub(super) struct Pending {
    waiting: Vec<Waiting>,
    door: Option<Door>,
}

/// The one Unix socket outside that the command may connect to. As long as it is held, no other file has its
/// numbers.
pub(super) struct Door {
    _held: OwnedFd,
    device: u64,
    inode: u64,
}

impl Door {
    /// The socket at a path that no link leads to.
    pub(super) fn open(path: &Path) -> io::Result<Door> {
        let flags = OFlags::PATH | OFlags::CLOEXEC;
        let held = openat2(CWD, path, flags, Mode::empty(), ResolveFlags::NO_SYMLINKS)?;
        let meta = fstat(&held)?;
        if FileType::from_raw_mode(meta.st_mode) != FileType::Socket {
            return Err(io::Error::other("it is no Unix socket"));
        }
        Ok(Door { _held: held, device: meta.st_dev, inode: meta.st_ino })
    }

    fn is(&self, file: &OwnedFd) -> io::Result<bool> {
        let meta = fstat(file)?;
        Ok((meta.st_dev, meta.st_ino) == (self.device, self.inode))
    }
}

struct Waiting {
    question: u64,
    socket: OwnedFd,
}

/// What came of a request to connect.
pub(super) enum Connected {
    /// This is the answer.
    Now(Answer),
    /// The answer follows.
    Later,
    /// It leads out, to this place.
    Denied(String),
}

impl Pending {
    /// None yet.
    pub(super) fn new(door: Option<Door>) -> Pending {
        Pending { waiting: Vec::new(), door }
    }

    /// Judges a request and carries it out.
    pub(super) fn connect(
        &mut self,
        listener: BorrowedFd<'_>,
        question: &Question,
        whose: Whose,
        plan: &Plan,
    ) -> Connected {
        match self.try_connect(listener, question, whose, plan) {
            Ok(connected) => connected,
            Err(error) => Connected::Now(Answer::Fails(error.raw_os_error().unwrap_or(libc::EACCES))),
        }
    }

    fn try_connect(
        &mut self,
        listener: BorrowedFd<'_>,
        question: &Question,
        whose: Whose,
        plan: &Plan,
    ) -> io::Result<Connected> {
        let socket = descriptor_of(question, question.arguments[0])?;
        let address = address_of(question)?;
        if !sys::still_asks(listener, question.id) {
            return Ok(Connected::Now(Answer::Fails(libc::EINTR)));
        }
        let family = sockopt::socket_domain(&socket)?;
        if family == AddressFamily::UNIX {
            return connect_unix(&socket, &address, question, whose, self.door.as_ref());
        }
        if let Whose::Descendants(root) = whose
            && !is_proxy(&address, plan.way_out)
            && !(plan.listens && is_own_listener(&address, root))
        {
            return Ok(Connected::Denied(shown(&address)));
        }
        self.begin(socket, &address, question.id)
    }

    /// Begins a connection that may take a while, without waiting for it.
    fn begin(&mut self, socket: OwnedFd, address: &[u8], question: u64) -> io::Result<Connected> {
        let flags = fcntl_getfl(&socket)?;
        if flags.contains(OFlags::NONBLOCK) {
            return Ok(Connected::Now(answer_of(sys::connect(socket.as_fd(), address))));
        }
        if self.waiting.len() >= PENDING_MAX {
            return Ok(Connected::Now(Answer::Fails(libc::EAGAIN)));
        }
        fcntl_setfl(&socket, flags | OFlags::NONBLOCK)?;
        let begun = sys::connect(socket.as_fd(), address);
        if begun.as_ref().is_err_and(|error| error.raw_os_error() == Some(libc::EINPROGRESS)) {
            self.waiting.push(Waiting { question, socket });
            return Ok(Connected::Later);
        }
        fcntl_setfl(&socket, flags)?;
        Ok(Connected::Now(answer_of(begun)))
    }

    /// What to wait for.
    pub(super) fn watched(&self) -> impl Iterator<Item = PollFd<'_>> {
        self.waiting.iter().map(|one| PollFd::new(&one.socket, PollFlags::OUT))
    }

    /// Answers those that are decided. `ready` is in the order of [`Pending::watched`].
    pub(super) fn finish(&mut self, listener: BorrowedFd<'_>, ready: &[PollFlags]) -> io::Result<()> {
        let mut ready = ready.iter();
        let mut decided = Vec::new();
        let is_ready = |_: &mut Waiting| ready.next().is_some_and(|flags| !flags.is_empty());
        decided.extend(self.waiting.extract_if(.., is_ready));
        for one in decided {
            let answer = match sockopt::socket_error(&one.socket)? {
                Ok(()) => Answer::Returns(0),
                Err(error) => Answer::Fails(error.raw_os_error()),
            };
            let flags = fcntl_getfl(&one.socket)?;
            fcntl_setfl(&one.socket, flags.difference(OFlags::NONBLOCK))?;
            sys::answer(listener, one.question, answer)?;
        }
        Ok(())
    }
}

pub(super) fn answer_of(done: io::Result<()>) -> Answer {
    match done {
        Ok(()) => Answer::Returns(0),
        Err(error) => Answer::Fails(error.raw_os_error().unwrap_or(libc::EIO)),
    }
}

/// A descriptor of the thread that asks, as one of ours.
pub(super) fn descriptor_of(question: &Question, number: u64) -> io::Result<OwnedFd> {
    let number =
        i32::try_from(number & 0xffff_ffff).map_err(|_| io::Error::from_raw_os_error(libc::EBADF))?;
    let process = process_of(question.pid)?;
    let process = pidfd_open(process, PidfdFlags::empty())?;
    Ok(pidfd_getfd(process, number, PidfdGetfdFlags::empty())?)
}

/// The process of a thread.
fn process_of(thread: u32) -> io::Result<Pid> {
    let gone = || io::Error::from_raw_os_error(libc::ESRCH);
    let status = fs::read_to_string(format!("/proc/{thread}/status"))?;
    let id = status.lines().find_map(|line| line.strip_prefix("Tgid:")).ok_or_else(gone)?;
    id.trim().parse().ok().and_then(Pid::from_raw).ok_or_else(gone)
}

/// Bytes of the asking thread's memory.
pub(super) fn memory_of(question: &Question, at: u64, into: &mut [u8]) -> io::Result<usize> {
    File::open(format!("/proc/{}/mem", question.pid))?.read_at(into, at)
}

pub(super) fn address_of(question: &Question) -> io::Result<Vec<u8>> {
    let invalid = || io::Error::from_raw_os_error(libc::EINVAL);
    let length = usize::try_from(question.arguments[2] & 0xffff_ffff).map_err(|_| invalid())?;
    if !(2..=ADDRESS_BYTES_MAX).contains(&length) {
        return Err(invalid());
    }
    let mut address = vec![0; length];
    let read = memory_of(question, question.arguments[1], &mut address)?;
    if read < length { Err(io::Error::from_raw_os_error(libc::EFAULT)) } else { Ok(address) }
}

/// The path in a Unix address. None for one without a file: abstract, or none at all.
fn path_in(address: &[u8]) -> Option<&[u8]> {
    let path = address.get(2..)?;
    let end = path.iter().position(|byte| *byte == 0).unwrap_or(path.len());
    Some(&path[..end]).filter(|path| !path.is_empty())
}

fn connect_unix(
    socket: &OwnedFd,
    address: &[u8],
    question: &Question,
    whose: Whose,
    door: Option<&Door>,
) -> io::Result<Connected> {
    let Some(path) = path_in(address) else {
        // Names without a file are those of the network namespace; on everybody's they lead out.
        return Ok(match whose {
            Whose::Namespace => Connected::Now(answer_of(sys::connect(socket.as_fd(), address))),
            Whose::Descendants(_) => Connected::Denied("an abstract socket".to_owned()),
        });
    };
    let path = Path::new(std::ffi::OsStr::from_bytes(path));
    let file = open_as(question, path, OFlags::PATH)?;
    let is_door = door.map(|door| door.is(&file)).transpose()?.unwrap_or(false);
    if !is_door && !is_own(&file, whose)? {
        return Ok(Connected::Denied(path.display().to_string()));
    }
    // The file that was judged, whatever its name leads to by now.
    let pinned = format!("/proc/self/fd/{}", file.as_raw_fd());
    let unix = u16::try_from(libc::AF_UNIX).map_err(io::Error::other)?;
    let pinned = [&unix.to_ne_bytes()[..], pinned.as_bytes(), b"\0"].concat();
    Ok(Connected::Now(answer_of(sys::connect(socket.as_fd(), &pinned))))
}

/// Whether a file was bound by a socket of the command's.
fn is_own(file: &OwnedFd, whose: Whose) -> io::Result<bool> {
    let bound = bound_to(file)?;
    Ok(match whose {
        Whose::Namespace => !bound.is_empty(),
        Whose::Descendants(root) => bound.iter().any(|socket| held_by_descendant(*socket, root)),
    })
}

/// Opens a path as the asking thread would find it.
pub(super) fn open_as(question: &Question, path: &Path, flags: OFlags) -> io::Result<OwnedFd> {
    if path.starts_with("/proc") {
        return Err(io::Error::from_raw_os_error(libc::EACCES)); // It would be the supervisor's own.
    }
    let folder = File::open(PathBuf::from(format!("/proc/{}/cwd", question.pid)))?;
    Ok(rustix::fs::openat(&folder, path, flags | OFlags::CLOEXEC, Mode::empty())?)
}

/// Whether a descendant of `root` holds the socket with this number.
fn held_by_descendant(socket: u64, root: u32) -> bool {
    let wanted = PathBuf::from(format!("socket:[{socket}]"));
    let holds = |id: u32| {
        let Ok(descriptors) = fs::read_dir(format!("/proc/{id}/fd")) else { return false };
        descriptors.flatten().any(|entry| fs::read_link(entry.path()).is_ok_and(|target| target == wanted))
    };
    account::descendant_ids(root).into_iter().any(holds)
}

/// Whether an address is the proxy's, on everybody's loopback.
fn is_proxy(address: &[u8], way_out: WayOut) -> bool {
    let WayOut::Port(port) = way_out else { return false };
    let family = address.get(..2).map(|bytes| u16::from_ne_bytes([bytes[0], bytes[1]]));
    family.map(i32::from) == Some(libc::AF_INET)
        && address.get(2..4) == Some(&port.to_be_bytes()[..])
        && address.get(4..8) == Some(&[127, 0, 0, 1][..])
}

/// Whether an address is one on the loopback where something of the command's listens.
fn is_own_listener(address: &[u8], root: u32) -> bool {
    loopback_port(address).is_some_and(|port| listening::of_descendants(root).contains(&port))
}

/// The port of an address on the loopback.
fn loopback_port(address: &[u8]) -> Option<u16> {
    let family = u16::from_ne_bytes(address.get(..2)?.try_into().ok()?);
    let port = u16::from_be_bytes(address.get(2..4)?.try_into().ok()?);
    let is_loopback = match i32::from(family) {
        libc::AF_INET => address.get(4..8)? == [127, 0, 0, 1],
        libc::AF_INET6 => address.get(8..24)? == Ipv6Addr::LOCALHOST.octets(),
        _ => false,
    };
    is_loopback.then_some(port)
}

fn shown(address: &[u8]) -> String {
    match address {
        [_, _, port @ .., _, _, _, _, _, _, _, _] if address.len() == 16 && port.len() >= 2 => {
            let port = u16::from_be_bytes([address[2], address[3]]);
            format!("{}.{}.{}.{}:{port}", address[4], address[5], address[6], address[7])
        }
        _ => "an address".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_ends_at_its_nul_and_an_abstract_name_is_none() {
        assert_eq!(path_in(b"\x01\x00/run/s\0rest"), Some(&b"/run/s"[..]));
        assert_eq!(path_in(b"\x01\x00/run/s"), Some(&b"/run/s"[..]));
        assert_eq!(path_in(b"\x01\x00\0abstract"), None);
        assert_eq!(path_in(b"\x01\x00"), None);
    }

    #[test]
    fn the_door_is_one_file_and_no_link_leads_to_it() {
        use std::os::unix::net::UnixListener;
        let dir = tempfile::tempdir().unwrap();
        let top = dir.path().canonicalize().unwrap();
        let (door, other) = (top.join("door"), top.join("other"));
        let _listeners = (UnixListener::bind(&door).unwrap(), UnixListener::bind(&other).unwrap());
        let opened = Door::open(&door).unwrap();
        let file = |path: &Path| rustix::fs::open(path, OFlags::PATH, Mode::empty()).unwrap();
        assert!(opened.is(&file(&door)).unwrap());
        assert!(!opened.is(&file(&other)).unwrap());
        // Another socket at its path is another door.
        fs::rename(&other, &door).unwrap();
        assert!(!opened.is(&file(&door)).unwrap());
        std::os::unix::fs::symlink(&door, top.join("link")).unwrap();
        fs::write(top.join("file"), "").unwrap();
        for no_door in ["link", "file", "missing"] {
            assert!(Door::open(&top.join(no_door)).is_err(), "{no_door}");
        }
    }

    #[test]
    fn only_the_proxy_is_reached_on_everybodys_network() {
        let address =
            |port: u16, ip: [u8; 4]| [&2u16.to_ne_bytes()[..], &port.to_be_bytes(), &ip, &[0; 8]].concat();
        let way = WayOut::Port(3128);
        assert!(is_proxy(&address(3128, [127, 0, 0, 1]), way));
        assert!(!is_proxy(&address(3129, [127, 0, 0, 1]), way));
        assert!(!is_proxy(&address(3128, [127, 0, 0, 2]), way));
        assert!(!is_proxy(&address(3128, [127, 0, 0, 1]), WayOut::None));
        assert_eq!(shown(&address(80, [10, 0, 0, 1])), "10.0.0.1:80");
    }
}
