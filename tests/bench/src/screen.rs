//! The terminal dashboard over a long history: 100,000 events, 1,000 runs and a difference of 5 MB.
//!
//! What is drawn is measured in this process, whatever a terminal takes; the rest is the built program in a
//! terminal of its own. The peer is Toolong, a viewer of logs written with Textual, over the same events as lines
//! of a log; it does less, and holds no more than it shows.

use std::fs;
use std::num::NonZeroU16;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use loki_engine::worktree::Worktree;
use loki_ledger::Ledger;
use loki_ledger::event::{EffectKind, Event, Intent, Outcome, Recovery, RunId, Stop};
use loki_store::{Clock, SystemClock};
use loki_tui::data::{Contents, Data, FileChange, Loaded, ProjectRuns, RunDigest, RunEnd, Stretch};
use loki_tui::diff::compare;
use loki_tui::look::Look;
use loki_tui::model::Model;
use loki_tui::state::{State, View};
use loki_tui::view::{Scene, draw};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use tempfile::TempDir;

use crate::Setup;
use crate::durable::{Mode, Steps};
use crate::fold::{run_id, started};
use crate::measure::{BenchError, Figure, Target, milliseconds, timed};
use crate::terminal::{Size, Terminal};

const SIZE: Size = (NonZeroU16::new(200).expect("not zero"), NonZeroU16::new(50).expect("not zero"));
/// Two events each.
const STEPS: u32 = 50_000;
const RUNS: u32 = 1_000;
/// Bytes of each side of the difference.
const SIDE_BYTES: usize = 5 << 19;
const FRAMES: usize = 60;
const ROUNDS: usize = 7;
const IDLE: Duration = Duration::from_secs(20);
const STORM_STEPS: u32 = 25_000;
/// Steps of two events that a storm has in a hundredth of a second.
const STORM_BEAT: u32 = 50;

/// The views that keys lead to, and what each shows.
const VIEWS: [(&str, &str); 5] = [
    ("7", "tool: done"),
    ("9", "Runs of 1 project"),
    ("8", "big.txt"),
    ("5", "By model"),
    ("1", "Checklist"),
];

/// A project with a long history.
struct Project {
    folder: TempDir,
    steps: Steps,
}

