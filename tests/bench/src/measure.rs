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
    #[error("the ledger refuses a step")]
    Ledger(#[source] loki_ledger::LedgerError),
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

/// A measured number.
#[derive(Debug, Clone)]
pub(crate) struct Figure {
    /// What was measured.
    pub(crate) what: String,
    pub(crate) value: f64,
    pub(crate) unit: &'static str,
    pub(crate) target: Target,
}

impl Figure {
    /// The figure as a line of the table.
    pub(crate) fn line(&self, benchmark: &str) -> String {
        let (target, met) = match self.target {
            Target::Below(most) => (format!("< {most}"), Some(self.value < most)),
            Target::AtLeast(least) => (format!(">= {least}"), Some(self.value >= least)),
            Target::None => (String::new(), None),
        };
        let met = met.map_or("", |met| if met { "met" } else { "MISSED" });
        let (what, value, unit) = (&self.what, self.value, self.unit);
        format!("{benchmark:<18} {what:<44} {value:>12.2} {unit:<9} {target:<10} {met}").trim_end().to_owned()
    }
}

/// How long `act` takes.
#[expect(clippy::disallowed_methods, reason = "a benchmark measures real time")]
pub(crate) fn timed<T>(act: impl FnOnce() -> T) -> (T, Duration) {
    let began = Instant::now();
    let result = act();
    (result, began.elapsed())
}

/// The middle one; the upper of two.
pub(crate) fn median(mut durations: Vec<Duration>) -> Duration {
    durations.sort_unstable();
    durations.get(durations.len() / 2).copied().unwrap_or_default()
}

pub(crate) fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_whether_the_target_is_met() {
        let figure = |value, target| Figure { what: "median".to_owned(), value, unit: "ms", target };
        assert!(figure(4.0, Target::Below(5.0)).line("x").ends_with("< 5        met"));
        assert!(figure(5.0, Target::Below(5.0)).line("x").ends_with("MISSED"));
        assert!(figure(5.0, Target::AtLeast(5.0)).line("x").ends_with(" met"));
        assert!(figure(5.0, Target::None).line("x").ends_with("ms"));
    }

    #[test]
    fn the_median_is_the_middle() {
        let of = |numbers: &[u64]| median(numbers.iter().map(|n| Duration::from_millis(*n)).collect());
        assert_eq!(of(&[9, 1, 5]), Duration::from_millis(5));
        assert_eq!(of(&[4, 1]), Duration::from_millis(4));
        assert_eq!(of(&[]), Duration::ZERO);
    }
}
