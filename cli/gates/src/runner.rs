//! Reads out of what a test runner prints how many tests really passed.
//!
//! Pure. What makes a run green is decided in one place, [`Reading::colour`]: the command ended with 0, at
//! least one runner's own summary was read, something passed, nothing failed, and nothing contradicts itself.
//!
//! What that is worth. Code under test runs in the same process as its runner, or beside it, and can print
//! whatever it likes. These hold:
//! - A command that does not end with 0 is never green, whatever it prints.
//! - A line that merely looks like a summary counts only in the shape in which that runner prints it, on the
//!   streams it prints to, and only for the runners that the command can lead to; where a runner prints one
//!   summary, the last one counts, and the real one comes last.
//! - Where a runner's output has a structure (`cargo test`, TAP, `go test -json`), a summary without its
//!   beginning, a beginning without its summary, or numbers that do not add up make the output unreadable,
//!   which is never green: a test that ends the process early is found out by it.
//!
//! This does not: a test that prints a whole and consistent imitation of its runner's output and then ends
//! the process with 0. Nothing that reads output can tell, and neither can a report file, which the same
//! code can write. Such a test is visible in the change, where other gates and reviewers look for it.

mod cargo;
mod golang;
mod javascript;
mod junit;
mod jvm;
mod node;
mod python;
mod tap;
mod text;

pub use golang::readable;
pub use junit::{Reports, found_reports, remove_reports};
pub use text::plain;

/// Names of failing tests that are kept.
const FAILING_MAX: usize = 1_000;

/// Characters of a failing test's name that are kept.
const NAME_CHARS_MAX: usize = 300;

/// A test runner whose output can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Runner {
    /// `cargo test`.
    Cargo,
    /// `cargo nextest`.
    Nextest,
    /// `node --test`, by its reporters `tap` and `spec`.
    Node,
    /// Jest.
    Jest,
    /// Vitest.
    Vitest,
    /// Mocha, by its reporter `spec`.
    Mocha,
    /// `bun test`.
    Bun,
    /// Pytest.
    Pytest,
    /// Python's `unittest`.
    Unittest,
    /// `go test`, with and without `-json`.
    Go,
    /// Maven's surefire and failsafe.
    Maven,
    /// Anything that prints the Test Anything Protocol.
    Tap,
}

/// How many tests did what.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Count {
    /// Passed.
    pub passed: u64,
    /// Failed, or could not be run.
    pub failed: u64,
    /// Left out, or expected to fail.
    pub skipped: u64,
    /// The names of those that failed, as far as the runner tells; sorted, without doubles, at most 1,000.
    pub failing: Vec<String>,
}

/// What was read out of an output.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Reading {
    /// What each runner says whose summary was found.
    pub counts: Vec<(Runner, Count)>,
    /// What the reports that a runner wrote say, added up; none where there are none.
    pub reported: Option<Count>,
    /// Why an output cannot be believed, by runner.
    pub torn: Vec<(Runner, &'static str)>,
}

/// What an output and an exit code come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Colour {
    /// Tests were run, and all that were passed.
    Green,
    /// Something failed.
    Red,
    /// It cannot be told, and is therefore not green.
    Unclear(&'static str),
}

/// What a runner's parser finds: nothing of that runner, a count, or an output that contradicts itself.
type Found = Option<Result<Count, &'static str>>;

impl Runner {
    /// Every runner.
    pub const ALL: [Runner; 12] = [
        Runner::Cargo,
        Runner::Nextest,
        Runner::Node,
        Runner::Jest,
        Runner::Vitest,
        Runner::Mocha,
        Runner::Bun,
        Runner::Pytest,
        Runner::Unittest,
        Runner::Go,
        Runner::Maven,
        Runner::Tap,
    ];

