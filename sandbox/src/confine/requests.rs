//! What loki asks the helper for while a command runs: a socket of the command's network, and where in it
//! something listens.
//!
//! Requests are single bytes on the control socket, which the command has no descriptor of. The helper
//! connects to nothing itself: it makes a socket, and loki, whom a command may keep waiting, connects it.

use std::io;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;

use rustix::net::{AddressFamily, SocketFlags, SocketType, socket_with};

use super::listening;
use crate::channel;
use crate::plan::{Message, PROXY_PORT_INSIDE, WayOut};

/// Byte on the control socket: end the command.
pub(crate) const STOP: u8 = b's';

/// Byte on the control socket: make a TCP socket for IPv4.
pub(crate) const SOCKET_V4: u8 = b'4';

/// Byte on the control socket: make a TCP socket for IPv6.
pub(crate) const SOCKET_V6: u8 = b'6';

/// Byte on the control socket: tell where something listens.
pub(crate) const PORTS: u8 = b'p';

/// What to do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// Go on.
    GoOn,
    /// End the command.
    Stop,
}

/// Reads one request, which is there, and answers it. Whatever is no request, the end of loki among it, ends
/// the command.
pub(super) fn answer(control: &UnixStream, way_out: WayOut) -> Next {
    let mut word = [0];
    let answered = match rustix::io::read(control, &mut word) {
        Err(rustix::io::Errno::INTR) => return Next::GoOn,
        Ok(1) => match word[0] {
            SOCKET_V4 => socket(control, AddressFamily::INET),
            SOCKET_V6 => socket(control, AddressFamily::INET6),
            PORTS => {
                channel::send(control, &Message::Ports(listening::of_network(proxy_port(way_out))), None)
            }
            _ => return Next::Stop,
        },
        Ok(_) | Err(_) => return Next::Stop,
    };
    match answered {
        Ok(()) => Next::GoOn,
        Err(_) => Next::Stop, // Nobody is there to hear it.
    }
}

fn socket(control: &UnixStream, family: AddressFamily) -> io::Result<()> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let made = socket_with(family, SocketType::STREAM, flags, None).ok();
    let message = Message::Socket { made: made.is_some() };
    channel::send(control, &message, made.as_ref().map(AsFd::as_fd))
}

/// The proxy's own port, which nothing of the command listens on.
fn proxy_port(way_out: WayOut) -> Option<u16> {
    (way_out == WayOut::Listener).then_some(PROXY_PORT_INSIDE)
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::net::{TcpListener, TcpStream};
    use std::os::fd::OwnedFd;

    use super::*;
    use crate::channel::Frames;

    fn asked(word: u8) -> (Next, Option<Message>, Option<OwnedFd>) {
        let (mut near, far) = UnixStream::pair().unwrap();
        near.write_all(&[word]).unwrap();
        let next = answer(&far, WayOut::None);
        drop(far);
        let mut frames = Frames::default();
        let message = frames.wait(&near).unwrap();
        (next, message, frames.descriptor())
    }

    #[test]
    fn a_socket_is_handed_over_unconnected() {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let (next, message, socket) = asked(SOCKET_V4);
        assert_eq!((next, message), (Next::GoOn, Some(Message::Socket { made: true })));
        let socket = TcpStream::from(socket.unwrap());
        socket.peer_addr().unwrap_err();
        socket.set_nonblocking(false).unwrap();
        rustix::net::connect(&socket, &listener.local_addr().unwrap()).unwrap();
        assert_eq!(listener.accept().unwrap().1, socket.local_addr().unwrap());
    }

    #[test]
    fn ports_are_told() {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let (next, message, _) = asked(PORTS);
        let Some(Message::Ports(ports)) = message else { panic!("{message:?}") };
        assert_eq!(next, Next::GoOn);
        assert!(ports.contains(&listener.local_addr().unwrap().port()));
        assert_eq!((proxy_port(WayOut::Listener), proxy_port(WayOut::None)), (Some(3128), None));
    }

    #[test]
    fn anything_else_ends_the_command() {
        for word in [STOP, 0, b'S', 0xff] {
            assert_eq!(asked(word).0, Next::Stop, "{word}");
        }
        let (near, far) = UnixStream::pair().unwrap();
        drop(near);
        assert_eq!(answer(&far, WayOut::None), Next::Stop);
    }
}