impl Project {
    fn make() -> Result<Self, BenchError> {
        let folder = tempfile::tempdir().map_err(BenchError::io("make a folder"))?;
        let state = folder.path().join(".loki");
        fs::create_dir(&state).map_err(BenchError::io("make a folder"))?;
        let steps = Steps::begin(&state, Mode::Process)?;
        let ledger = steps.ledger();
        for number in 1..RUNS {
            let run = RunId::parse(&format!("20250101-{number:06}-{number:04x}"));
            let run = run.unwrap_or_else(|| unreachable!("a name of the usual form"));
            for event in [started(), Event::RunStopped { stop: Stop::Requested }] {
                ledger.append(&run, event).map_err(BenchError::Ledger)?;
            }
        }
        let big = folder.path().join("big.txt");
        fs::write(&big, side("before")).map_err(BenchError::io("write a file"))?;
        let at_ms = SystemClock.now().as_millisecond();
        let snapshot = Worktree::new(folder.path(), &state).snapshot(&run_id(), 1, at_ms);
        let commit = snapshot.map_err(|error| BenchError::Terminal(error.to_string()))?.commit;
        fs::write(&big, side("after")).map_err(BenchError::io("write a file"))?;
        snapshot_taken(ledger, commit)?;
        steps.take(STEPS)?;
        Ok(Self { folder, steps })
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn dashboard(&self, setup: &Setup) -> Command {
        let mut command = Command::new(&setup.loki);
        command.arg("tui").arg(run_id().as_str()).current_dir(self.path()).env("HOME", self.path());
        command.env("TERM", "xterm-256color").env("LANG", "C.UTF-8");
        command
    }
}

fn snapshot_taken(ledger: &Ledger, commit: String) -> Result<(), BenchError> {
    let intent = Intent { kind: EffectKind::Snapshot, recovery: Recovery::Repeat, reserved_micro_usd: 0 };
    let intended = ledger.append(&run_id(), Event::EffectIntended(intent)).map_err(BenchError::Ledger)?;
    let outcome = Outcome::Snapshot { commit };
    let ended = Event::EffectEnded { effect: intended.seq, outcome };
    ledger.append(&run_id(), ended).map(drop).map_err(BenchError::Ledger)
}

/// A side of the difference: no line is as on the other.
fn side(word: &str) -> String {
    let line = |at: usize| format!("{word} {at:>8} of a file that was written anew from end to end\n");
    let lines = SIDE_BYTES / line(0).len();
    (0..lines).map(line).collect()
}

/// Frames, the first picture, memory, rest and a storm.
pub(crate) fn screen(setup: &Setup) -> Result<Vec<Figure>, BenchError> {
    let project = Project::make()?;
    let mut figures = frames(&project)?;
    let (mut painted, mut whole, mut theirs) = (Vec::new(), Vec::new(), Vec::new());
    let peer = Peer::find(setup, &project)?;
    for _ in 0..ROUNDS {
        let mut terminal = Terminal::start(&project.dashboard(setup), SIZE)?;
        let first = terminal.until("the first picture", |screen| screen.contains("1 run"))?;
        painted.push(milliseconds(first));
        let all =
            terminal.until("the last event", |screen| screen.contains(&format!("event {}", events())))?;
        whole.push(milliseconds(all));
        drop(terminal);
        if let Some(peer) = &peer {
            let mut terminal = Terminal::start(&peer.command(), SIZE)?;
            let first = terminal.until("the log", |screen| screen.contains("\"seq\""))?;
            theirs.push(milliseconds(first));
        }
    }
    figures.push(Figure::new("first picture", "ms", Target::Below(100.0), painted));
    figures.push(Figure::new("all events seen", "ms", Target::None, whole));
    if peer.is_some() {
        figures.push(Figure::new("Toolong, first picture", "ms", Target::None, theirs));
    }
    figures.extend(at_rest(setup, &project, peer.as_ref())?);
    figures.extend(storm(setup, &project)?);
    Ok(figures)
}

/// The number of the last event: the run's beginning, its snapshot, its steps.
fn events() -> u64 {
    3 + 2 + 2 * u64::from(STEPS)
}

/// What drawing a picture and finding its difference to the one before takes, the worst view.
fn frames(project: &Project) -> Result<Vec<Figure>, BenchError> {
    let run = run_id();
    let mut model = Model::new(run.clone());
    let reader = project.steps.ledger().reader();
    loop {
        let page = reader.events(&run, model.log.last()).map_err(BenchError::Ledger)?;
        if page.events.is_empty() {
            break;
        }
        model.apply(&page.events);
    }
    let data = data(&model);
    let now_ms = SystemClock.now().as_millisecond();
    let area = Rect::new(0, 0, SIZE.0.get(), SIZE.1.get());
    let mut worst = Vec::new();
    for view in View::ALL {
        let mut state = State::new(PathBuf::from("/home/ada/cookbook"), Some(run.clone()));
        state.view = view;
        let mut before = Buffer::empty(area);
        let mut rounds = Vec::with_capacity(FRAMES);
        for step in 0..FRAMES {
            // Scrolled a line further each time, so that everything in sight changes.
            state.place_mut().top = step * 3;
            state.place_mut().follows = false;
            let scene = Scene {
                model: Some(&model),
                data: &data,
                state: &state,
                look: Look::default(),
                now_ms,
                step: step as u64,
            };
            let mut buffer = Buffer::empty(area);
            let (changed, took) = timed(|| {
                draw(&scene, &mut buffer);
                before.diff(&buffer).len()
            });
            if changed > 0 || step > 0 {
                rounds.push(milliseconds(took));
            }
            before = buffer;
        }
        let figure =
            Figure::new(format!("a frame, {view:?}").to_lowercase(), "ms", Target::Below(8.0), rounds);
        if worst.first().is_none_or(|known: &Figure| figure.median() > known.median()) {
            worst = vec![figure];
        }
    }
    Ok(worst)
}

fn data(model: &Model) -> Data {
    let at_ms = SystemClock.now().as_millisecond();
    let run = |number: u32| RunDigest {
        id: run_id(),
        started_ms: at_ms - i64::from(number) * 60_000,
        events: 100,
        document: Some("PRD.md".to_owned()),
        end: Some(RunEnd::Stopped("verified".to_owned())),
        last_ms: Some(at_ms),
    };
    let project = ProjectRuns {
        root: PathBuf::from("/home/ada/cookbook"),
        driver: None,
        runs: Ok((0..RUNS).map(run).collect()),
    };
    let change = FileChange {
        path: "big.rs".to_owned(),
        before: Contents::Text(side("before")),
        after: Contents::Text(side("after")),
    };
    let from = model.live.run.snapshots.first().map(|snapshot| snapshot.commit.clone()).unwrap_or_default();
    Data {
        projects: Loaded::Ready { value: vec![project], at_ms },
        changes: Some((
            Stretch { from, until: None },
            Loaded::Ready { value: vec![compare(&change)], at_ms },
        )),
        ..Data::default()
    }
}

/// Processor time while nothing happens, and memory once every view was looked at.
fn at_rest(setup: &Setup, project: &Project, peer: Option<&Peer>) -> Result<Vec<Figure>, BenchError> {
    let mut terminal = Terminal::start(&project.dashboard(setup), SIZE)?;
    terminal.until("the last event", |screen| screen.contains(&format!("event {}", events())))?;
    let mut idle = Vec::new();
    for (key, told) in VIEWS {
        terminal.types(key)?;
        terminal.until(told, |screen| screen.contains(told))?;
    }
    for _ in 0..3 {
        idle.push(idle_share(&mut terminal)?);
    }
    let mut figures = vec![
        Figure::new("processor at rest", "%", Target::Below(0.5), idle),
        Figure::new("memory, every view seen", "MiB", Target::Below(60.0), vec![memory(&terminal)?]),
    ];
    drop(terminal);
    if let Some(peer) = peer {
        let mut terminal = Terminal::start(&peer.command(), SIZE)?;
        terminal.until("the log", |screen| screen.contains("\"seq\""))?;
        terminal.watch(Duration::from_secs(3))?;
        let idle = idle_share(&mut terminal)?;
        figures.push(Figure::new("Toolong, processor at rest", "%", Target::None, vec![idle]));
        figures.push(Figure::new("Toolong, memory", "MiB", Target::None, vec![memory(&terminal)?]));
    }
    Ok(figures)
}

/// 10,000 events a second are written; how long a key takes to be seen meanwhile.
fn storm(setup: &Setup, project: &Project) -> Result<Vec<Figure>, BenchError> {
    let mut terminal = Terminal::start(&project.dashboard(setup), SIZE)?;
    terminal.until("the last event", |screen| screen.contains(&format!("event {}", events())))?;
    let is_over = Arc::new(AtomicBool::new(false));
    let (written, answers) = std::thread::scope(|scope| {
        let told = Arc::clone(&is_over);
        let writer = scope.spawn(move || {
            let written = blow(&project.steps);
            told.store(true, Ordering::Relaxed);
            written
        });
        let mut answers = Vec::new();
        let mut typed = || -> Result<(), BenchError> {
            while !is_over.load(Ordering::Relaxed) {
                for (key, told) in [("7", "all events"), ("1", "Checklist")] {
                    let (seen, took) = timed(|| {
                        terminal.types(key)?;
                        terminal.until(told, |screen| screen.contains(told))
                    });
                    seen?;
                    answers.push(milliseconds(took));
                    terminal.watch(Duration::from_millis(50))?;
                }
            }
            Ok(())
        };
        let typed = typed();
        let written = writer.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        typed.and_then(|()| Ok((written?, answers)))
    })?;
    Ok(vec![
        Figure::new("a storm, as written", "events/s", Target::AtLeast(9_500.0), vec![written]),
        Figure::new("a key in the storm, until it is seen", "ms", Target::Below(100.0), answers),
    ])
}

/// Writes the storm, evenly: events a second.
fn blow(steps: &Steps) -> Result<f64, BenchError> {
    let (written, took) = timed(|| {
        for beat in 0..STORM_STEPS / STORM_BEAT {
            let (done, took) = timed(|| steps.take(STORM_BEAT));
            done?;
            if let Some(left) = Duration::from_millis(10).checked_sub(took).filter(|_| beat > 0) {
                std::thread::park_timeout(left);
            }
        }
        Ok::<_, BenchError>(())
    });
    written?;
    Ok(f64::from(2 * STORM_STEPS) / took.as_secs_f64())
}

/// Percent of one processor that a program takes while nothing happens.
fn idle_share(terminal: &mut Terminal) -> Result<f64, BenchError> {
    let before = processor(terminal)?;
    terminal.watch(IDLE)?;
    let used = processor(terminal)? - before;
    Ok(used.as_secs_f64() / IDLE.as_secs_f64() * 100.0)
}

/// Processor time of a process so far, of all its threads, to the nanosecond.
fn processor(terminal: &Terminal) -> Result<Duration, BenchError> {
    let folder = format!("/proc/{}/task", terminal.pid());
    let threads = fs::read_dir(&folder).map_err(BenchError::io("read the account of a program"))?;
    let spent = threads.flatten().filter_map(|thread| {
        // A thread that ends meanwhile has spent next to nothing.
        let text = fs::read_to_string(thread.path().join("schedstat")).ok()?;
        text.split(' ').next()?.parse::<u64>().ok()
    });
    Ok(Duration::from_nanos(spent.sum()))
}

/// MiB that a process holds.
fn memory(terminal: &Terminal) -> Result<f64, BenchError> {
    let status = fs::read_to_string(format!("/proc/{}/status", terminal.pid()))
        .map_err(BenchError::io("read the account of a program"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.trim().trim_end_matches("kB").trim().parse::<f64>().ok());
    kib.map(|kib| kib / 1024.0)
        .ok_or_else(|| BenchError::Terminal(format!("no memory is told of:\n{status}")))
}

/// A viewer of logs, and the events as it reads them.
struct Peer {
    program: PathBuf,
    log: PathBuf,
}

impl Peer {
    /// Beside the Python of the peers, where it is installed.
    fn find(setup: &Setup, project: &Project) -> Result<Option<Self>, BenchError> {
        let program = setup.python.as_ref().map(|python| python.with_file_name("tl"));
        let Some(program) = program.filter(|program| program.exists()) else { return Ok(None) };
        let log = project.path().join(".loki/events.jsonl");
        let file = fs::File::create(&log).map_err(BenchError::io("write the peer's log"))?;
        let reader = project.steps.ledger().reader();
        reader.export(&run_id(), std::io::BufWriter::new(file)).map_err(BenchError::Ledger)?;
        Ok(Some(Self { program, log }))
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.arg(&self.log).env("TERM", "xterm-256color").env("LANG", "C.UTF-8").env("HOME", "/tmp");
        command
    }
}
