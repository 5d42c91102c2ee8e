//! The loop: keys, events and answers come in, and a screen is drawn when something changed.
//!
//! One thread draws and decides; others read the ledger ([`feed`]), keys and signals ([`sources`]), and
//! call the program around ([`worker`]). Everything comes through one bounded channel, so a storm of events
//! slows its reader down and not the screen.

mod answers;
mod feed;
mod sources;
#[cfg(test)]
mod tests;
mod worker;

use std::collections::HashSet;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use crossterm::event::{Event as TerminalEvent, KeyEventKind};
use loki_ledger::event::RunId;
use loki_ledger::{Reader, Recorded};
use loki_store::Clock;

use crate::control::Control;
use crate::data::Data;
use crate::input::{self, Ask, Known};
use crate::look::{Look, Motion};
use crate::model::Model;
use crate::screen::{PanicGuard, RAW_MODE, Screen};
use crate::state::{Fate, State, View};
use crate::view::{self, Scene};
use feed::Feed;
use worker::{Answer, Job, Worker};

/// The least time between two pictures: at most 60 in a second.
const FRAME: Duration = Duration::from_micros(16_667);

/// Time between two steps of the spinner.
const SPIN: Duration = Duration::from_millis(125);

/// Time after which ages are told anew.
const TICK: Duration = Duration::from_secs(1);

/// The same where nothing is to move.
const TICK_REDUCED: Duration = Duration::from_secs(10);

/// Messages that may wait for the screen.
const MESSAGES_MAX: usize = 16;

/// How a dashboard is opened.
#[derive(Debug, Clone)]
pub struct Opening {
    /// How it looks.
    pub look: Look,
    /// The project shown first.
    pub project: PathBuf,
    /// The run shown first; `None`: the list of runs.
    pub run: Option<RunId>,
}

/// How a dashboard was left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Left {
    /// A person left it.
    Key,
    /// This signal ended it.
    Signal(i32),
    /// Its terminal is gone.
    TerminalGone,
}

