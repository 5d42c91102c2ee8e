//! Sockets that the witness listens on, and what comes in.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, TcpListener, UdpSocket};
use std::os::fd::IntoRawFd;

use crate::acts::{Hidden, unix_address};
use crate::sys::{self, Refusal, call};

/// A descriptor to watch, and what it is called.
struct Door {
    name: String,
    fd: i32,
    /// True where connections come in rather than bytes.
    listens: bool,
}

pub(super) struct Doors {
    doors: Vec<Door>,
    tcp: u16,
    udp: u16,
    queue: String,
    hidden: String,
}

/// Events taken in; more than these are not counted.
const EVENTS_MAX: usize = 64;

impl Doors {
    pub(super) fn open(project: &str, run: &str, token: &str) -> Result<Doors, Refusal> {
        let hidden = format!("loki-probe-{token}");
        let mut all = Doors { doors: Vec::new(), tcp: 0, udp: 0, queue: hidden.clone(), hidden };
        let tcp = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        all.tcp = tcp.local_addr()?.port();
        // The same port in the new family, where the machine has that.
        if let Ok(tcp6) = TcpListener::bind((Ipv6Addr::LOCALHOST, all.tcp)) {
            all.listen("tcp6", tcp6.into_raw_fd());
        }
        let udp = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        all.udp = udp.local_addr()?.port();
        all.listen("tcp", tcp.into_raw_fd());
        all.watch("udp", i64::from(udp.into_raw_fd()));
        for folder in [project, run] {
            all.unix(&format!("{folder}/stream.sock"), Hidden::No, libc::SOCK_STREAM)?;
            all.unix(&format!("{folder}/seqpacket.sock"), Hidden::No, libc::SOCK_SEQPACKET)?;
            all.unix(&format!("{folder}/datagram.sock"), Hidden::No, libc::SOCK_DGRAM)?;
        }
        all.unix(&format!("{}-stream", all.hidden), Hidden::Yes, libc::SOCK_STREAM)?;
        all.unix(&format!("{}-datagram", all.hidden), Hidden::Yes, libc::SOCK_DGRAM)?;
        let flags = libc::O_CREAT | libc::O_RDWR | libc::O_NONBLOCK;
        let sizes = [0_i64, 4, 64, 0, 0, 0, 0, 0];
        if let Ok(queue) = call!(libc::SYS_mq_open, sys::text(&all.queue), flags, 0o600, sizes.as_ptr()) {
            all.watch("posix-queue", queue);
        }
        Ok(all)
    }

    fn unix(&mut self, name: &str, hidden: Hidden, kind: i32) -> Result<(), Refusal> {
        let address = unix_address(name, hidden)?;
        let socket = call!(libc::SYS_socket, libc::AF_UNIX, kind | libc::SOCK_CLOEXEC, 0)?;
        call!(libc::SYS_bind, socket, &raw const address.value, address.length)?;
        if kind == libc::SOCK_DGRAM {
            self.watch(name, socket);
        } else {
            call!(libc::SYS_listen, socket, 8)?;
            self.listen(name, socket as i32);
        }
        Ok(())
    }

    fn listen(&mut self, name: &str, fd: i32) {
        self.doors.push(Door { name: name.to_owned(), fd, listens: true });
    }

    pub(super) fn watch(&mut self, name: &str, fd: i64) {
        self.doors.push(Door { name: name.to_owned(), fd: fd as i32, listens: false });
    }

    /// Where to find them.
    pub(super) fn report(&self) -> String {
        format!("tcp={} udp={} queue={} hidden={}", self.tcp, self.udp, self.queue, self.hidden)
    }

    /// Answers whoever comes until stdin ends, and names every door that was used.
    pub(super) fn wait(&self, token: &str) -> Result<Vec<String>, Refusal> {
        let mut hits: Vec<String> = Vec::new();
        let mut ended = false;
        while hits.len() < EVENTS_MAX {
            let ready = self.ready(if ended { 0 } else { -1 })?;
            if ready.is_empty() {
                break;
            }
            for door in ready {
                match door {
                    None => ended = true,
                    Some(door) => {
                        hits.push(door.name.clone());
                        // Whoever came may be gone again; that it came is what counts.
                        let _gone = answer(door, token);
                    }
                }
            }
        }
        let _not_there = call!(libc::SYS_mq_unlink, sys::text(&self.queue));
        Ok(hits)
    }

    /// The doors where something waits; `None` is the end of stdin, asked for only with time to wait.
    fn ready(&self, milliseconds: i32) -> io::Result<Vec<Option<&Door>>> {
        let waited_for = |fd| libc::pollfd { fd, events: libc::POLLIN, revents: 0 };
        let mut polled: Vec<libc::pollfd> = self.doors.iter().map(|door| waited_for(door.fd)).collect();
        if milliseconds != 0 {
            polled.push(waited_for(0));
        }
        let end = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        let end = if milliseconds == 0 { &raw const end } else { std::ptr::null() };
        call!(libc::SYS_ppoll, polled.as_mut_ptr(), polled.len(), end, 0, 8)?;
        let ready = polled.iter().enumerate().filter(|(_, polled)| polled.revents != 0);
        Ok(ready.map(|(index, _)| self.doors.get(index)).collect())
    }
}

/// Takes what came, and gives the token to whoever can be answered.
fn answer(door: &Door, token: &str) -> io::Result<()> {
    let (bytes, length) = (token.as_ptr(), token.len());
    if door.listens {
        // Left open until this process ends: what the client does next must not fail for want of a listener.
        let client = call!(libc::SYS_accept4, door.fd, 0, 0, libc::SOCK_CLOEXEC)?;
        return sys::write(client as i32, token.as_bytes());
    }
    if door.name == "udp" {
        let mut from = [0_u64; 16];
        let mut size = size_of_val(&from) as u64;
        let mut taken = [0_u8; 64];
        let from = from.as_mut_ptr();
        call!(libc::SYS_recvfrom, door.fd, taken.as_mut_ptr(), taken.len(), 0, from, &raw mut size)?;
        call!(libc::SYS_sendto, door.fd, bytes, length, 0, from, size as u32)?;
        return Ok(());
    }
    if door.name == "posix-queue" {
        let mut taken = [0_u8; 64];
        call!(libc::SYS_mq_timedreceive, door.fd, taken.as_mut_ptr(), taken.len(), 0, 0)?;
        return Ok(());
    }
    sys::read(door.fd, 256).map(drop)
}
