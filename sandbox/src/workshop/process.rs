//! A job that goes on: what it prints, where it listens, and its end.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::{mpsc, oneshot, watch};

use super::{Captured, Job, Running, Workshop, abandoned};
use crate::call::{Ask, Began, CallError, Ended, Family, Line};
use crate::confine::listening;
use crate::level::Level;
use crate::outcome::Outcome;

/// How long connecting to a port may take: it is on the same machine.
const CONNECT_WITHIN: Duration = Duration::from_secs(5);

/// Requests that wait to be passed on at most.
const ASKS_MAX: usize = 8;

/// A command under way. Dropping it ends the command and everything that it started.
pub struct Process {
    running: Mutex<Option<Running>>,
    captured: Arc<Mutex<Captured>>,
    over: watch::Receiver<Option<Over>>,
    /// Where its processes are.
    began: Began,
    asks: mpsc::Sender<Ask>,
}

/// What is known of an end by everybody who waits for it.
type Over = Result<Arc<Ended>, Arc<CallError>>;

/// Starts a job, and returns once it is under way or has ended.
pub(super) async fn start(workshop: &Workshop, job: Job) -> Result<Process, CallError> {
    let (asks, asked) = mpsc::channel(ASKS_MAX);
    let (begin, began) = oneshot::channel();
    let (refuse, refused) = oneshot::channel();
    let (end, over) = watch::channel(None);
    let running = workshop.spawn(job, Some(Line { asked, began: Some(begin) }), move |ended| {
        let ended = match ended {
            // Whoever starts it still waits, and gets the error itself.
            Err(error) => match refuse.send(error) {
                Ok(()) => return,
                Err(error) => Err(Arc::new(error)),
            },
            Ok(ended) => Ok(Arc::new(ended)),
        };
        end.send_replace(Some(ended));
    });
    let captured = Arc::clone(&running.captured);
    let process = |began| Process { running: Mutex::new(Some(running)), captured, over, began, asks };
    match began.await {
        Ok(began) => Ok(process(began)),
        // It has ended before it began: there is a reason, or an outcome.
        Err(_) => match refused.await {
            Ok(error) => Err(error),
            Err(_) => Ok(process(Began::default())),
        },
    }
}

impl Process {
    /// The last bytes of what it has printed, both streams together; at most half of what the job keeps.
    pub fn tail(&self) -> Vec<u8> {
        let captured = self.printed();
        captured.both.whole().unwrap_or_else(|| captured.both.tail())
    }

    /// What it has printed so far.
    pub fn printed(&self) -> Captured {
        self.captured.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What holds it; none where nothing does.
    pub fn level(&self) -> Option<Level> {
        self.began.level
    }

    /// Waits for its end, for as long as `timeout`. None where it goes on.
    pub async fn wait(&self, timeout: Duration) -> Result<Option<Outcome>, CallError> {
        match tokio::time::timeout(timeout, self.ended()).await {
            Ok(outcome) => outcome.map(Some),
            Err(_) => Ok(None),
        }
    }

    /// Ends it and everything that it started, and waits until nothing is left. What had ended already tells
    /// how it did.
    pub async fn kill(&self) -> Result<Outcome, CallError> {
        drop(self.running.lock().unwrap_or_else(PoisonError::into_inner).take());
        self.ended().await
    }

    async fn ended(&self) -> Result<Outcome, CallError> {
        let mut over = self.over.clone();
        let over = over.wait_for(Option::is_some).await.map_err(|_| abandoned())?.clone();
        match over.ok_or_else(abandoned)? {
            Ok(ended) => Ok(ended.outcome.clone()),
            Err(error) => Err(CallError::Lost(error)),
        }
    }

    /// TCP ports that something of it listens on, in ascending order.
    ///
    /// In a network of its own these are all ports there but the proxy's; otherwise those of its processes.
    pub async fn listening(&self) -> io::Result<Vec<u16>> {
        match self.began {
            Began { level: Some(level), .. } if level.has_namespaces() => self.ask(Ask::Ports).await?,
            Began { process: Some(process), .. } => Ok(listening::of_descendants(process)),
            Began { process: None, .. } => Ok(Vec::new()),
        }
    }

    /// Connects to a port of it, on its loopback. What answers is the command's, and as hostile as it is.
    pub async fn connect(&self, port: u16) -> io::Result<TcpStream> {
        if !self.has_own_network() && !self.listening().await?.contains(&port) {
            // On everybody's network it could be anybody's.
            return Err(io::ErrorKind::ConnectionRefused.into());
        }
        let first = self.connect_by(Family::V4, port).await;
        match first {
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
                self.connect_by(Family::V6, port).await.map_err(|_| error)
            }
            decided => decided,
        }
    }

    async fn connect_by(&self, family: Family, port: u16) -> io::Result<TcpStream> {
        let address = match family {
            Family::V4 => SocketAddr::from((Ipv4Addr::LOCALHOST, port)),
            Family::V6 => SocketAddr::from((Ipv6Addr::LOCALHOST, port)),
        };
        let socket = match family {
            _ if self.has_own_network() => {
                // A socket belongs to the network it was made in, whoever uses it.
                let made = self.ask(|answer| Ask::Socket(family, answer)).await??;
                TcpSocket::from_std_stream(std::net::TcpStream::from(made))
            }
            Family::V4 => TcpSocket::new_v4()?,
            Family::V6 => TcpSocket::new_v6()?,
        };
        match tokio::time::timeout(CONNECT_WITHIN, socket.connect(address)).await {
            Ok(connected) => connected,
            Err(_) => Err(io::ErrorKind::TimedOut.into()),
        }
    }

    fn has_own_network(&self) -> bool {
        self.began.level.is_some_and(Level::has_namespaces)
    }

    /// Asks the helper inside. An error where the command has ended.
    async fn ask<T>(&self, ask: impl FnOnce(oneshot::Sender<T>) -> Ask) -> io::Result<T> {
        let over = || io::Error::new(io::ErrorKind::BrokenPipe, "the command has ended");
        let (answer, answered) = oneshot::channel();
        self.asks.send(ask(answer)).await.map_err(|_| over())?;
        answered.await.map_err(|_| over())
    }
}

impl std::fmt::Debug for Process {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Process").field("began", &self.began).finish_non_exhaustive()
    }
}
