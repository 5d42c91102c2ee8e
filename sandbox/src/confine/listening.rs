//! TCP ports that something of a command listens on, from the lists of sockets in `/proc`.

use std::collections::{BTreeSet, HashSet};
use std::fs::{self, File};
use std::io::Read;

use super::account;

/// Bytes of a list that are read. Sockets that listen come first in it; a command with more of them than
/// fit here harms only itself.
const LIST_BYTES_MAX: u64 = 1 << 20;

/// Ports that are told at most.
const PORTS_MAX: usize = 256;

/// Descriptors of one process that are looked at.
const DESCRIPTORS_MAX: usize = 4_096;

/// The state that `/proc/net/tcp` calls `TCP_LISTEN`.
const LISTEN: &str = "0A";

/// A socket that listens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Listener {
    port: u16,
    /// The number that descriptors name it by.
    inode: u64,
}

/// All ports of this process's own network but `except`, in ascending order.
pub(super) fn of_network(except: Option<u16>) -> Vec<u16> {
    let ports: BTreeSet<u16> = listeners("self").into_iter().map(|listener| listener.port).collect();
    ports.into_iter().filter(|port| Some(*port) != except).take(PORTS_MAX).collect()
}

/// The ports of sockets that `root` or a descendant of it holds, in ascending order. A port on which anybody
/// else listens too is left out: a connection to it might be theirs.
pub(crate) fn of_descendants(root: u32) -> Vec<u16> {
    let processes = [root].into_iter().chain(account::descendant_ids(root));
    let own: HashSet<u64> = processes.flat_map(sockets_of).collect();
    its_own(&listeners(&root.to_string()), &own)
}

fn its_own(listeners: &[Listener], own: &HashSet<u64>) -> Vec<u16> {
    let (mine, others): (Vec<Listener>, Vec<Listener>) =
        listeners.iter().partition(|listener| own.contains(&listener.inode));
    let others: BTreeSet<u16> = others.iter().map(|listener| listener.port).collect();
    let mine: BTreeSet<u16> = mine.iter().map(|listener| listener.port).collect();
    mine.difference(&others).copied().take(PORTS_MAX).collect()
}

fn listeners(process: &str) -> Vec<Listener> {
    let list = |name: &str| {
        let mut text = Vec::new();
        let file = File::open(format!("/proc/{process}/net/{name}"));
        // What cannot be read lists nothing: a kernel may have no IPv6.
        let _unread = file.and_then(|file| file.take(LIST_BYTES_MAX).read_to_end(&mut text));
        parse(&String::from_utf8_lossy(&text))
    };
    [list("tcp"), list("tcp6")].concat()
}

/// Reads `/proc/net/tcp` (proc_pid_net(5)). Lines that do not look as they should are left out.
fn parse(text: &str) -> Vec<Listener> {
    let listener = |line: &str| {
        let mut fields = line.split_ascii_whitespace().skip(1);
        let (_, port) = fields.next()?.rsplit_once(':')?;
        let is_listening = fields.nth(1)? == LISTEN;
        let inode = fields.nth(5)?.parse().ok()?;
        let port = u16::from_str_radix(port, 16).ok().filter(|port| *port != 0)?;
        is_listening.then_some(Listener { port, inode })
    };
    text.lines().skip(1).filter_map(listener).collect()
}

/// The numbers of the sockets that a process holds.
fn sockets_of(process: u32) -> Vec<u64> {
    let Ok(descriptors) = fs::read_dir(format!("/proc/{process}/fd")) else { return Vec::new() };
    let number = |entry: fs::DirEntry| {
        let target = fs::read_link(entry.path()).ok()?;
        target.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok()
    };
    descriptors.flatten().take(DESCRIPTORS_MAX).filter_map(number).collect()
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use super::*;

    const TABLE: &str = "\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 4711 1 0 100 0 0 10 0
   1: 0100007F:1F91 0100007F:D431 01 00000000:00000000 00:00000000 00000000  1000        0 4712 1 0 100 0 0 10 0
   2: 00000000000000000000000001000000:0050 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4713 1 0 100 0 0 10 0
   3: 0100007F:1F9Z 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 4714 1 0 100 0 0 10 0
   4: 0100007F:1F92 00000000:0000 0A
";

    #[test]
    fn only_sockets_that_listen_are_read_and_torn_lines_are_left_out() {
        let expected = [Listener { port: 8080, inode: 4711 }, Listener { port: 80, inode: 4713 }];
        assert_eq!(parse(TABLE), expected);
        assert_eq!(parse(""), []);
        // However it is cut off, what is read of it is right.
        for end in 0..TABLE.len() {
            assert!(parse(&TABLE[..end]).iter().all(|one| [8080, 80].contains(&one.port)), "{end}");
        }
    }

    #[test]
    fn a_port_that_is_shared_with_somebody_else_is_not_its_own() {
        let at = |port, inode| Listener { port, inode };
        let all = [at(80, 1), at(81, 2), at(81, 3), at(82, 4), at(83, 5), at(83, 6)];
        assert_eq!(its_own(&all, &HashSet::from([1, 2, 5, 6])), [80, 83]);
        assert_eq!(its_own(&all, &HashSet::new()), [0_u16; 0]);
    }

    #[test]
    fn ports_of_other_processes_are_not_its_own() {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let _connected = TcpStream::connect(("127.0.0.1", port)).unwrap();
        assert!(of_descendants(std::process::id()).contains(&port));
        assert!(of_network(None).contains(&port));
        assert!(!of_network(Some(port)).contains(&port));
        // This process has no child that listens; its own parent is not looked at.
        let mut child =
            std::process::Command::new("cat").stdin(std::process::Stdio::piped()).spawn().unwrap();
        assert_eq!(of_descendants(child.id()), Vec::<u16>::new());
        drop(child.stdin.take());
        child.wait().unwrap();
    }
}
