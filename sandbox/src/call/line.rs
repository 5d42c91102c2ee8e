//! What a call has to do with whoever holds it by a handle: word that it has begun, and requests meanwhile.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::os::fd::OwnedFd;
use std::path::PathBuf;

use tokio::sync::{mpsc, oneshot};

use crate::confine::{PORTS, SOCKET_V4, SOCKET_V6};
use crate::level::Level;

/// What a call has beside what every call has.
#[derive(Default)]
pub(crate) struct Extras {
    /// Variables over all others.
    pub(crate) variables: BTreeMap<String, String>,
    /// A Unix socket of loki's that the command may connect to, without links.
    pub(crate) door: Option<PathBuf>,
    /// Whether it may listen on everybody's loopback, where it has no network of its own.
    pub(crate) listens: bool,
    /// The program that is the helper; none: this one.
    pub(crate) helper: Option<PathBuf>,
    /// The line to whoever holds the call.
    pub(crate) line: Option<Line>,
}

/// The call's end of the line.
pub(crate) struct Line {
    /// Requests.
    pub(crate) asked: mpsc::Receiver<Ask>,
    /// To be told that the command is under way.
    pub(crate) began: Option<oneshot::Sender<Began>>,
}

/// Where a command's processes are.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Began {
    /// What holds it.
    pub(crate) level: Option<Level>,
    /// A process of which all of it descends, in the namespaces of everybody else. None where it has gone.
    pub(crate) process: Option<u32>,
}

/// A request to the helper in the command's network.
pub(crate) enum Ask {
    /// For a TCP socket that belongs to that network.
    Socket(Family, oneshot::Sender<io::Result<OwnedFd>>),
    /// For the ports that something there listens on.
    Ports(oneshot::Sender<io::Result<Vec<u16>>>),
}

/// Which internet protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Family {
    /// The fourth version.
    V4,
    /// The sixth.
    V6,
}

impl Ask {
    /// The byte that asks for it.
    pub(super) fn byte(&self) -> u8 {
        match self {
            Ask::Socket(Family::V4, _) => SOCKET_V4,
            Ask::Socket(Family::V6, _) => SOCKET_V6,
            Ask::Ports(_) => PORTS,
        }
    }
}

/// Requests that were passed on and are not answered yet. Answers come in their order.
#[derive(Default)]
pub(super) struct Asked(VecDeque<Ask>);

/// Requests under way at most.
const ASKED_MAX: usize = 8;

impl Asked {
    /// Whether there is room for one more.
    pub(super) fn has_room(&self) -> bool {
        self.0.len() < ASKED_MAX
    }

    pub(super) fn push(&mut self, ask: Ask) {
        self.0.push_back(ask);
    }

    /// Takes a socket, or that there is none.
    pub(super) fn socket(&mut self, socket: Option<OwnedFd>) {
        let socket = socket.ok_or_else(|| io::Error::other("no socket can be made in the command's network"));
        if let Some(Ask::Socket(_, answer)) = self.0.pop_front() {
            let _not_wanted_any_more = answer.send(socket);
        }
    }

    /// Takes the ports that something listens on.
    pub(super) fn ports(&mut self, ports: Vec<u16>) {
        if let Some(Ask::Ports(answer)) = self.0.pop_front() {
            let _not_wanted_any_more = answer.send(Ok(ports));
        }
    }
}

impl Line {
    /// Tells that the command is under way.
    pub(super) fn begun(&mut self, began: Began) {
        if let Some(tell) = self.began.take() {
            let _not_wanted_any_more = tell.send(began);
        }
    }
}

/// The next request. For ever, where nobody can make one.
pub(super) async fn next(line: Option<&mut Line>) -> Ask {
    let next = match line {
        Some(line) => line.asked.recv().await,
        None => None,
    };
    match next {
        Some(ask) => ask,
        None => std::future::pending().await,
    }
}
