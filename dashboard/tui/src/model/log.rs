//! The events of a run, one line each, to scroll, filter and search.

use std::collections::VecDeque;

use loki_ledger::Recorded;

use super::line::{Line, Told};

/// Lines kept: the newest.
const ROWS_MAX: usize = 100_000;

/// Bytes of text kept: of the newest lines.
const BYTES_MAX: usize = 16 << 20;

/// What sort of event a line is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// How the run stands.
    Run,
    /// Iterations and phases.
    Phase,
    /// Turns of the provider.
    Turn,
    /// Tool calls.
    Tool,
    /// Proposals, votes and approvals.
    Council,
    /// Gates.
    Gate,
    /// Snapshots, comparisons, recoveries, the receipt.
    Effect,
    /// Waits.
    Wait,
    /// Commands that were taken.
    Command,
    /// Files that others changed.
    Edit,
}

/// One line of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// What sort.
    pub kind: Kind,
    /// The line.
    pub line: Line,
}

/// The log, oldest first.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Log {
    rows: VecDeque<Row>,
    bytes: usize,
    /// How many older lines are not kept.
    pub dropped: u64,
    last: u64,
}

/// Which lines are shown.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Filter {
    /// Of this sort only.
    pub kind: Option<Kind>,
    /// That hold this text, whatever its case; all where it is empty.
    pub text: String,
    /// Up to this event.
    pub until: Option<u64>,
}

impl Kind {
    /// All of them, in the order a filter steps through.
    pub const ALL: [Self; 10] = [
        Self::Run,
        Self::Phase,
        Self::Turn,
        Self::Tool,
        Self::Council,
        Self::Gate,
        Self::Effect,
        Self::Wait,
        Self::Command,
        Self::Edit,
    ];

    /// Its name on a screen.
    pub fn name(self) -> &'static str {
        match self {
            Self::Run => "run",
            Self::Phase => "phase",
            Self::Turn => "turn",
            Self::Tool => "tool",
            Self::Council => "council",
            Self::Gate => "gate",
            Self::Effect => "step",
            Self::Wait => "wait",
            Self::Command => "command",
            Self::Edit => "edit",
        }
    }
}

impl Log {
    /// Adds an event as it was told.
    pub(super) fn push(&mut self, recorded: &Recorded, told: Told) {
        let Told { kind, mark, text } = told;
        self.bytes += text.len();
        self.last = recorded.seq;
        self.rows
            .push_back(Row { kind, line: Line { seq: recorded.seq, at_ms: recorded.at_ms, mark, text } });
        while self.rows.len() > ROWS_MAX || self.bytes > BYTES_MAX {
            let Some(oldest) = self.rows.pop_front() else { break };
            self.bytes -= oldest.line.text.len();
            self.dropped += 1;
        }
    }

    /// The newest event's number; 0 before the first.
    pub fn last(&self) -> u64 {
        self.last
    }

    /// Lines kept.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The lines that a filter lets through, oldest first: at most `height` of them from `top` on, which is
    /// told how many there are. Returns how many there are and what `top` said as well.
    pub fn window(
        &self,
        filter: &Filter,
        height: usize,
        top: impl FnOnce(usize) -> usize,
    ) -> (usize, usize, Vec<&Row>) {
        let until = filter.until.unwrap_or(u64::MAX);
        let end = self.rows.partition_point(|row| row.line.seq <= until);
        if filter.kind.is_none() && filter.text.is_empty() {
            let top = top(end);
            let rows = self.rows.range(top.min(end)..top.saturating_add(height).min(end));
            return (end, top, rows.collect());
        }
        let wanted = filter.text.to_lowercase();
        let lets_through = |row: &&Row| {
            filter.kind.is_none_or(|kind| kind == row.kind)
                && (wanted.is_empty() || holds(&row.line.text, &wanted))
        };
        let rows: Vec<&Row> = self.rows.range(..end).filter(lets_through).collect();
        let top = top(rows.len());
        (rows.len(), top, rows.iter().skip(top).take(height).copied().collect())
    }
}

/// Whether `text` holds `wanted`, which is in lower case.
pub(crate) fn holds(text: &str, wanted: &str) -> bool {
    if text.is_ascii() && wanted.is_ascii() {
        let (text, wanted) = (text.as_bytes(), wanted.as_bytes());
        let Some(first) = wanted.first() else { return true };
        // A hundred thousand lines are searched for every picture, so what cannot begin there is skipped quickly.
        let mut begins = memchr::memchr2_iter(*first, first.to_ascii_uppercase(), text);
        let fits = |at: usize| text.get(at..at + wanted.len());
        return begins.any(|at| fits(at).is_some_and(|part| part.eq_ignore_ascii_case(wanted)));
    }
    text.to_lowercase().contains(wanted)
}