    /// What people call it.
    pub fn name(self) -> &'static str {
        match self {
            Runner::Cargo => "cargo test",
            Runner::Nextest => "cargo nextest",
            Runner::Node => "node --test",
            Runner::Jest => "jest",
            Runner::Vitest => "vitest",
            Runner::Mocha => "mocha",
            Runner::Bun => "bun test",
            Runner::Pytest => "pytest",
            Runner::Unittest => "unittest",
            Runner::Go => "go test",
            Runner::Maven => "maven",
            Runner::Tap => "TAP",
        }
    }

    /// Whether its summary goes to stderr.
    fn sums_up_on_stderr(self) -> bool {
        matches!(self, Runner::Nextest | Runner::Jest | Runner::Bun | Runner::Unittest)
    }

    fn parse(self, lines: &[&str]) -> Found {
        match self {
            Runner::Cargo => cargo::libtest(lines),
            Runner::Nextest => cargo::nextest(lines),
            Runner::Node => node::parse(lines),
            Runner::Jest => javascript::jest(lines),
            Runner::Vitest => javascript::vitest(lines),
            Runner::Mocha => javascript::mocha(lines),
            Runner::Bun => javascript::bun(lines),
            Runner::Pytest => python::pytest(lines),
            Runner::Unittest => python::unittest(lines),
            Runner::Go => golang::parse(lines),
            Runner::Maven => jvm::maven(lines),
            Runner::Tap => tap::parse(lines),
        }
    }
}

impl Count {
    /// Adds what another one says.
    pub fn add(&mut self, other: Count) {
        self.passed = self.passed.saturating_add(other.passed);
        self.failed = self.failed.saturating_add(other.failed);
        self.skipped = self.skipped.saturating_add(other.skipped);
        self.failing.extend(other.failing);
        self.tidy();
    }

    fn with_failing(mut self, names: impl IntoIterator<Item = String>) -> Self {
        self.failing = names.into_iter().collect();
        self.tidy();
        self
    }

    fn tidy(&mut self) {
        self.failing.iter_mut().for_each(|name| {
            if let Some((end, _)) = name.char_indices().nth(NAME_CHARS_MAX) {
                name.truncate(end);
            }
        });
        self.failing.retain(|name| !name.trim().is_empty());
        self.failing.sort();
        self.failing.dedup();
        self.failing.truncate(FAILING_MAX);
    }
}

impl Reading {
    /// The same with what reports say.
    #[must_use]
    pub fn with_reports(self, reported: Option<Count>) -> Reading {
        Reading { reported, ..self }
    }

    /// Everything that was counted, added up.
    pub fn total(&self) -> Count {
        let mut total = Count::default();
        self.counts.iter().for_each(|(_, count)| total.add(count.clone()));
        self.reported.iter().for_each(|count| total.add(count.clone()));
        total
    }

    /// What it comes to, with the exit code of the command that printed it. The only place that says green.
    pub fn colour(&self, exit_code: i32) -> Colour {
        let total = self.total();
        if exit_code != 0 || total.failed > 0 {
            return Colour::Red;
        }
        if let Some((_, why)) = self.torn.first() {
            return Colour::Unclear(why);
        }
        match (self.counts.is_empty() && self.reported.is_none(), total.passed) {
            (true, _) => Colour::Unclear("no test runner's summary was found in the output"),
            (false, 0) => Colour::Unclear("no test passed"),
            (false, _) => Colour::Green,
        }
    }
}

/// Reads what a command printed, looking for the summaries of `runners` alone.
///
/// Each runner's summary is looked for on the stream it is printed to; on the other one only where there is
/// none. Limits are the caller's: the time is linear in the bytes given.
pub fn read(stdout: &str, stderr: &str, runners: &[Runner]) -> Reading {
    let (stdout, stderr) = (plain(stdout), plain(stderr));
    let (stdout, stderr): (Vec<&str>, Vec<&str>) = (stdout.lines().collect(), stderr.lines().collect());
    let mut reading = Reading::default();
    for runner in runners {
        let (own, other) = if runner.sums_up_on_stderr() { (&stderr, &stdout) } else { (&stdout, &stderr) };
        let Some(found) = runner.parse(own).or_else(|| runner.parse(other)) else { continue };
        match found {
            // Names are often told on the stream that has no summary.
            Ok(count) => reading.counts.push((*runner, named(*runner, count, other))),
            Err(why) => reading.torn.push((*runner, why)),
        }
    }
    // Node's reporter `tap` is TAP too, and says more by itself.
    if reading.counts.iter().any(|(runner, _)| *runner == Runner::Node) {
        reading.counts.retain(|(runner, _)| *runner != Runner::Tap);
        reading.torn.retain(|(runner, _)| *runner != Runner::Tap);
    }
    reading
}

fn named(runner: Runner, count: Count, other: &[&str]) -> Count {
    if count.failed == 0 || !count.failing.is_empty() || runner != Runner::Vitest {
        return count;
    }
    count.with_failing(javascript::vitest_failing(other))
}

#[cfg(test)]
mod tests;