/// Why a dashboard could not go on.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// The terminal refused.
    #[error("failed to {attempt} the terminal")]
    Terminal {
        /// What was attempted.
        attempt: &'static str,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// Signals could not be listened for.
    #[error("failed to listen for signals")]
    Signals(#[source] io::Error),
    /// A part of it panicked.
    #[error("the part of the dashboard that {does} ended unexpectedly")]
    Died {
        /// What it does.
        does: &'static str,
    },
}

/// Something that comes in.
enum Message {
    /// From the terminal.
    Terminal(TerminalEvent),
    /// The terminal is gone.
    TerminalGone,
    /// A signal.
    Signal(i32),
    /// Events of the run on the screen; of another one where the number is not the present one.
    Events(u64, Vec<Recorded>),
    /// Events could not be read; it is tried again.
    Unread(u64, String),
    /// An answer.
    Answer(Answer),
    /// A thread ended that must not.
    Died(&'static str),
}

/// Shows the dashboard until it is left. The terminal is as it was when this returns, however it ends.
pub fn run(control: Box<dyn Control>, clock: Arc<dyn Clock>, opening: Opening) -> Result<Left, AppError> {
    let (sender, receiver) = sync_channel(MESSAGES_MAX);
    let signals = sources::signals(sender.clone()).map_err(AppError::Signals)?;
    let guard = PanicGuard::new();
    let taken = Screen::enter(io::stdout(), RAW_MODE);
    let mut screen = taken.map_err(|source| AppError::Terminal { attempt: "take over", source })?;
    let keys = sources::keys(sender.clone());
    let worker = Worker::new(control, sender.clone());
    let mut app = App::new(opening, clock, worker, sender);
    let left = app.until_left(&mut screen, &receiver);
    let back = screen.give_back();
    drop(guard);
    // Whoever waits to send must not wait for ever.
    drop(receiver);
    app.feed = None;
    drop((keys, signals, app));
    match left {
        // A terminal that is gone does not take anything back.
        Ok(left) => back.or_else(|error| if left == Left::Key { Err(error) } else { Ok(()) }).map(|()| left),
        Err(error) => return Err(error),
    }
    .map_err(|source| AppError::Terminal { attempt: "give back", source })
}

struct App {
    state: State,
    data: Data,
    model: Option<Model>,
    look: Look,
    clock: Arc<dyn Clock>,
    worker: Worker,
    sender: SyncSender<Message>,
    feed: Option<Feed>,
    /// Counts runs that were opened, so that what comes late for another one is told apart.
    generation: u64,
    asked: HashSet<String>,
    replaying: Option<u64>,
    step: u64,
    is_dirty: bool,
    drawn: Instant,
}

impl App {
    fn new(opening: Opening, clock: Arc<dyn Clock>, worker: Worker, sender: SyncSender<Message>) -> Self {
        let state = State::new(opening.project.clone(), opening.run.clone());
        let mut app = Self {
            state,
            data: Data::default(),
            model: None,
            look: opening.look,
            clock,
            worker,
            sender,
            feed: None,
            generation: 0,
            asked: HashSet::new(),
            replaying: None,
            step: 0,
            is_dirty: true,
            drawn: now(),
        };
        if let Some(run) = opening.run {
            app.open(opening.project, run);
        }
        app
    }

    fn until_left<W: io::Write>(
        &mut self,
        screen: &mut Screen<W>,
        receiver: &Receiver<Message>,
    ) -> Result<Left, AppError> {
        self.draw(screen)?;
        loop {
            let first = match receiver.recv_timeout(self.patience()) {
                Ok(message) => Some(message),
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => return Err(AppError::Died { does: "listens" }),
            };
            let deadline = now() + FRAME / 2;
            let mut next = first;
            while let Some(message) = next {
                if let Some(left) = self.take(screen, message)? {
                    return Ok(left);
                }
                next = if now() < deadline { receiver.try_recv().ok() } else { None };
            }
            self.tick();
            self.ask();
            if self.is_dirty && self.drawn.elapsed() >= FRAME {
                self.draw(screen)?;
            }
        }
    }

    /// How long to wait for something to happen.
    fn patience(&self) -> Duration {
        let until = if self.is_dirty { FRAME } else { self.pace() };
        until.saturating_sub(self.drawn.elapsed())
    }

    /// After what time the screen is drawn anew although nothing happened.
    fn pace(&self) -> Duration {
        match self.look.motion {
            Motion::Reduced => TICK_REDUCED,
            Motion::Full if self.spins() => SPIN,
            Motion::Full => TICK,
        }
    }

    /// Whether a spinner is in sight.
    fn spins(&self) -> bool {
        let driven = matches!(self.data.driver.ready(), Some((Some(_), _)));
        let open = self.model.as_ref().is_some_and(|model| model.live.run.open.is_some());
        driven && open && self.state.view == View::Run && self.state.replay.is_none()
    }

    fn tick(&mut self) {
        if self.drawn.elapsed() >= self.pace() {
            self.step += 1;
            self.is_dirty = true;
        }
    }

    fn draw<W: io::Write>(&mut self, screen: &mut Screen<W>) -> Result<(), AppError> {
        let scene = Scene {
            model: self.model.as_ref(),
            data: &self.data,
            state: &self.state,
            look: self.look,
            now_ms: self.clock.now().as_millisecond(),
            step: self.step,
        };
        let mut hits = None;
        let drawn = screen.draw(|buf| hits = Some(view::draw(&scene, buf)));
        drawn.map_err(|source| AppError::Terminal { attempt: "draw on", source })?;
        self.state.hits = hits.unwrap_or_default();
        self.is_dirty = false;
        self.drawn = now();
        Ok(())
    }

    fn take<W: io::Write>(
        &mut self,
        screen: &mut Screen<W>,
        message: Message,
    ) -> Result<Option<Left>, AppError> {
        self.is_dirty |= !self.is_late(&message);
        match message {
            Message::Terminal(event) => {
                for ask in self.typed(event) {
                    if let Some(left) = self.answer(screen, ask)? {
                        return Ok(Some(left));
                    }
                }
            }
            Message::TerminalGone => return Ok(Some(Left::TerminalGone)),
            Message::Signal(number) => return self.signal(screen, number),
            Message::Events(generation, events) if generation == self.generation => {
                if let Some(model) = &mut self.model {
                    model.apply(&events);
                }
            }
            Message::Unread(generation, reason) if generation == self.generation => {
                self.state.complain(format!("The ledger cannot be read: {reason}"));
            }
            Message::Events(..) | Message::Unread(..) => {}
            Message::Answer(answer) => self.answered(answer),
            Message::Died(does) => return Err(AppError::Died { does }),
        }
        Ok(None)
    }

    /// Whether it is about a run that was on the screen before.
    fn is_late(&self, message: &Message) -> bool {
        match message {
            Message::Events(generation, _) | Message::Unread(generation, _) => *generation != self.generation,
            Message::Terminal(_)
            | Message::TerminalGone
            | Message::Signal(_)
            | Message::Answer(_)
            | Message::Died(_) => false,
        }
    }

    fn typed(&mut self, event: TerminalEvent) -> Vec<Ask> {
        let known =
            Known { model: self.model.as_ref(), data: &self.data, now_ms: self.clock.now().as_millisecond() };
        match event {
            TerminalEvent::Key(key) if key.kind != KeyEventKind::Release => {
                input::key(&mut self.state, known, key)
            }
            TerminalEvent::Mouse(mouse) => input::mouse(&mut self.state, known, mouse),
            TerminalEvent::Paste(text) => {
                input::paste(&mut self.state, &text);
                Vec::new()
            }
            TerminalEvent::Key(_)
            | TerminalEvent::Resize(..)
            | TerminalEvent::FocusGained
            | TerminalEvent::FocusLost => Vec::new(),
        }
    }

    fn answer<W: io::Write>(&mut self, screen: &mut Screen<W>, ask: Ask) -> Result<Option<Left>, AppError> {
        match ask {
            Ask::Leave => return Ok(Some(Left::Key)),
            Ask::Suspend => self.suspend(screen)?,
            Ask::Redraw => {
                screen.forget().map_err(|source| AppError::Terminal { attempt: "clear", source })?;
            }
            Ask::Open { project, run } => self.open(project, run),
            Ask::Replay { .. } => {} // What is still to be read is asked for below.
            Ask::Order { number, order } => {
                let Some(run) = self.state.run.clone() else { return Ok(None) };
                let project = self.state.project.clone();
                if !self.worker.send(Job::Order { project, run, number, order }) {
                    self.fate(number, Fate::Failed("too much is under way; try again".to_owned()));
                }
            }
        }
        Ok(None)
    }

    fn signal<W: io::Write>(
        &mut self,
        screen: &mut Screen<W>,
        number: i32,
    ) -> Result<Option<Left>, AppError> {
        match number {
            sources::SUSPEND => {
                self.suspend(screen)?;
                Ok(None)
            }
            sources::CONTINUE => {
                // It was stopped without being asked, so the terminal may have been used by others.
                let taken = screen.take();
                taken.map_err(|source| AppError::Terminal { attempt: "take over", source })?;
                Ok(None)
            }
            sources::RESIZED => Ok(None), // Drawn anew, like after anything that came in.
            number => Ok(Some(Left::Signal(number))),
        }
    }

    fn suspend<W: io::Write>(&mut self, screen: &mut Screen<W>) -> Result<(), AppError> {
        let failed = |attempt| move |source| AppError::Terminal { attempt, source };
        screen.give_back().map_err(failed("give back"))?;
        sources::stop_here().map_err(failed("leave"))?;
        screen.take().map_err(failed("take over"))
    }

    /// Shows a run, from its first event on.
    fn open(&mut self, project: PathBuf, run: RunId) {
        self.generation += 1;
        self.feed = None;
        self.replaying = None;
        self.asked.clear();
        self.state = State::new(project.clone(), Some(run.clone()));
        self.data = Data { projects: std::mem::take(&mut self.data.projects), ..Data::default() };
        self.model = Some(Model::new(run));
        self.worker.send(Job::Ledger { project, generation: self.generation });
    }

    fn follow(&mut self, reader: Reader) {
        if let Some(run) = self.state.run.clone() {
            self.feed = Some(Feed::new(reader, run, self.generation, self.sender.clone()));
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "paces pictures; what is shown comes from a Clock")]
fn now() -> Instant {
    Instant::now()
}
