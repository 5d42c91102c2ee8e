//! Which Unix sockets are bound to a file, asked of the kernel (sock_diag(7)).

use std::fs;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};

use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketType, netlink, recv, send, socket};

/// Answers read at most, so that a kernel that never ends its list is not believed.
const ANSWERS_MAX: usize = 1_000;

const NETLINK_HEADER_BYTES: usize = 16;
const MESSAGE_BYTES: usize = 16;
const SOCK_DIAG_BY_FAMILY: u16 = 20;
const NLM_F_REQUEST_DUMP: u16 = 0x301;
const NLMSG_ERROR: u16 = 2;
const NLMSG_DONE: u16 = 3;
const UDIAG_SHOW_VFS: u32 = 2;
const UNIX_DIAG_VFS: u16 = 1;

/// The numbers of the sockets in this network namespace that are bound to a file. One that nobody here
/// bound has none.
pub(super) fn bound_to(file: &OwnedFd) -> io::Result<Vec<u64>> {
    let inode = rustix::fs::fstat(file)?.st_ino & u64::from(u32::MAX); // All that the kernel tells of it.
    let device = device_of(file)?;
    let asked = socket(AddressFamily::NETLINK, SocketType::RAW, Some(netlink::SOCK_DIAG))?;
    send(&asked, &request(), SendFlags::empty())?;
    let mut found = Vec::new();
    let mut buffer = vec![0; 32 * 1024];
    for _ in 0..ANSWERS_MAX {
        let (length, _) = recv(&asked, &mut buffer[..], RecvFlags::empty())?;
        if read(&buffer[..length], device, inode, &mut found)? {
            return Ok(found);
        }
    }
    Err(io::Error::other("the list of sockets does not end"))
}

/// The device of the file system a file is on. It is not always what `stat` says (btrfs, overlayfs), and
/// the kernel's list of sockets has this one.
fn device_of(file: &OwnedFd) -> io::Result<u64> {
    let missing = || io::Error::other("a file's mount is not known");
    let info = fs::read_to_string(format!("/proc/self/fdinfo/{}", file.as_raw_fd()))?;
    let mount = info.lines().find_map(|line| line.strip_prefix("mnt_id:")).ok_or_else(missing)?.trim();
    let mounts = fs::read_to_string("/proc/self/mountinfo")?;
    let mut lines = mounts.lines().map(|line| line.split(' '));
    let numbers =
        lines.find_map(|mut fields| (fields.next() == Some(mount)).then(|| fields.nth(1)).flatten());
    let (major, minor) = numbers.and_then(|numbers| numbers.split_once(':')).ok_or_else(missing)?;
    match (major.parse(), minor.parse()) {
        (Ok(major), Ok(minor)) => Ok(rustix::fs::makedev(major, minor)),
        _ => Err(missing()),
    }
}

/// `struct nlmsghdr` and `struct unix_diag_req` of the kernel's interface: all sockets, with their files.
fn request() -> Vec<u8> {
    let mut request = Vec::new();
    request.extend(40u32.to_ne_bytes()); // length
    request.extend(SOCK_DIAG_BY_FAMILY.to_ne_bytes());
    request.extend(NLM_F_REQUEST_DUMP.to_ne_bytes());
    request.extend(1u32.to_ne_bytes()); // sequence
    request.extend(0u32.to_ne_bytes()); // sender
    request.extend([1, 0, 0, 0]); // family, protocol, padding
    request.extend(u32::MAX.to_ne_bytes()); // every state
    request.extend(0u32.to_ne_bytes()); // any inode
    request.extend(UDIAG_SHOW_VFS.to_ne_bytes());
    request.extend([0xff; 8]); // no cookie
    request
}

/// Reads one answer; true where the list ends with it.
fn read(mut bytes: &[u8], device: u64, inode: u64, found: &mut Vec<u64>) -> io::Result<bool> {
    let torn = || io::Error::other("the list of sockets cannot be read");
    while bytes.len() >= NETLINK_HEADER_BYTES {
        let length = usize::try_from(u32_at(bytes, 0)).map_err(io::Error::other)?;
        let message = bytes.get(..length).filter(|_| length >= NETLINK_HEADER_BYTES).ok_or_else(torn)?;
        match u16_at(message, 4) {
            NLMSG_DONE => return Ok(true),
            NLMSG_ERROR => {
                let errno = u32_at(message.get(..20).ok_or_else(torn)?, 16).cast_signed();
                return Err(io::Error::from_raw_os_error(-errno));
            }
            SOCK_DIAG_BY_FAMILY => {
                let body = &message[NETLINK_HEADER_BYTES..];
                let attributes = body.get(MESSAGE_BYTES..).ok_or_else(torn)?;
                if file_of(attributes) == Some((inode, device)) {
                    found.push(u64::from(u32_at(body, 4)));
                }
            }
            _ => {}
        }
        bytes = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
    }
    Ok(false)
}

/// Inode and device of the file in the attributes, as fstat(2) has them.
fn file_of(mut attributes: &[u8]) -> Option<(u64, u64)> {
    while attributes.len() >= 4 {
        let length = usize::from(u16_at(attributes, 0));
        let attribute = attributes.get(..length).filter(|_| length >= 4)?;
        if u16_at(attribute, 2) == UNIX_DIAG_VFS && attribute.len() >= 12 {
            let (inode, device) = (u32_at(attribute, 4), u32_at(attribute, 8));
            // The kernel's own packing: 12 bits of major, 20 of minor.
            let device = rustix::fs::makedev(device >> 20, device & 0xf_ffff);
            return Some((u64::from(inode), device));
        }
        attributes = attributes.get(length.next_multiple_of(4)..).unwrap_or_default();
    }
    None
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_ne_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_ne_bytes([bytes[at], bytes[at + 1]])
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::{UnixDatagram, UnixListener};

    use super::*;

    #[test]
    fn a_bound_file_is_told_from_one_that_only_looks_like_it() {
        let dir = tempfile::tempdir().unwrap();
        let (kept, left) = (dir.path().join("kept"), dir.path().join("left"));
        let _listener = UnixListener::bind(&kept).unwrap();
        drop(UnixDatagram::bind(&left).unwrap());
        let sockets = |path: &std::path::Path| {
            let flags = rustix::fs::OFlags::PATH;
            let file = rustix::fs::open(path, flags, rustix::fs::Mode::empty()).unwrap();
            bound_to(&file).unwrap()
        };
        assert_eq!(sockets(&kept).len(), 1);
        assert_eq!(sockets(&left), Vec::<u64>::new());
    }

    #[test]
    fn an_answer_that_is_cut_off_is_an_error_and_not_a_panic() {
        for length in [0u32, 15, 100] {
            let mut bytes = length.to_ne_bytes().to_vec();
            bytes.extend([0; 14]);
            read(&bytes, 0, 0, &mut Vec::new()).unwrap_err();
        }
    }
}
