//! Keys and signals, each on a thread of its own.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::SyncSender;
use std::thread;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::process::{Signal, getpid, kill_process};
use signal_hook::consts::{SIGCONT, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTSTP, SIGWINCH};
use signal_hook::iterator::{Handle, Signals};

use super::Message;

/// The signal that asks to be suspended.
pub(super) const SUSPEND: i32 = SIGTSTP;

/// The signal that comes when it goes on.
pub(super) const CONTINUE: i32 = SIGCONT;

/// The signal that comes with another size of the terminal.
pub(super) const RESIZED: i32 = SIGWINCH;

/// How long one wait for keys lasts: as long it may take to end, which nobody waits for.
const WAIT: Duration = Duration::from_secs(10);

/// How long one look at what has come lasts. What reads keys does not look at all for no time.
const LOOK: Duration = Duration::from_millis(1);

/// Says that a thread ended that was not to.
pub(super) struct Watchman {
    does: &'static str,
    sender: Option<SyncSender<Message>>,
}

impl Watchman {
    /// Watches over the present thread.
    pub(super) fn new(does: &'static str, sender: SyncSender<Message>) -> Self {
        Self { does, sender: Some(sender) }
    }

    /// Lets it end.
    pub(super) fn dismiss(mut self) {
        self.sender = None;
    }
}

impl Drop for Watchman {
    fn drop(&mut self) {
        if let Some(sender) = &self.sender {
            // A screen that is gone needs not be told.
            drop(sender.send(Message::Died(self.does)));
        }
    }
}

/// Keys that are read. Dropping it ends that, soon.
pub(super) struct Keys {
    ends: Arc<AtomicBool>,
}

/// Reads what the terminal sends.
pub(super) fn keys(sender: SyncSender<Message>) -> Keys {
    let ends = Arc::new(AtomicBool::new(false));
    let told = Arc::clone(&ends);
    thread::spawn(move || {
        let died = Watchman::new("reads keys", sender.clone());
        while !told.load(Ordering::Relaxed) {
            // What was read already comes first: several keys may have come at once.
            let read = match crossterm::event::poll(LOOK) {
                Ok(true) => crossterm::event::read(),
                Ok(false) => match awaited() {
                    Ok(()) => continue,
                    Err(error) => Err(error),
                },
                Err(error) => Err(error),
            };
            let message = match read {
                Ok(event) => Message::Terminal(event),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(_) => Message::TerminalGone, // It is closed, or no terminal any more.
            };
            let gone = matches!(message, Message::TerminalGone);
            if sender.send(message).is_err() || gone {
                break;
            }
        }
        died.dismiss();
    });
    Keys { ends }
}

/// Waits for something to read; an error where the terminal is gone. What reads keys does not notice that: it
/// would read nothing, again and again, and never come back.
fn awaited() -> io::Result<()> {
    let stdin = io::stdin();
    let mut wanted = [PollFd::new(&stdin, PollFlags::IN)];
    let most = Timespec { tv_sec: WAIT.as_secs().cast_signed(), tv_nsec: i64::from(WAIT.subsec_nanos()) };
    rustix::event::poll(&mut wanted, Some(&most))?;
    let came = wanted[0].revents();
    if came.intersects(PollFlags::HUP | PollFlags::ERR | PollFlags::NVAL) {
        return Err(io::ErrorKind::BrokenPipe.into());
    }
    Ok(())
}

impl Drop for Keys {
    fn drop(&mut self) {
        self.ends.store(true, Ordering::Relaxed);
        // Not waited for: it ends by itself, soon, and a terminal that is gone may hold it for ever.
    }
}

/// Signals that are listened for. Dropping it ends that.
pub(super) struct Listening(Handle);

/// Listens for signals.
pub(super) fn signals(sender: SyncSender<Message>) -> io::Result<Listening> {
    let mut signals = Signals::new([SIGTERM, SIGHUP, SIGINT, SIGQUIT, SIGTSTP, SIGCONT, SIGWINCH])?;
    let handle = signals.handle();
    thread::spawn(move || {
        for number in signals.forever() {
            if sender.send(Message::Signal(number)).is_err() {
                break;
            }
        }
    });
    Ok(Listening(handle))
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.0.close();
    }
}

/// Stops this process until it is told to go on.
pub(super) fn stop_here() -> io::Result<()> {
    kill_process(getpid(), Signal::STOP).map_err(io::Error::from)
}
