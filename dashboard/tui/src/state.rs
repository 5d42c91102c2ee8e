//! What a screen is at: the view, where it is scrolled to, what is typed. Changed by [`crate::input`] only.

use std::collections::{BTreeMap, VecDeque};
use std::path::PathBuf;

use loki_ledger::event::RunId;
use ratatui::layout::Rect;

use crate::control::Order;
use crate::model::{Filter, Picture};

/// Orders kept that were given here: the newest.
pub(crate) const SENT_MAX: usize = 16;

/// A view.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum View {
    /// Every run of every project.
    Runs,
    /// The run: timeline, checklist, output.
    Run,
    /// Proposals, votes, findings, approvals to give.
    Council,
    /// Gates.
    Gates,
    /// The backend.
    Forge,
    /// Money.
    Cost,
    /// What every prompt holds.
    Memory,
    /// Every event.
    Log,
    /// How files differ.
    Changes,
    /// Keys.
    Help,
}

/// Everything a screen is at.
#[derive(Debug, Clone, PartialEq)]
pub struct State {
    /// The project on the screen.
    pub project: PathBuf,
    /// The run on the screen; `None`: the project has none.
    pub run: Option<RunId>,
    /// The view.
    pub view: View,
    /// Where each view stands.
    pub places: BTreeMap<View, Place>,
    /// A moment of the past that is looked at in place of the present.
    pub replay: Option<Replay>,
    /// What is asked of the person.
    pub dialog: Option<Dialog>,
    /// Which lines of the log are shown.
    pub filter: Filter,
    /// What is searched for in other views; empty: nothing.
    pub search: String,
    /// Over which stretch of the run changes of files are shown: 0 is the whole run, then its snapshots one by
    /// one, in a circle.
    pub stretch: usize,
    /// Orders that were given here, oldest first.
    pub sent: VecDeque<Sent>,
    /// What was last said to the person, and whether it is bad news.
    pub notice: Option<Notice>,
    /// What lay where on the last screen.
    pub hits: Hits,
}

/// Where a view stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The entry that keys act on.
    pub cursor: usize,
    /// The first line shown of what is scrolled.
    pub top: usize,
    /// Whether the end stays in sight as lines come.
    pub follows: bool,
}

/// A moment of the past.
#[derive(Debug, Clone, PartialEq)]
pub struct Replay {
    /// The event that is looked at.
    pub seq: u64,
    /// The event whose picture this is: another one than `seq` while that is being read.
    pub read: u64,
    /// The run as that event left it.
    pub picture: Box<Picture>,
}

/// What is asked of the person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Dialog {
    /// To write something.
    Write {
        /// What for.
        purpose: Purpose,
        /// What was written so far.
        text: String,
    },
    /// To say yes.
    Confirm {
        /// To what.
        order: Order,
        /// The question.
        question: String,
    },
}

/// What something is written for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Purpose {
    /// To search for it.
    Search,
    /// To guide the run.
    Steer,
    /// As the reason of an approval of the proposal with this hash.
    Approve {
        /// The hash.
        subject: String,
    },
    /// As the reason of a refusal.
    Reject {
        /// The hash.
        subject: String,
    },
}

/// An order that was given here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent {
    /// Its number on this screen.
    pub number: u64,
    /// What it says.
    pub text: String,
    /// When it was given, in milliseconds since the epoch.
    pub at_ms: i64,
    /// What came of it.
    pub fate: Fate,
}

/// What came of an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// It is on its way.
    Sending,
    /// It lies in the run's inbox under this number.
    Told(i64),
    /// It was carried out.
    Done(String),
    /// It was refused.
    Failed(String),
}

/// Something said to the person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// The words.
    pub text: String,
    /// Whether something went wrong.
    pub is_bad: bool,
}

/// What lay where on the last screen, and how much there was to scroll.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Hits {
    /// The names of views.
    pub tabs: Vec<(Rect, View)>,
    /// The list that keys act on: where it is, and its first entry there.
    pub list: Option<(Rect, usize)>,
    /// Entries of the list.
    pub entries: usize,
    /// Lines of what is scrolled.
    pub lines: usize,
    /// Lines of it that fit.
    pub height: usize,
    /// The slider of a replay.
    pub slider: Option<Rect>,
    /// Lines in which the search was found.
    pub found: Vec<usize>,
}

impl View {
    /// All of them, in the order of their keys: `1` to `9`, then `0`.
    pub const ALL: [Self; 10] = [
        Self::Run,
        Self::Council,
        Self::Gates,
        Self::Forge,
        Self::Cost,
        Self::Memory,
        Self::Log,
        Self::Changes,
        Self::Runs,
        Self::Help,
    ];

    /// Its name on a screen.
    pub fn name(self) -> &'static str {
        match self {
            Self::Runs => "runs",
            Self::Run => "run",
            Self::Council => "council",
            Self::Gates => "gates",
            Self::Forge => "forge",
            Self::Cost => "cost",
            Self::Memory => "memory",
            Self::Log => "log",
            Self::Changes => "changes",
            Self::Help => "help",
        }
    }

    /// Its key.
    pub fn key(self) -> char {
        match Self::ALL.iter().position(|view| *view == self) {
            Some(at @ 0..9) => (b'1' + at as u8) as char,
            Some(_) | None => '0',
        }
    }

    /// Whether it has a list with a cursor beside what is scrolled.
    pub fn has_list(self) -> bool {
        matches!(self, Self::Runs | Self::Council | Self::Gates | Self::Changes)
    }
}

impl Default for Place {
    fn default() -> Self {
        Self { cursor: 0, top: 0, follows: true }
    }
}

impl State {
    /// A screen on a project, and on a run of it where it has one.
    pub fn new(project: PathBuf, run: Option<RunId>) -> Self {
        let view = if run.is_some() { View::Run } else { View::Runs };
        Self {
            project,
            run,
            view,
            places: BTreeMap::new(),
            replay: None,
            dialog: None,
            filter: Filter::default(),
            search: String::new(),
            stretch: 0,
            sent: VecDeque::new(),
            notice: None,
            hits: Hits::default(),
        }
    }

    /// Where the view on the screen stands.
    pub fn place(&self) -> Place {
        self.places.get(&self.view).copied().unwrap_or_default()
    }

    /// Where the view on the screen stands, to be changed.
    pub fn place_mut(&mut self) -> &mut Place {
        self.places.entry(self.view).or_default()
    }

    /// Says something to the person.
    pub fn say(&mut self, text: impl Into<String>) {
        self.notice = Some(Notice { text: text.into(), is_bad: false });
    }

    /// Says that something went wrong.
    pub fn complain(&mut self, text: impl Into<String>) {
        self.notice = Some(Notice { text: text.into(), is_bad: true });
    }
}
