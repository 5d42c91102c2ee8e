//! Time, and figures beside their targets.

use std::io;
use std::process::ExitStatus;
use std::time::{Duration, Instant};

/// Why a benchmark has no figure.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BenchError {
    #[error("{0}")]
    Arguments(&'static str),
    #[error("there is no benchmark `{0}`")]
    Unknown(String),
    #[error("failed to write the figures")]
    Output(#[source] io::Error),
    #[error("failed to {what}")]
    Io {
        what: String,
        #[source]
        source: io::Error,
    },
    #[error("`{program}` ended with {status}, which is not what is measured here:\n{stderr}")]
    Ended { program: String, status: ExitStatus, stderr: String },
    #[error("the run refuses an event")]
    Fold(#[source] loki_ledger::run::FoldError),
    #[error("the document is not read")]
    Detect(#[source] forge_detect::DetectError),
    #[error("the ledger refuses a step")]
    Ledger(#[source] loki_ledger::LedgerError),
    #[error("a confined command did not run as it should: {0}")]
    Sandbox(String),
    #[error("the server did not answer as it should: {0}")]
    Server(String),
    #[error("a program in a terminal: {0}")]
    Terminal(String),
    #[error("the migration did not go through")]
    Migration(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl BenchError {
    /// What could not be done with the machine.
    pub(crate) fn io(what: impl Into<String>) -> impl FnOnce(io::Error) -> BenchError {
        let what = what.into();
        move |source| BenchError::Io { what, source }
    }
}

/// Whether a figure is good when it is small or when it is large.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Target {
    Below(f64),
    AtLeast(f64),
    /// Shown beside others.
    None,
}

/// A number that was measured several times. Its median is what counts.
#[derive(Debug, Clone)]
pub(crate) struct Figure {
    what: String,
    unit: &'static str,
    target: Target,
    /// Ascending.
    rounds: Vec<f64>,
}

impl Figure {
    pub(crate) fn new(
        what: impl Into<String>,
        unit: &'static str,
        target: Target,
        mut rounds: Vec<f64>,
    ) -> Self {
        rounds.sort_unstable_by(f64::total_cmp);
        Self { what: what.into(), unit, target, rounds }
    }

    /// The middle one; the upper of two.
    pub(crate) fn median(&self) -> f64 {
        self.rounds.get(self.rounds.len() / 2).copied().unwrap_or(f64::NAN)
    }

    /// The figure as a line of the table.
    pub(crate) fn line(&self, benchmark: &str) -> String {
        let Self { what, unit, rounds, .. } = self;
        let value = self.median();
        let (target, met) = match self.target {
            Target::Below(most) => (format!("< {most}"), Some(value < most)),
            Target::AtLeast(least) => (format!(">= {least}"), Some(value >= least)),
            Target::None => (String::new(), None),
        };
        let met = met.map_or("", |met| if met { "met" } else { "MISSED" });
        let [least, most] = [rounds.first(), rounds.last()].map(|end| end.copied().unwrap_or(f64::NAN));
        let count = rounds.len();
        let line = format!(
            "{benchmark:<18} {what:<36} {least:>10.2} {value:>10.2} {most:>10.2} {unit:<8} of {count:<4} {target:<8} {met}"
        );
        line.trim_end().to_owned()
    }
}

/// Heads the table of lines.
pub(crate) fn heading() -> String {
    let [benchmark, what, least, value, most] = ["benchmark", "what", "least", "median", "most"];
    format!(
        "{benchmark:<18} {what:<36} {least:>10} {value:>10} {most:>10} {:<8} {:<7} target",
        "unit", "rounds"
    )
}

/// How long `act` takes.
#[expect(clippy::disallowed_methods, reason = "a benchmark measures real time")]
pub(crate) fn timed<T>(act: impl FnOnce() -> T) -> (T, Duration) {
    let began = Instant::now();
    let result = act();
    (result, began.elapsed())
}

pub(crate) fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figure(target: Target, rounds: &[f64]) -> Figure {
        Figure::new("it", "ms", target, rounds.to_vec())
    }

    #[test]
    fn a_line_says_whether_the_median_meets_the_target() {
        let line = |median, target| figure(target, &[1.0, median, 9.0]).line("x");
        assert!(line(4.0, Target::Below(5.0)).ends_with("< 5      met"));
        assert!(line(5.0, Target::Below(5.0)).ends_with("MISSED"));
        assert!(line(5.0, Target::AtLeast(5.0)).ends_with(" met"));
        assert!(line(5.0, Target::None).ends_with("of 3"));
        assert!(figure(Target::Below(5.0), &[]).line("x").ends_with("MISSED"));
    }

    #[test]
    fn the_median_is_the_middle() {
        assert!((figure(Target::None, &[9.0, 1.0, 5.0]).median() - 5.0).abs() < 1e-9);
        assert!((figure(Target::None, &[4.0, 1.0]).median() - 4.0).abs() < 1e-9);
        assert!(figure(Target::None, &[]).median().is_nan());
    }
}
