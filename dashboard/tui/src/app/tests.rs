use std::collections::VecDeque;
use std::path::Path;
use std::sync::Mutex;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use loki_ledger::Ledger;
use loki_ledger::event::{Command, Event};
use loki_store::SystemClock;
use tempfile::TempDir;

use super::*;
use crate::control::{Done, Order};
use crate::data::{FileChange, ForgeState, Schema, Stretch};
use crate::model::tests::{ledger as invented, run_id, spread};

/// How long something may take that another thread does.
const PATIENCE: Duration = Duration::from_secs(60);

type Orders = Arc<Mutex<VecDeque<Order>>>;

/// A program around that has one project, and notes orders in place of carrying them out.
struct Around {
    root: PathBuf,
    orders: Orders,
}

impl Control for Around {
    fn projects(&mut self) -> Vec<PathBuf> {
        vec![self.root.clone()]
    }

    fn ledger(&mut self, project: &Path) -> Result<Reader, String> {
        Reader::open(project).map_err(|error| error.to_string())
    }

    fn driver(&mut self, _: &Path) -> Option<u32> {
        Some(1)
    }

    fn carry_out(&mut self, project: &Path, run: &RunId, order: &Order) -> Result<Done, String> {
        self.orders.lock().unwrap().push_back(order.clone());
        match order {
            Order::Pause => {
                let id =
                    self.ledger(project)?.send(run, &Command::Pause).map_err(|error| error.to_string())?;
                Ok(Done { command: Some(id), message: "told".to_owned() })
            }
            _ => Err("not here".to_owned()),
        }
    }

    fn forge(&mut self, _: &Path) -> Result<Option<ForgeState>, String> {
        Ok(None)
    }

    fn preview(&mut self, _: &Path, _: &str) -> Result<(Schema, Schema), String> {
        Err("not here".to_owned())
    }

    fn changes(&mut self, _: &Path, _: &Stretch) -> Result<Vec<FileChange>, String> {
        Err("not here".to_owned())
    }
}

/// A dashboard on a run that this test writes.
struct Stage {
    app: App,
    receiver: Receiver<Message>,
    ledger: Arc<Ledger>,
    orders: Orders,
    written: usize,
    _dir: TempDir,
}

impl Stage {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let ledger = Ledger::open(dir.path(), Arc::new(SystemClock)).unwrap();
        let orders = Orders::default();
        let (sender, receiver) = sync_channel(MESSAGES_MAX);
        let control = Around { root: dir.path().to_owned(), orders: Arc::clone(&orders) };
        let worker = Worker::new(Box::new(control), sender.clone());
        let mut stage = Self {
            app: App::new(
                Opening { look: Look::default(), project: dir.path().to_owned(), run: None },
                Arc::new(SystemClock),
                worker,
                sender,
            ),
            receiver,
            ledger: Arc::new(ledger),
            orders,
            written: 0,
            _dir: dir,
        };
        stage.write(1);
        let project = stage.app.state.project.clone();
        stage.app.open(project, run_id());
        stage
    }

    /// Writes events up to that number.
    fn write(&mut self, until: usize) {
        for word in
            ["document", "requirements", "request", "input", "output", "turn", "proposal", "verdict", "facts"]
        {
            self.ledger.put(word.as_bytes()).unwrap();
        }
        for recorded in &invented(&spread(until as u32))[self.written..] {
            self.ledger.append(&run_id(), recorded.event.clone()).unwrap();
        }
        self.written = until;
    }

    /// Takes what comes until something holds.
    #[track_caller]
    fn until(&mut self, what: &str, holds: impl Fn(&App) -> bool) {
        let deadline = now() + PATIENCE;
        let mut screen = screen();
        while !holds(&self.app) {
            assert!(now() < deadline, "{what}, within {PATIENCE:?}");
            self.app.ask();
            if let Ok(message) = self.receiver.recv_timeout(Duration::from_millis(200)) {
                assert_eq!(self.app.take(&mut screen, message).unwrap(), None);
            }
            self.app.draw(&mut screen).unwrap();
        }
    }

    fn press(&mut self, c: char) {
        let event = TerminalEvent::Key(KeyEvent::new(KeyCode::Char(c), KeyModifiers::NONE));
        let mut screen = screen();
        self.app.take(&mut screen, Message::Terminal(event)).unwrap();
    }
}

fn screen() -> Screen<io::Sink> {
    Screen::of_size(io::sink(), 120, 40)
}

fn seen(app: &App) -> u64 {
    app.model.as_ref().map_or(0, |model| model.log.last())
}

#[test]
fn events_appear_as_they_are_written() {
    let mut stage = Stage::new();
    stage.until("the first is seen", |app| seen(app) == 1);
    stage.write(60);
    stage.until("all are seen", |app| seen(app) == 60);
    assert_eq!(stage.app.model.as_ref().unwrap().live.disorder, None);
    let orders = stage.orders.lock().unwrap().len();
    assert_eq!(orders, 0, "looking tells nobody anything");
}

#[test]
fn opened_again_the_same_is_seen() {
    let mut stage = Stage::new();
    stage.write(300);
    stage.until("all are seen", |app| seen(app) == 300);
    let before = stage.app.model.clone();
    let project = stage.app.state.project.clone();
    stage.app.open(project, run_id());
    assert_eq!(seen(&stage.app), 0);
    stage.until("all are seen again", |app| seen(app) == 300);
    assert_eq!(stage.app.model, before);
}

#[test]
fn an_order_is_carried_out_and_its_delivery_is_seen() {
    let mut stage = Stage::new();
    stage.write(5);
    stage.until("it is seen", |app| seen(app) == 5);
    stage.press('p');
    stage.until("it lies in the inbox", |app| matches!(app.state.sent.back().unwrap().fate, Fate::Told(_)));
    let Fate::Told(id) = stage.app.state.sent.back().unwrap().fate else { panic!("told") };
    let taken = Event::CommandTaken { id, command: Command::Pause, iteration: 0 };
    stage.ledger.append(&run_id(), taken).unwrap();
    let is_taken = |app: &App| app.model.as_ref().unwrap().live.taken.iter().any(|taken| taken.id == id);
    stage.until("it was taken", is_taken);
    assert!(stage.app.model.as_ref().unwrap().live.run.paused);
}

#[test]
fn a_refused_order_says_why() {
    let mut stage = Stage::new();
    stage.until("it is seen", |app| seen(app) == 1);
    "Sy".chars().for_each(|c| stage.press(c));
    stage.until(
        "it is refused",
        |app| matches!(&app.state.sent.back().unwrap().fate, Fate::Failed(why) if why == "not here"),
    );
    assert_eq!(stage.orders.lock().unwrap().back(), Some(&Order::Stop));
}

#[test]
fn a_replay_shows_what_was_there() {
    let mut stage = Stage::new();
    stage.write(700);
    stage.until("all are seen", |app| seen(app) == 700);
    "{{[".chars().for_each(|c| stage.press(c));
    let there = |app: &App| app.state.replay.as_ref().is_some_and(|replay| replay.picture.seq() == 499);
    stage.until("the moment is read", there);
    let mut live = crate::model::Picture::new(run_id());
    let reader = stage.ledger.reader();
    reader.events(&run_id(), 0).unwrap().events.iter().take(499).for_each(|event| live.apply(event));
    assert_eq!(*stage.app.state.replay.as_ref().unwrap().picture, live);
}

#[test]
fn a_moment_that_makes_no_sense_is_read_once() {
    let mut stage = Stage::new();
    // The ledger keeps what it is given; that this cannot follow shows when it is folded.
    stage.ledger.append(&run_id(), Event::EffectRetried { effect: 99 }).unwrap();
    stage.ledger.append(&run_id(), Event::Overdrawn { needed_micro_usd: None }).unwrap();
    stage.until("all are seen", |app| seen(app) == 3);
    assert_eq!(stage.app.model.as_ref().unwrap().live.disorder.as_ref().unwrap().seq, 2);
    stage.press('[');
    stage.until("it is read", |app| app.state.replay.as_ref().is_some_and(|replay| replay.read == 2));
    stage.app.ask();
    assert_eq!(stage.app.replaying, None, "it is not asked for again");
}

#[test]
fn runs_are_listed_with_how_they_stand() {
    let mut stage = Stage::new();
    let stop = Event::RunStopped { stop: loki_ledger::event::Stop::Requested };
    stage.ledger.append(&run_id(), stop).unwrap();
    stage.press('9');
    stage.until("they are listed", |app| app.data.projects.ready().is_some());
    let (projects, _) = stage.app.data.projects.ready().unwrap();
    let run = &projects[0].runs.as_ref().unwrap()[0];
    assert_eq!(run.document.as_deref(), Some("PRD.md"));
    assert_eq!(run.end, Some(crate::data::RunEnd::Stopped("stopped on request".to_owned())));
}

#[test]
fn a_storm_of_events_leaves_the_keys_alive() {
    let mut stage = Stage::new();
    // Kept against the end of the process alone, so that the disk does not slow the storm down.
    let attached = |pid| Event::Attached { pid, attended: true };
    let ledger = Arc::clone(&stage.ledger);
    let writer = std::thread::spawn(move || {
        (1..=3000).for_each(|pid| drop(ledger.append(&run_id(), attached(pid)).unwrap()));
    });
    stage.until("it is seen", |app| seen(app) > 100);
    stage.press('7');
    assert_eq!(stage.app.state.view, View::Log);
    stage.until("all are seen", |app| seen(app) == 3001);
    writer.join().unwrap();
}

#[test]
fn what_comes_late_for_another_run_is_not_taken() {
    let mut stage = Stage::new();
    stage.until("it is seen", |app| seen(app) == 1);
    stage.app.is_dirty = false;
    let late = Message::Events(
        0,
        vec![crate::model::tests::recorded(2, 2, Event::Overdrawn { needed_micro_usd: None })],
    );
    stage.app.take(&mut screen(), late).unwrap();
    assert_eq!((seen(&stage.app), stage.app.is_dirty), (1, false));
}

#[test]
fn it_is_drawn_for_a_change_and_for_ages_and_not_otherwise() {
    let mut stage = Stage::new();
    stage.app.draw(&mut screen()).unwrap();
    assert!(!stage.app.is_dirty);
    stage.app.tick();
    assert!(!stage.app.is_dirty && stage.app.patience() > FRAME, "it waits");
    assert!(stage.app.patience() <= TICK);
    let resized = Message::Terminal(TerminalEvent::Resize(80, 24));
    stage.app.take(&mut screen(), resized).unwrap();
    assert!(stage.app.is_dirty && stage.app.patience() <= FRAME, "at most 60 in a second");
}
